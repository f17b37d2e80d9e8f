// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/step_runner.h"

#include "core/base/assert.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/run/chunk_reader.h"
#include "core/engine/run/kernels/kernels.h"
#include "core/engine/run/kernels/winograd.h"
#include "core/engine/run/row_statistics.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <type_traits>

namespace argand::engine {

namespace {

// S: what activations are stored as; sums are of its wide type A.
template <typename S>
class Runner final : public StepRunner {
 public:
  Runner(RunContext& context, const DeviceWeights& weights, int device, Ledger& ledger)
      : m_context(context),
        m_weights(weights),
        m_device(device),
        m_ledger(ledger),
        m_reader(context, weights, device) {}

  ~Runner() override { m_ledger.release(m_consumerBytes); }

  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Result<void> run(const StepGroup& group, const Task& task) override;
  void finish(const StepGroup& group) override;

 private:
  using A = kernels::Wide<S>;

  // Everything about the task at hand.
  struct Now {
    const StepGroup& group;
    const Task& task;
    const Step& step;
    const Node& node;
    Shape in;
    Shape out;
    at::Tensor piece;     // where it is stored; undefined for the last step
    at::Tensor buffer;    // of wide numbers, where it cannot be made in place
    std::int64_t voxels;  // of a row of it
  };

  Now begin(const StepGroup& group, const Task& task);
  Result<void> compute(Now& now);
  A* target(Now& now);
  template <typename From>
  Result<void> finishTask(Now& now, const From* values);
  Result<void> handOver(const Now& now, const A* scores);
  template <typename From>
  void storePiece(Now& now, const From* values);
  void drop(const PieceRef& piece);

  Result<void> convolveDirectly(Now& now);
  Result<void> convolveByTiles(Now& now);
  template <typename C>
  Result<void> convolve(Now& now);
  template <typename C>
  Result<void> transpose(Now& now);
  Result<void> add(Now& now);
  Result<void> sample(Now& now);
  void directLines(const Now& now,
                   const ConvOp& conv,
                   const A* from,
                   const Extent& inSize,
                   const Extent& outSize,
                   std::int64_t rows,
                   A* to);
  at::Tensor oneDnn(const Now& now, const ConvOp& conv, const at::Tensor& in, std::int64_t rows);

  const DeviceSpec& spec() const {
    return m_context.plan.devices[static_cast<std::size_t>(m_device)].device;
  }

  ConvKernel kernelOf(const Now& now) const {
    return convKernelOf(now.step, m_context.graph, m_context.shapes, m_context.plan.dtype, spec());
  }

  const StepWeights& weightsOf(const Now& now) const {
    return m_weights.steps[static_cast<std::size_t>(now.task.step)];
  }

  Slab& slabOf(StepId id) {
    return m_context.activations[static_cast<std::size_t>(id)]
        .slabs[static_cast<std::size_t>(m_device)];
  }

  RunContext& m_context;
  const DeviceWeights& m_weights;
  const int m_device;
  Ledger& m_ledger;
  ChunkReader<S> m_reader;
  std::int64_t m_consumerBytes = 0;  // what the consumer keeps of this device's rows
};

template <typename S>
typename Runner<S>::Now Runner<S>::begin(const StepGroup& group, const Task& task) {
  const Step& step = m_context.program.step(task.step);
  Now now{group,
          task,
          step,
          m_context.graph.node(step.node),
          readShape(step, m_context.graph, m_context.shapes),
          outputShape(step, m_context.graph, m_context.shapes),
          {},
          {},
          0};
  now.voxels = now.out.size.h * now.out.size.w;
  Slab& slab = slabOf(task.step);
  if (task.piece == 0) {
    if (!step.norms.empty()) {
      slab.moments = at::empty({slab.rows.count(), now.out.channels, 2}, at::kDouble);
    }
    if (step.toConsumer) {
      m_consumerBytes = slab.rows.count() * now.voxels * m_context.plan.outputBytesPerVoxel;
      m_ledger.charge(m_consumerBytes);
    }
  }
  if (!step.toConsumer) {
    const auto& plan = m_context.plan.steps[static_cast<std::size_t>(task.step)];
    std::optional<LedgerScope> host;
    if (plan.isSpilled(m_device, now.task.kept.begin)) {
      host.emplace(m_context.host);
    }
    now.piece = at::empty({now.task.kept.count(), now.out.size.h, now.out.size.w, now.out.channels},
                          scalarType<S>());
    slab.pieces[static_cast<std::size_t>(task.piece)] = now.piece;
  }
  return now;
}

template <typename S>
Result<void> Runner<S>::run(const StepGroup& group, const Task& task) {
  {
    Now now = begin(group, task);
    ARGAND_TRY(compute(now));
  }
  for (const PieceRef& piece : task.drops) {
    drop(piece);
  }
  return {};
}

template <typename S>
Result<void> Runner<S>::compute(Now& now) {
  const bool half =
      computeType(now.step, m_context.graph, m_context.shapes, m_context.plan.dtype, spec()) ==
      DType::BFloat16;
  switch (now.step.kind) {
    case Step::Kind::Conv:
      switch (kernelOf(now)) {
        case ConvKernel::Direct:
          return convolveDirectly(now);
        case ConvKernel::Winograd:
          return convolveByTiles(now);
        case ConvKernel::Library:
          break;
      }
      if constexpr (std::is_same_v<S, kernels::BFloat16>) {
        return half ? convolve<S>(now) : convolve<A>(now);
      } else {
        return convolve<A>(now);
      }
    case Step::Kind::TransposedConv:
      if constexpr (std::is_same_v<S, kernels::BFloat16>) {
        return half ? transpose<S>(now) : transpose<A>(now);
      } else {
        return transpose<A>(now);
      }
    case Step::Kind::Add:
      return add(now);
    case Step::Kind::Store: {
      A* const to = target(now);
      ARGAND_TRY(m_reader.read(now.group, now.step.reads[0], now.in.size, now.task.kept, to));
      return finishTask(now, to);
    }
    default:
      return sample(now);
  }
}

// Where a result of wide numbers is made: in its place where that holds such
// numbers, else in a buffer.
template <typename S>
typename Runner<S>::A* Runner<S>::target(Now& now) {
  if constexpr (std::is_same_v<S, A>) {
    if (now.piece.defined()) {
      return dataOf<A>(now.piece);
    }
  }
  now.buffer = at::empty({now.task.kept.count() * now.voxels * now.out.channels}, scalarType<A>());
  return dataOf<A>(now.buffer);
}

// The result of a task, wherever it lies, to its piece with its statistics or to the consumer.
template <typename S>
template <typename From>
Result<void> Runner<S>::finishTask(Now& now, const From* values) {
  if (!now.step.toConsumer) {
    storePiece(now, values);
    return {};
  }
  if constexpr (std::is_same_v<From, A>) {
    return handOver(now, values);
  } else {
    A* const scores = target(now);
    const std::int64_t row = now.voxels * now.out.channels;
    at::parallel_for(0, now.task.kept.count(), 1, [&](std::int64_t begin, std::int64_t end) {
      kernels::storeVoxels(
          values + begin * row, (end - begin) * row, 1, scores + begin * row, nullptr);
    });
    return handOver(now, scores);
  }
}

template <typename S>
Result<void> Runner<S>::handOver(const Now& now, const A* scores) {
  ScoreSlab slab;
  slab.height = now.out.size.h;
  slab.width = now.out.size.w;
  slab.classes = now.out.channels;
  const std::int64_t row = now.voxels * now.out.channels;
  std::mutex mutex;
  Result<void> done;
  at::parallel_for(0, now.task.kept.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    ScoreSlab part = slab;
    part.rows = {now.task.kept.begin + begin, now.task.kept.begin + end};
    const auto count = static_cast<std::size_t>((end - begin) * row);
    if constexpr (std::is_same_v<A, float>) {
      part.scores = {scores + begin * row, count};
    } else {
      part.scores64 = {scores + begin * row, count};
    }
    const Result<void> taken = handOn(part, m_context.output);
    const std::lock_guard lock(mutex);
    if (!taken && done) {
      done = taken;
    }
  });
  return done;
}

template <typename S>
template <typename From>
void Runner<S>::storePiece(Now& now, const From* values) {
  S* const to = dataOf<S>(now.piece);
  const std::int64_t pieces = momentPieces(now.out.size);
  const std::int64_t channels = now.out.channels;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(pieces), kMomentVoxels);
  sizes.back() = now.voxels - (pieces - 1) * kMomentVoxels;
  RowStatistics statistics(slabOf(now.task.step), now.task.kept, channels, std::move(sizes));
  double* const moments = statistics.pieces();
  if (moments == nullptr && static_cast<const void*>(values) == static_cast<const void*>(to)) {
    return;
  }
  at::parallel_for(
      0, now.task.kept.count() * pieces, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t n = first; n < last; ++n) {
          const std::int64_t begin = n % pieces * kMomentVoxels;
          const std::int64_t count = std::min(kMomentVoxels, now.voxels - begin);
          const std::int64_t offset = (n / pieces * now.voxels + begin) * channels;
          kernels::storeVoxels(values + offset,
                               count,
                               channels,
                               to + offset,
                               moments != nullptr ? moments + n * channels * 2 : nullptr);
        }
      });
  statistics.join();
}

template <typename S>
void Runner<S>::drop(const PieceRef& piece) {
  slabOf(piece.step).pieces[static_cast<std::size_t>(piece.piece)] = at::Tensor();
}

// A batch of one chunk as oneDNN wants it, over memory that is channels-last already.
at::Tensor channelsLastView(const at::Tensor& memory,
                            std::int64_t rows,
                            const Extent& size,
                            std::int64_t channels) {
  const std::int64_t plane = size.h * size.w * channels;
  return memory.as_strided({1, channels, rows, size.h, size.w},
                           {rows * plane, 1, plane, size.w * channels, channels});
}

// Rows through oneDNN, padded along height and width only: along depth they have
// their padding and halo already.
template <typename S>
at::Tensor Runner<S>::oneDnn(const Now& now,
                             const ConvOp& conv,
                             const at::Tensor& in,
                             std::int64_t rows) {
  const StepWeights& weights = weightsOf(now);
  const bool biased = now.step.kind == Step::Kind::Conv && weights.bias.defined();
  at::Tensor out = at::mkldnn_convolution(channelsLastView(in, rows, now.in.size, now.in.channels),
                                          weights.weight,
                                          biased ? std::optional(weights.bias) : std::nullopt,
                                          {0, conv.padding.h, conv.padding.w},
                                          {conv.stride.d, conv.stride.h, conv.stride.w},
                                          {conv.dilation.d, conv.dilation.h, conv.dilation.w},
                                          conv.groups);
  return out.contiguous(at::MemoryFormat::ChannelsLast3d);
}

template <typename S>
void Runner<S>::directLines(const Now& now,
                            const ConvOp& conv,
                            const A* from,
                            const Extent& inSize,
                            const Extent& outSize,
                            std::int64_t rows,
                            A* to) {
  const StepWeights& weights = weightsOf(now);
  kernels::DirectConv<A> op;
  op.conv = &conv;
  op.inChannels = now.in.channels;
  op.inSize = inSize;
  op.outWidth = outSize.w;
  op.packed = dataOf<A>(weights.weight);
  op.bias = now.step.kind == Step::Kind::Conv ? dataOf<A>(weights.bias) : nullptr;
  at::parallel_for(0, rows * outSize.h, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      kernels::directConvLine(op,
                              from,
                              n / outSize.h * conv.stride.d,
                              n % outSize.h,
                              to + n * outSize.w * conv.channels);
    }
  });
}

template <typename S>
Result<void> Runner<S>::convolveDirectly(Now& now) {
  const ConvOp conv = convolutionOf(now.node.op);
  // The rounding of the direct kernel does not depend on what is computed beside.
  const RowRange read = inputRows(conv, now.task.kept);
  const at::Tensor in =
      at::empty({read.count() * now.in.size.h * now.in.size.w * now.in.channels}, scalarType<A>());
  ARGAND_TRY(m_reader.read(now.group, now.step.reads[0], now.in.size, read, dataOf<A>(in)));
  A* const to = target(now);
  directLines(now, conv, dataOf<A>(in), now.in.size, now.out.size, now.task.kept.count(), to);
  return finishTask(now, static_cast<const A*>(to));
}

// By Winograd's algorithm, whose rounding does not depend on the rows beside either. Reads
// what is stored and makes what is stored: nothing lies between them.
template <typename S>
Result<void> Runner<S>::convolveByTiles(Now& now) {
  if constexpr (std::is_same_v<A, double>) {
    ARGAND_ASSERT(false);  // runs directly
    return {};
  } else {
    const ConvOp conv = convolutionOf(now.node.op);
    const RowRange read = inputRows(conv, now.task.kept);
    std::vector<kernels::WinogradPart<S>> parts;
    for (const Part& part : now.step.reads[0]) {
      auto source = m_reader.sourceOf(now.group, part, now.in.size.d, read);
      parts.push_back({part.channels, source.transform, std::move(source.rows)});
    }
    kernels::WinogradConv op;
    op.depthTaps = conv.kernel.d;
    op.inChannels = now.in.channels;
    op.outChannels = now.out.channels;
    op.paddingH = conv.padding.h;
    op.paddingW = conv.padding.w;
    op.inSize = now.in.size;
    op.outSize = now.out.size;
    op.packed = dataOf<A>(weightsOf(now).weight);
    op.bias = dataOf<A>(weightsOf(now).bias);
    const auto compute = [&](auto* to, double* moments) {
      const bool narrows = sizeof(*to) < sizeof(A);
      std::vector<at::Tensor> scratch;
      for (int thread = 0; thread < spec().threads; ++thread) {
        scratch.push_back(
            at::empty({winogradScratch(op.depthTaps, op.inChannels, op.outChannels, narrows)},
                      scalarType<A>()));
      }
      // Whichever thread is free takes the next band.
      std::atomic<std::int64_t> next = 0;
      at::parallel_for(0, spec().threads, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t thread = first; thread < last; ++thread) {
          A* const own = dataOf<A>(scratch[static_cast<std::size_t>(thread)]);
          for (std::int64_t band = next++; band < kernels::winogradBands(op); band = next++) {
            kernels::winogradBand(op, parts, now.task.kept.count(), band, own, to, moments);
          }
        }
      });
    };
    if (now.step.toConsumer) {
      A* const to = target(now);
      compute(to, nullptr);
      return handOver(now, to);
    }
    RowStatistics statistics(
        slabOf(now.task.step), now.task.kept, now.out.channels, kernels::winogradPieces(op));
    compute(dataOf<S>(now.piece), statistics.pieces());
    statistics.join();
    return {};
  }
}

template <typename S>
template <typename C>
Result<void> Runner<S>::convolve(Now& now) {
  if constexpr (std::is_same_v<C, double>) {
    ARGAND_ASSERT(false);  // runs directly
    return {};
  } else {
    const ConvOp conv = convolutionOf(now.node.op);
    const RowRange read = inputRows(conv, now.task.whole);
    const at::Tensor in = at::empty(
        {read.count() * now.in.size.h * now.in.size.w * now.in.channels}, scalarType<C>());
    ARGAND_TRY(m_reader.read(now.group, now.step.reads[0], now.in.size, read, dataOf<C>(in)));
    const at::Tensor out = oneDnn(now, conv, in, read.count());
    ARGAND_ASSERT(out.size(2) == now.task.whole.count() && out.size(3) == now.out.size.h &&
                  out.size(4) == now.out.size.w);
    const std::int64_t skipped =
        (now.task.kept.begin - now.task.whole.begin) * now.voxels * now.out.channels;
    return finishTask(now, static_cast<const C*>(out.const_data_ptr()) + skipped);
  }
}

template <typename S>
template <typename C>
Result<void> Runner<S>::transpose(Now& now) {
  const auto& up = std::get<TransposedConvOp>(now.node.op);
  const bool direct = kernelOf(now) == ConvKernel::Direct;
  const RowRange read =
      rowsRead(now.step, m_context.graph, direct ? now.task.kept : now.task.whole, now.in.size.d);
  const Extent& size = now.in.size;
  const at::Tensor in =
      at::empty({read.count() * size.h * size.w * now.in.channels}, scalarType<C>());
  ARGAND_TRY(m_reader.read(now.group, now.step.reads[0], size, read, dataOf<C>(in)));
  // A convolution of one voxel to all taps, whose products are then placed.
  ConvOp pointwise;
  pointwise.channels = up.channels * up.kernel.voxels();
  pointwise.kernel = {1, 1, 1};
  pointwise.padding = {0, 0, 0};
  at::Tensor products;
  if constexpr (std::is_same_v<C, double>) {
    products = at::empty({read.count() * size.h * size.w * pointwise.channels}, scalarType<C>());
    directLines(now, pointwise, dataOf<A>(in), size, size, read.count(), dataOf<A>(products));
  } else {
    products = oneDnn(now, pointwise, in, read.count());
  }
  const C* const from = static_cast<const C*>(products.const_data_ptr());
  const A* const bias = dataOf<A>(weightsOf(now).bias);
  const auto place = [&](auto* to) {
    at::parallel_for(
        0, now.task.kept.count() * now.out.size.h, 1, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t n = first; n < last; ++n) {
            kernels::placeTapsLine(up,
                                   size,
                                   from,
                                   read.begin,
                                   bias,
                                   now.task.kept.begin + n / now.out.size.h,
                                   n % now.out.size.h,
                                   now.out.size.w,
                                   to + n * now.out.size.w * now.out.channels);
          }
        });
  };
  if (now.step.toConsumer) {
    A* const scores = target(now);
    place(scores);
    return handOver(now, scores);
  }
  S* const to = dataOf<S>(now.piece);
  place(to);
  storePiece(now, static_cast<const S*>(to));
  return {};
}

template <typename S>
Result<void> Runner<S>::add(Now& now) {
  A* const to = target(now);
  ARGAND_TRY(m_reader.read(now.group, now.step.reads[0], now.in.size, now.task.kept, to));
  const std::int64_t row = now.voxels * now.out.channels;
  const at::Tensor more = at::empty({now.task.kept.count() * row}, scalarType<A>());
  for (std::size_t n = 1; n < now.step.reads.size(); ++n) {
    ARGAND_TRY(
        m_reader.read(now.group, now.step.reads[n], now.in.size, now.task.kept, dataOf<A>(more)));
    at::parallel_for(0, now.task.kept.count(), 1, [&](std::int64_t begin, std::int64_t end) {
      kernels::addTo<A>(dataOf<A>(more) + begin * row, (end - begin) * row, to + begin * row);
    });
  }
  return finishTask(now, static_cast<const A*>(to));
}

// Pooling, up-sampling, means, softmax and argmax: of a chunk in wide numbers.
template <typename S>
Result<void> Runner<S>::sample(Now& now) {
  const RowRange read = rowsRead(now.step, m_context.graph, now.task.kept, now.in.size.d);
  const std::int64_t inPlane = now.in.size.h * now.in.size.w;
  const at::Tensor in = at::empty({read.count() * inPlane * now.in.channels}, scalarType<A>());
  ARGAND_TRY(m_reader.read(now.group, now.step.reads[0], now.in.size, read, dataOf<A>(in)));
  const kernels::ChunkView<A> view{dataOf<A>(in), read.begin, now.in.size, now.in.channels};
  A* const to = target(now);
  const std::int64_t inRow = inPlane * now.in.channels;
  const std::int64_t outRow = now.voxels * now.out.channels;
  const auto row = [&](std::int64_t n) {
    const A* from = view.from + n * inRow;
    switch (now.step.kind) {
      case Step::Kind::RowMeans:
        kernels::meanOf(from, inPlane, now.in.channels, to + n * outRow);
        break;
      case Step::Kind::Mean:
        kernels::meanOf(view.from, read.count(), now.in.channels, to);
        break;
      case Step::Kind::Softmax:
        kernels::softmaxVoxels(from, now.voxels, now.in.channels, to + n * outRow);
        break;
      case Step::Kind::Argmax:
        kernels::argmaxVoxels(from, now.voxels, now.in.channels, to + n * outRow);
        break;
      default:
        for (std::int64_t h = 0; h < now.out.size.h; ++h) {
          A* const line = to + n * outRow + h * now.out.size.w * now.out.channels;
          const std::int64_t d = now.task.kept.begin + n;
          if (const auto* pool = std::get_if<PoolOp>(&now.node.op)) {
            kernels::poolLine(*pool, view, d, h, now.out.size.w, line);
          } else {
            const auto& up = std::get<UpsampleOp>(now.node.op);
            kernels::upsampleLine(up, view, d, h, now.out.size.w, line);
          }
        }
    }
  };
  at::parallel_for(0, now.task.kept.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      row(n);
    }
  });
  return finishTask(now, static_cast<const A*>(to));
}

template <typename S>
void Runner<S>::finish(const StepGroup& group) {
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

}  // namespace

std::unique_ptr<StepRunner> makeStepRunner(RunContext& context,
                                           const DeviceWeights& weights,
                                           int device,
                                           Ledger& ledger) {
  switch (context.plan.dtype) {
    case DType::Float64:
      return std::make_unique<Runner<double>>(context, weights, device, ledger);
    case DType::BFloat16:
      return std::make_unique<Runner<kernels::BFloat16>>(context, weights, device, ledger);
    case DType::Float16:
      return std::make_unique<Runner<kernels::Float16>>(context, weights, device, ledger);
    default:
      return std::make_unique<Runner<float>>(context, weights, device, ledger);
  }
}

}  // namespace argand::engine
