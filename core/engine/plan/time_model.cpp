// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/time_model.h"

#include "core/engine/plan/step_bytes.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace argand::engine {

namespace {

// Of the steps that read a value with its norm or activation: how often it is read or
// written for these, forward and backward.
void addPasses(StepWork& work, const Program& program, StepId id) {
  for (const Step& reader : program.steps) {
    for (const ReadList& reads : reader.reads) {
      for (const Part& part : reads) {
        if (part.source == id && part.norm) {
          // Statistics, scale; their gradients in two passes.
          work.outputPasses = 3.0;
          work.outputPassesBack = 6.0;
        } else if (part.source == id && part.activation && work.outputPasses == 0.0) {
          work.outputPasses = 2.0;
          work.outputPassesBack = 3.0;
        }
      }
    }
  }
}

StepWork workOf(const Step& step,
                const Graph& graph,
                const std::vector<Shape>& shapes,
                DType dtype) {
  const Shape out = outputShape(step, graph, shapes);
  const Shape in = readShape(step, graph, shapes);
  StepWork work;
  work.depth = out.size.d;
  work.readDepth = in.size.d;
  work.grid = chunkRows(step, graph, shapes);
  const auto size = static_cast<double>(bytesOf(dtype));
  work.writtenPerRow = static_cast<double>(out.elements() / out.size.d) * size;
  for (const ReadList& reads : step.reads) {
    work.inputPasses = reads.size() > 1 ? 2.0 : work.inputPasses;
    for (const Part& part : reads) {
      work.readsInput = work.readsInput || part.source < 0;
      work.readPerRow +=
          static_cast<double>(in.samples * in.size.h * in.size.w * part.channels) * size;
    }
  }
  if (step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv) {
    work.flopsPerRow = static_cast<double>(costOf(graph, step.node, shapes, dtype).flops) /
                       static_cast<double>(out.size.d);
    const Node& node = graph.node(step.node);
    work.channels =
        static_cast<double>(std::min(graph.node(node.inputs[0]).channels, node.channels));
    work.wholeChunks = roundsByChunk(step, graph, dtype);
  }
  return work;
}

DeviceProfile::Kernel kernelOf(const Step& step,
                               const Graph& graph,
                               const std::vector<Shape>& shapes,
                               DType dtype,
                               const DeviceSpec& device) {
  if (step.kind == Step::Kind::TransposedConv) {
    return DeviceProfile::Kernel::Transposed;
  }
  return convKernelOf(step, graph, shapes, dtype, device) == ConvKernel::Winograd
             ? DeviceProfile::Kernel::Winograd
             : DeviceProfile::Kernel::Convolution;
}

}  // namespace

Result<TimeModel> TimeModel::create(const std::vector<DeviceSpec>& devices,
                                    DType dtype,
                                    const Graph& graph,
                                    const Program& program,
                                    const std::vector<Shape>& shapes) {
  TimeModel model;
  model.m_graph = &graph;
  model.m_program = &program;
  for (const Step& step : program.steps) {
    model.m_work.push_back(workOf(step, graph, shapes, dtype));
    addPasses(model.m_work.back(), program, static_cast<StepId>(model.m_work.size()) - 1);
  }
  for (const DeviceSpec& device : devices) {
    Speeds speeds;
    ARGAND_ASSIGN(speeds.profile, profileOf(device));
    speeds.scale = device.kind == DeviceKind::Cuda
                       ? 1.0 / sharersOf(device, devices)
                       : static_cast<double>(device.threads) / speeds.profile.threads;
    for (std::size_t n = 0; n < model.m_work.size(); ++n) {
      const Step& step = program.steps[n];
      const auto speed = [&](DeviceProfile::Kernel kernel) {
        return speeds.scale *
               speeds.profile.flopsPerSecond(dtype, model.m_work[n].channels, kernel);
      };
      speeds.flopsPerSecond.push_back(speed(kernelOf(step, graph, shapes, dtype, device)));
      speeds.libraryFlopsPerSecond.push_back(speed(DeviceProfile::Kernel::Convolution));
    }
    model.m_devices.push_back(std::move(speeds));
  }
  std::vector<std::vector<double>> whole(devices.size());
  for (int d = 0; d < model.deviceCount(); ++d) {
    double alone = 0.0;
    for (StepId id = 0; id < static_cast<StepId>(model.m_work.size()); ++id) {
      const StepWork& work = model.work(id);
      // Rows are counted per step; what is computed twice and launched is left out.
      const RowRange read = rowsRead(program.step(id), graph, {0, work.depth}, work.readDepth);
      const auto rows = static_cast<double>(work.depth);
      const Speeds& speeds = model.m_devices[static_cast<std::size_t>(d)];
      const double flops =
          rows * work.flopsPerRow / speeds.flopsPerSecond[static_cast<std::size_t>(id)];
      const double bytes =
          (rows * work.writtenPerRow + static_cast<double>(read.count()) * work.readPerRow) /
          (speeds.scale * speeds.profile.memoryBytesPerSecond);
      whole[static_cast<std::size_t>(d)].push_back(speeds.profile.gpu ? std::max(flops, bytes)
                                                                      : flops + bytes);
      alone += whole[static_cast<std::size_t>(d)].back();
    }
    model.m_alone.push_back(alone);
  }
  model.m_bound = leastSeconds(whole);
  return model;
}

double leastSeconds(const std::vector<std::vector<double>>& seconds) {
  std::vector<double> alone;
  double together = 0.0;
  for (const std::vector<double>& one : seconds) {
    alone.push_back(std::accumulate(one.begin(), one.end(), 0.0));
    together += 1.0 / alone.back();
  }
  double bound = 0.0;
  for (std::size_t step = 0; step < seconds.front().size(); ++step) {
    double least = std::numeric_limits<double>::max();
    for (std::size_t d = 0; d < seconds.size(); ++d) {
      least = std::min(least, seconds[d][step] / (alone[d] * together));
    }
    bound += least;
  }
  return bound;
}

RowRange TimeModel::computedRows(StepId step, const RowRange& rows) const {
  const StepWork& w = work(step);
  if (!w.wholeChunks || rows.count() <= 0) {
    return rows;
  }
  return {chunkAt(rows.begin, w.grid, w.depth).begin, chunkAt(rows.end - 1, w.grid, w.depth).end};
}

double TimeModel::stepSeconds(int device, StepId step, const RowRange& rows) const {
  if (rows.count() <= 0) {
    return 0.0;
  }
  const StepWork& w = work(step);
  const RowRange computed = computedRows(step, rows);
  const RowRange read = rowsRead(m_program->step(step), *m_graph, computed, w.readDepth);
  const Speeds& speeds = m_devices[static_cast<std::size_t>(device)];
  const auto count = static_cast<double>(computed.count());
  const double flops =
      count * w.flopsPerRow / speeds.flopsPerSecond[static_cast<std::size_t>(step)];
  const double bytes =
      (count * w.writtenPerRow + static_cast<double>(read.count()) * w.readPerRow) /
      (speeds.scale * speeds.profile.memoryBytesPerSecond);
  const double launches =
      static_cast<double>((computed.count() + w.grid - 1) / w.grid) * speeds.profile.launchSeconds;
  // A GPU takes the next launch while it computes, so that only the first shows.
  return speeds.profile.gpu ? std::max({flops, bytes, launches}) + speeds.profile.launchSeconds
                            : flops + bytes + launches;
}

// Of what a pass of training reads and writes, the share that a processor does not find in
// its caches or overlap with the products beside it: fitted to training_bench at 64^3.
constexpr double kFoundInMemory = 0.35;

TrainingSeconds TimeModel::trainingSeconds(int device, StepId step, const RowRange& rows) const {
  if (rows.count() <= 0) {
    return {};
  }
  const StepWork& w = work(step);
  const Speeds& speeds = m_devices[static_cast<std::size_t>(device)];
  const auto written = static_cast<double>(rows.count()) * w.writtenPerRow;
  const double read =
      w.readPerRow *
      static_cast<double>(rowsRead(m_program->step(step), *m_graph, rows, w.readDepth).count());
  const double products = static_cast<double>(rows.count()) * w.flopsPerRow /
                          speeds.libraryFlopsPerSecond[static_cast<std::size_t>(step)];
  const auto seconds = [&](double times, double bytes) {
    const double found = speeds.profile.gpu ? 1.0 : kFoundInMemory;
    const double moved = found * bytes / (speeds.scale * speeds.profile.memoryBytesPerSecond);
    return speeds.profile.launchSeconds +
           (speeds.profile.gpu ? std::max(times * products, moved) : times * products + moved);
  };
  // Backward reads a convolution's input for its weights' gradient, writes the input's, and
  // reads the output's for both.
  return {seconds(1.0, (1.0 + w.outputPasses) * written + (1.0 + w.inputPasses) * read),
          seconds(w.readsInput ? 1.0 : 2.0,
                  (2.0 + w.outputPassesBack) * written +
                      (w.readsInput ? 1.0 : 2.0 + w.inputPasses) * read)};
}

double TimeModel::trainingAloneSeconds(int device) const {
  double seconds = 0.0;
  for (StepId id = 0; id < static_cast<StepId>(m_work.size()); ++id) {
    seconds += trainingSeconds(device, id, {0, work(id).depth}).both();
  }
  return seconds;
}

const Link& TimeModel::slower(int a, int b) const {
  const Link& first = m_devices[static_cast<std::size_t>(a)].profile.link;
  const Link& second = m_devices[static_cast<std::size_t>(b)].profile.link;
  return first.bytesPerSecond < second.bytesPerSecond ? first : second;
}

double TimeModel::transferSeconds(int from, int to, double bytes) const {
  return bytes / slower(from, to).bytesPerSecond;
}

double TimeModel::latencySeconds(int from, int to) const {
  return slower(from, to).latencySeconds;
}

double TimeModel::hostSeconds(int device, double bytes) const {
  const Link& link = m_devices[static_cast<std::size_t>(device)].profile.hostLink;
  return bytes > 0.0 ? link.latencySeconds + bytes / link.bytesPerSecond : 0.0;
}

bool TimeModel::copiesBeside(int device) const {
  return m_devices[static_cast<std::size_t>(device)].profile.gpu;
}

}  // namespace argand::engine
