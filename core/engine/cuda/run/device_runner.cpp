// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/device_runner.h"

#include "core/base/assert.h"
#include "core/engine/plan/task_bytes.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace argand::engine::cuda {

namespace {

Size sizeOf(const Extent& extent) {
  return {extent.d, extent.h, extent.w};
}

// (row, height, width, channel) as a batch of one for Torch, over the same memory.
at::Tensor asBatch(const at::Tensor& rows) {
  return rows.permute({3, 0, 1, 2}).unsqueeze(0);
}

at::Tensor asRows(const at::Tensor& batch) {
  return batch.squeeze(0).permute({1, 2, 3, 0}).contiguous();
}

}  // namespace

DeviceRunner::DeviceRunner(RunContext& context,
                           const DeviceTables& tables,
                           int device,
                           std::unique_ptr<DeviceStreams> streams)
    : m_context(context),
      m_tables(tables),
      m_device(device),
      m_streams(std::move(streams)),
      m_reader(context, tables, device, *m_streams) {
  if (const auto* const labels = std::get_if<LabelCollector*>(&context.output)) {
    const RowRange slab = context.plan.steps.back().rows(device);
    m_labels.emplace(**labels, slab, *m_streams);
  }
}

DeviceRunner::~DeviceRunner() {
  m_context.host.release(m_spilledBytes);
}

Result<void> DeviceRunner::run(const StepGroup& group, const Task& task) {
  const Step& step = m_context.program.step(task.step);
  const Now now{group,
                task,
                step,
                m_context.graph.node(step.node),
                readShape(step, m_context.graph, m_context.shapes),
                outputShape(step, m_context.graph, m_context.shapes)};
  ARGAND_ASSIGN(const at::Tensor result, compute(now));
  if (step.toConsumer) {
    ARGAND_TRY(handOver(now, result));
  } else {
    keep(now, result);
  }
  for (const PieceRef& piece : task.drops) {
    drop(piece);
  }
  if (&task == &group.tasks[static_cast<std::size_t>(m_device)].back()) {
    m_streams->settle();  // other devices read it from now on
  } else {
    m_streams->pace();
  }
  return {};
}

RowRange DeviceRunner::computed(const Now& now) const {
  return rowsComputedByCuda(now.task, m_context.program, m_context.graph, m_context.plan.dtype);
}

at::Tensor DeviceRunner::emptyRows(const Now& now, std::int64_t rows, at::ScalarType type) const {
  return at::empty({rows, now.out.size.h, now.out.size.w, now.out.channels},
                   at::TensorOptions(type).device(m_streams->device()));
}

// The kept rows of a task's result.
Result<at::Tensor> DeviceRunner::compute(const Now& now) {
  switch (now.step.kind) {
    case Step::Kind::Conv:
      return convolve(now);
    case Step::Kind::TransposedConv:
      return transpose(now);
    case Step::Kind::Add:
    case Step::Kind::Store:
      return add(now);
    case Step::Kind::Pool:
    case Step::Kind::Upsample:
      return resize(now);
    default:
      return sample(now);
  }
}

Result<at::Tensor> DeviceRunner::convolve(const Now& now) {
  const ConvOp conv = convolutionOf(now.node.op);
  const StepWeights& weights = weightsOf(now);
  const RowRange rows = computed(now);
  ARGAND_ASSIGN(at::Tensor in,
                m_reader.read(now.group, now.step.reads[0], now.in.size, inputRows(conv, rows)));
  in = in.to(weights.weight.scalar_type());
  // Along depth the rows have their padding and halo already.
  const at::Tensor out = m_streams->convolve(asBatch(in), weights.weight, weights.bias, conv);
  ARGAND_ASSERT(out.size(2) == rows.count() && out.size(3) == now.out.size.h &&
                out.size(4) == now.out.size.w);
  return asRows(out).narrow(0, now.task.kept.begin - rows.begin, now.task.kept.count());
}

// A matrix product to all taps, whose results are then placed.
Result<at::Tensor> DeviceRunner::transpose(const Now& now) {
  const auto& up = std::get<TransposedConvOp>(now.node.op);
  const StepWeights& weights = weightsOf(now);
  const RowRange read = rowsRead(now.step, m_context.graph, computed(now), now.in.size.d);
  ARGAND_ASSIGN(at::Tensor in, m_reader.read(now.group, now.step.reads[0], now.in.size, read));
  in = in.to(weights.weight.scalar_type());
  const at::Tensor products = at::mm(in.view({-1, now.in.channels}), weights.weight);
  const at::Tensor out = emptyRows(now, now.task.kept.count(), products.scalar_type());
  PlaceTaps args;
  args.type = scalarOf(products.scalar_type());
  args.products = {products.const_data_ptr(), read.begin, read.count(), sizeOf(now.in.size)};
  args.kernel = sizeOf(up.kernel);
  args.stride = sizeOf(up.stride);
  args.padding = sizeOf(up.padding);
  args.channels = up.channels;
  args.bias = weights.bias.defined() ? weights.bias.const_data_ptr() : nullptr;
  args.firstRow = now.task.kept.begin;
  args.rowCount = now.task.kept.count();
  args.outHeight = now.out.size.h;
  args.outWidth = now.out.size.w;
  args.out = out.mutable_data_ptr();
  must(placeTaps(args, m_streams->compute()), "placing the taps of a transposed convolution");
  return out;
}

// Add, and Store with its one read.
Result<at::Tensor> DeviceRunner::add(const Now& now) {
  const at::Tensor to = emptyRows(now, now.task.kept.count(), torchType(m_context.plan.dtype));
  for (std::size_t n = 0; n < now.step.reads.size(); ++n) {
    ARGAND_TRY(
        m_reader.readInto(now.group, now.step.reads[n], now.in.size, now.task.kept, to, n > 0));
  }
  return to;
}

Result<at::Tensor> DeviceRunner::resize(const Now& now) {
  const RowRange read = rowsRead(now.step, m_context.graph, now.task.kept, now.in.size.d);
  ARGAND_ASSIGN(const at::Tensor in,
                m_reader.read(now.group, now.step.reads[0], now.in.size, read));
  const at::Tensor out = emptyRows(now, now.task.kept.count(), in.scalar_type());
  const RowsAtHand rows{in.const_data_ptr(), read.begin, read.count(), sizeOf(now.in.size)};
  if (const auto* op = std::get_if<PoolOp>(&now.node.op)) {
    Pool args;
    args.type = scalarOf(in.scalar_type());
    args.average = op->kind == PoolOp::Kind::Average;
    args.in = rows;
    args.kernel = sizeOf(op->kernel);
    args.stride = sizeOf(op->stride);
    args.padding = sizeOf(op->padding);
    args.channels = now.out.channels;
    args.firstRow = now.task.kept.begin;
    args.rowCount = now.task.kept.count();
    args.outHeight = now.out.size.h;
    args.outWidth = now.out.size.w;
    args.out = out.mutable_data_ptr();
    must(pool(args, m_streams->compute()), "pooling");
  } else {
    const auto& up = std::get<UpsampleOp>(now.node.op);
    Upsample args;
    args.type = scalarOf(in.scalar_type());
    args.trilinear = up.kind == UpsampleOp::Kind::Trilinear;
    args.in = rows;
    args.factor = sizeOf(up.factor);
    args.channels = now.out.channels;
    args.firstRow = now.task.kept.begin;
    args.rowCount = now.task.kept.count();
    args.out = out.mutable_data_ptr();
    must(upsample(args, m_streams->compute()), "upsampling");
  }
  return out;
}

// Means, softmax and argmax.
Result<at::Tensor> DeviceRunner::sample(const Now& now) {
  const RowRange read = rowsRead(now.step, m_context.graph, now.task.kept, now.in.size.d);
  ARGAND_ASSIGN(const at::Tensor in,
                m_reader.read(now.group, now.step.reads[0], now.in.size, read));
  const at::ScalarType wide = wideType(m_context.plan.dtype);
  const at::ScalarType type = now.step.toConsumer ? wide : in.scalar_type();
  switch (now.step.kind) {
    case Step::Kind::RowMeans:
      return rowMeans(in).to(type);
    case Step::Kind::Mean:
      return in.to(at::kDouble).mean({0, 1, 2}, true).to(type);
    case Step::Kind::Softmax:
      return at::softmax(in.to(wide), 3).to(type);
    default:
      ARGAND_ASSERT(now.step.kind == Step::Kind::Argmax);
      return labels(in).to(type);
  }
}

// Statistics of rows: (row, channel, 2).
at::Tensor DeviceRunner::momentsOf(const at::Tensor& rows) {
  const std::int64_t plane = rows.size(1) * rows.size(2);
  const auto options = at::TensorOptions(at::kDouble).device(m_streams->device());
  const at::Tensor scratch =
      at::empty({statisticsScratch(rows.size(0), plane, rows.size(3))}, options);
  const at::Tensor moments = at::empty({rows.size(0), rows.size(3), 2}, options);
  Statistics args;
  args.type = scalarOf(rows.scalar_type());
  args.rows = rows.const_data_ptr();
  args.rowCount = rows.size(0);
  args.plane = plane;
  args.channels = rows.size(3);
  args.scratch = scratch.mutable_data_ptr<double>();
  args.moments = moments.mutable_data_ptr<double>();
  must(statistics(args, m_streams->compute()), "taking statistics");
  return moments;
}

at::Tensor DeviceRunner::rowMeans(const at::Tensor& rows) {
  return momentsOf(rows).select(2, 0).reshape({rows.size(0), 1, 1, rows.size(3)});
}

at::Tensor DeviceRunner::labels(const at::Tensor& scores) {
  const at::Tensor out = at::empty({scores.size(0), scores.size(1), scores.size(2), 1},
                                   at::TensorOptions(at::kShort).device(m_streams->device()));
  Argmax args;
  args.type = scalarOf(scores.scalar_type());
  args.scores = scores.const_data_ptr();
  args.voxels = out.numel();
  args.classes = scores.size(3);
  args.labels = out.mutable_data_ptr();
  must(argmax(args, m_streams->compute()), "taking the highest class");
  return out;
}

// A result to its piece, with its statistics.
void DeviceRunner::keep(const Now& now, const at::Tensor& result) {
  Slab& slab = slabOf(now.task.step);
  const RowRange& kept = now.task.kept;
  if (!now.step.norms.empty()) {
    if (!slab.moments.defined()) {
      slab.moments = at::empty({slab.rows.count(), now.out.channels, 2},
                               at::TensorOptions(at::kDouble).device(m_streams->device()));
    }
    // Inside a group a piece may reach beyond the slab; the norm counts each row once.
    const RowRange counted = intersection(kept, slab.rows);
    if (counted.count() > 0) {
      slab.moments.narrow(0, counted.begin - slab.rows.begin, counted.count())
          .copy_(momentsOf(result.narrow(0, counted.begin - kept.begin, counted.count())));
    }
  }
  at::Tensor& piece = slab.pieces[static_cast<std::size_t>(now.task.piece)];
  const StepPlan& plan = m_context.plan.steps[static_cast<std::size_t>(now.task.step)];
  if (plan.isSpilled(m_device, kept.begin)) {
    const auto bytes = static_cast<std::int64_t>(result.nbytes());
    m_context.host.charge(bytes);
    m_spilledBytes += bytes;
    piece = m_streams->hostMemory(result.sizes(), result.scalar_type());
    m_streams->store(result, piece);
  } else {
    // Of a chunk of which only a part is kept, a copy, so that the rest goes.
    const bool whole = result.storage().nbytes() == result.nbytes();
    piece = whole ? result : result.clone();
  }
}

Result<void> DeviceRunner::handOver(const Now& now, const at::Tensor& scores) {
  if (m_labels) {
    m_labels->add(now.task.kept, scores);
    return {};
  }
  ARGAND_ASSERT(m_context.plan.outputBytesPerVoxel == 0);
  const at::Tensor values = scores.to(wideType(m_context.plan.dtype)).contiguous();
  const at::Tensor host = m_streams->hostMemory(values.sizes(), values.scalar_type());
  m_streams->store(values, host);
  m_streams->settle();
  ScoreSlab out;
  out.rows = now.task.kept;
  out.height = now.out.size.h;
  out.width = now.out.size.w;
  out.classes = now.out.channels;
  const auto count = static_cast<std::size_t>(host.numel());
  if (host.scalar_type() == at::kDouble) {
    out.scores64 = {host.const_data_ptr<double>(), count};
  } else {
    out.scores = {host.const_data_ptr<float>(), count};
  }
  return std::get<ScoreConsumer>(m_context.output)(out);
}

void DeviceRunner::drop(const PieceRef& ref) {
  at::Tensor& piece = slabOf(ref.step).pieces[static_cast<std::size_t>(ref.piece)];
  const StepPlan& plan = m_context.plan.steps[static_cast<std::size_t>(ref.step)];
  const RowRange& rows = m_context.schedule.pieces[static_cast<std::size_t>(
      ref.step)][static_cast<std::size_t>(m_device)][static_cast<std::size_t>(ref.piece)];
  if (piece.defined() && plan.isSpilled(m_device, rows.begin)) {
    const auto bytes = static_cast<std::int64_t>(piece.nbytes());
    m_context.host.release(bytes);
    m_spilledBytes -= bytes;
  }
  piece = at::Tensor();
}

void DeviceRunner::finish(const StepGroup& group) {
  for (const PieceRef& piece : group.drops[static_cast<std::size_t>(m_device)]) {
    drop(piece);
  }
  for (StepId id = 0; id <= group.last; ++id) {
    const Step& step = m_context.program.step(id);
    if (step.lastReader >= group.first && step.lastReader <= group.last) {
      slabOf(id).moments = at::Tensor();
      for (const NodeId norm : step.norms) {
        m_reader.forget(norm);
      }
    }
  }
}

}  // namespace argand::engine::cuda
