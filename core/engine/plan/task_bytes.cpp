// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/task_bytes.h"

#include "core/engine/cuda/kernels/moment_pieces.h"
#include "core/engine/plan/step_bytes.h"

#include <algorithm>

namespace argand::engine {

namespace {

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

std::int64_t block(std::int64_t bytes) {
  return blockBytes(bytes, DeviceKind::Cuda);
}

// Pieces that a row's statistics are joined from.
std::int64_t momentPiecesOf(const Shape& shape) {
  return (shape.size.h * shape.size.w + cuda::kMomentPieceVoxels - 1) / cuda::kMomentPieceVoxels;
}

// One task of a CUDA device, as DeviceRunner and DeviceReader go about it.
class CudaTask {
 public:
  CudaTask(const Task& task,
           const StepGroup& group,
           int device,
           const Plan& plan,
           const Graph& graph,
           const Program& program,
           const std::vector<Shape>& shapes,
           const Schedule& schedule)
      : m_task(task),
        m_group(group),
        m_device(device),
        m_plan(plan),
        m_graph(graph),
        m_program(program),
        m_shapes(shapes),
        m_schedule(schedule),
        m_step(program.step(task.step)),
        m_in(readShape(m_step, graph, shapes)),
        m_out(outputShape(m_step, graph, shapes)),
        m_stored(bytesOf(plan.dtype)),
        m_wide(plan.dtype == DType::Float64 ? 8 : 4) {}

  TaskBytes run() {
    // What comes from elsewhere stays until the task is done, not only until it is read.
    for (const ReadList& reads : m_step.reads) {
      for (const Part& part : reads) {
        m_fetched += fetched(part, clamped(rowsOfReads(), m_in.size.d));
      }
    }
    const std::int64_t joined = joinedMoments();
    const std::int64_t result = compute(joined);
    const bool stores = !m_step.toConsumer;
    const std::int64_t kept = block(m_task.kept.count() * m_out.size.h * m_out.size.w *
                                    m_out.channels * (stores ? m_stored : m_wide));
    if (stores && !m_step.norms.empty()) {
      const std::int64_t rows = m_task.kept.count();
      const std::int64_t pieces = momentPiecesOf(m_out);
      note(result + block(rows * pieces * m_out.channels * kStatisticsBytes) +
           block(rows * m_out.channels * kStatisticsBytes));
    }
    const bool spilled =
        stores && m_plan.steps[at(m_task.step)].isSpilled(m_device, m_task.kept.begin);
    // Of more than is kept, a copy; scores are copied where they are not wide yet, or labelled.
    const bool labels = !stores && m_plan.outputBytesPerVoxel > 0;
    const bool copied = stores ? !spilled && result > kept : !labels && result < kept;
    note(result + (copied ? kept : 0));
    if (labels) {
      note(result + block(kLabelPositions * kLabelPositionBytes) +
           block(m_task.kept.count() * m_out.size.h * m_out.size.w * m_plan.outputBytesPerVoxel));
    }
    TaskBytes bytes;
    // The piece is among what is stored from the task's beginning on.
    bytes.scratch = m_peak + m_fetched - (stores && !spilled ? kept : 0);
    bytes.lingers = stores ? m_fetched + (spilled ? result : 0) : 0;
    return bytes;
  }

 private:
  void note(std::int64_t bytes) { m_peak = std::max(m_peak, bytes); }

  [[nodiscard]] bool convolves() const {
    return m_step.kind == Step::Kind::Conv || m_step.kind == Step::Kind::TransposedConv;
  }

  // Rows of what it reads, its padding along depth included.
  [[nodiscard]] RowRange rowsOfReads() const {
    if (m_step.kind == Step::Kind::Conv) {
      return inputRows(convolutionOf(m_graph.node(m_step.node).op), computed());
    }
    return m_step.kind == Step::Kind::Add || m_step.kind == Step::Kind::Store
               ? m_task.kept
               : rowsRead(m_step,
                          m_graph,
                          m_step.kind == Step::Kind::TransposedConv ? computed() : m_task.kept,
                          m_in.size.d);
  }

  [[nodiscard]] RowRange computed() const {
    return rowsComputedByCuda(m_task, m_program, m_graph, m_plan.dtype);
  }

  // Of a part's rows those that lie in host memory or on another device.
  [[nodiscard]] std::int64_t fetched(const Part& part, const RowRange& rows) const {
    const std::int64_t row = m_in.size.h * m_in.size.w * part.channels;
    if (part.source < 0) {
      return rows.count() > 0 ? block(rows.count() * row * 4) : 0;
    }
    const StepPlan& plan = m_plan.steps[at(part.source)];
    std::int64_t bytes = 0;
    for (std::int64_t begin = rows.begin; begin < rows.end;) {
      int owner = m_device;
      while (part.source < m_group.first && !plan.rows(owner).contains(begin)) {
        owner = (owner + 1) % static_cast<int>(m_plan.devices.size());
      }
      const auto piece = m_schedule.pieceOf(part.source, owner, begin);
      const RowRange& stored = m_schedule.pieces[at(part.source)][at(owner)][at(piece)];
      std::int64_t end = std::min(rows.end, stored.end);
      end = part.source < m_group.first ? std::min(end, plan.rows(owner).end) : end;
      if (owner != m_device || plan.isSpilled(owner, stored.begin)) {
        bytes += block((end - begin) * row * m_stored);
      }
      begin = end;
    }
    return bytes;
  }

  // The statistics of all devices, where a norm that is read through needs them.
  [[nodiscard]] std::int64_t joinedMoments() {
    std::int64_t most = 0;
    for (const ReadList& reads : m_step.reads) {
      for (const Part& part : reads) {
        if (!part.norm || std::holds_alternative<BatchNormOp>(m_graph.node(*part.norm).op)) {
          continue;
        }
        const StepPlan& plan = m_plan.steps[at(part.source)];
        int parts = 0;
        for (int d = 0; d < static_cast<int>(m_plan.devices.size()); ++d) {
          const std::int64_t rows = plan.rows(d).count();
          parts += rows > 0 ? 1 : 0;
          m_fetched +=
              d != m_device && rows > 0 ? block(rows * part.channels * kStatisticsBytes) : 0;
        }
        if (parts > 1) {
          most = std::max(most, block(m_in.size.d * part.channels * kStatisticsBytes));
        }
      }
    }
    return most;
  }

  // Notes what is there at each point of the computation and returns the result's bytes.
  std::int64_t compute(std::int64_t joined) {
    std::int64_t channels = 0;
    for (const Part& part : m_step.reads[0]) {
      channels += part.channels;
    }
    const std::int64_t outRow = m_out.size.h * m_out.size.w * m_out.channels;
    const std::int64_t kept = m_task.kept.count();
    if (m_step.kind == Step::Kind::Add || m_step.kind == Step::Kind::Store) {
      const std::int64_t to = block(kept * outRow * m_stored);
      note(to + joined);
      return to;
    }
    const std::int64_t elements = rowsOfReads().count() * m_in.size.h * m_in.size.w * channels;
    std::int64_t in = block(elements * m_stored);
    note(in + joined);
    const auto widened = [&](std::int64_t size) {
      if (size != m_stored) {
        note(in + block(elements * size));
      }
      return block(elements * size);
    };
    if (convolves()) {
      const std::int64_t size = m_step.toConsumer ? m_wide : m_stored;
      in = widened(size);
      return m_step.kind == Step::Kind::Conv ? convolve(in, elements * size, size)
                                             : transpose(in, size);
    }
    const std::int64_t made = m_step.toConsumer ? m_wide : m_stored;
    const std::int64_t out = block(kept * outRow * made);
    switch (m_step.kind) {
      case Step::Kind::Pool:
      case Step::Kind::Upsample: {
        const std::int64_t sampled = block(kept * outRow * m_stored);
        note(in + sampled);
        return sampled;
      }
      case Step::Kind::RowMeans: {
        const std::int64_t rows = rowsOfReads().count();
        const std::int64_t pieces = momentPiecesOf(m_in);
        const std::int64_t moments = block(rows * channels * kStatisticsBytes);
        note(in + moments + block(rows * pieces * channels * kStatisticsBytes));
        note(in + moments + out);
        return made == 8 ? moments : out;
      }
      case Step::Kind::Mean:
        note(in + widened(8) + block(outRow * 8) + out);
        return out;
      case Step::Kind::Softmax: {
        const std::int64_t wide = m_wide != m_stored ? widened(m_wide) : 0;
        note(in + wide + block(kept * outRow * m_wide) + (made != m_wide ? out : 0));
        return out;
      }
      default:  // labels of two bytes each
        note(in + block(kept * outRow * 2) + out);
        return out;
    }
  }

  std::int64_t convolve(std::int64_t in, std::int64_t inBytes, std::int64_t size) {
    const ConvOp conv = convolutionOf(m_graph.node(m_step.node).op);
    const std::int64_t outBytes =
        computed().count() * m_out.size.h * m_out.size.w * m_out.channels * size;
    const std::int64_t weights =
        m_in.channels / conv.groups * conv.channels * conv.kernel.voxels() * size;
    note(in + block(outBytes) + block(cudnnWorkspaceBytes(inBytes, weights, outBytes)));
    return block(outBytes);
  }

  std::int64_t transpose(std::int64_t in, std::int64_t size) {
    const auto& up = std::get<TransposedConvOp>(m_graph.node(m_step.node).op);
    const std::int64_t products =
        rowsOfReads().count() * m_in.size.h * m_in.size.w * up.channels * up.kernel.voxels() * size;
    const std::int64_t out =
        block(m_task.kept.count() * m_out.size.h * m_out.size.w * m_out.channels * size);
    note(in + block(products) + out);
    return out;
  }

  const Task& m_task;
  const StepGroup& m_group;
  const int m_device;
  const Plan& m_plan;
  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const Schedule& m_schedule;
  const Step& m_step;
  const Shape m_in;
  const Shape m_out;
  const std::int64_t m_stored;  // bytes of a value
  const std::int64_t m_wide;
  std::int64_t m_fetched = 0;
  std::int64_t m_peak = 0;  // beside what is fetched
};

}  // namespace

std::int64_t keptOutputBytes(const Shape& output,
                             std::int64_t rows,
                             const Plan& plan,
                             DeviceKind kind) {
  const std::int64_t plane = output.size.h * output.size.w;
  if (kind != DeviceKind::Cuda) {
    return rows * plane * plan.outputBytesPerVoxel;
  }
  return plan.outputBytesPerVoxel > 0 ? block(plane * output.channels * 4) : 0;
}

RowRange rowsComputedByCuda(const Task& task,
                            const Program& program,
                            const Graph& graph,
                            DType dtype) {
  const ReadList& reads = program.step(task.step).reads[0];
  const bool ofInput =
      std::all_of(reads.begin(), reads.end(), [](const Part& part) { return part.source < 0; });
  return ofInput || roundsByChunk(program.step(task.step), graph, dtype) ? task.whole : task.kept;
}

std::int64_t cudnnWorkspaceBytes(std::int64_t inBytes,
                                 std::int64_t weightBytes,
                                 std::int64_t outBytes) {
  return inBytes + weightBytes + outBytes;
}

TaskBytes taskBytes(const Task& task,
                    const StepGroup& group,
                    int device,
                    const Plan& plan,
                    const Graph& graph,
                    const Program& program,
                    const std::vector<Shape>& shapes,
                    const Schedule& schedule) {
  const DeviceSpec& spec = plan.devices[at(device)].device;
  if (spec.kind != DeviceKind::Cuda) {
    return {scratchBytes(task, program, graph, shapes, plan.dtype, spec), 0};
  }
  return CudaTask(task, group, device, plan, graph, program, shapes, schedule).run();
}

}  // namespace argand::engine
