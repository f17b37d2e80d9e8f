// SPDX-License-Identifier: Apache-2.0
#include "core/engine/step_runner.h"

#include "core/base/assert.h"
#include "core/engine/kernels.h"
#include "core/engine/parameters_torch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace argand::engine {

namespace {

template <typename T>
class Runner final : public StepRunner {
 public:
  Runner(RunContext& context, const DeviceWeights& weights, int device, Ledger& ledger)
      : m_context(context), m_weights(weights), m_device(device), m_ledger(ledger) {}

  ~Runner() override { m_ledger.release(m_consumerBytes); }

  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Result<void> run(StepId id) override;
  void release(StepId id) override;

 private:
  static constexpr at::ScalarType kType = std::is_same_v<T, float> ? at::kFloat : at::kDouble;

  // Everything about the step at hand.
  struct Now {
    StepId id = 0;
    const Step* step = nullptr;
    const Node* node = nullptr;
    Extent in;
    Extent out;
    std::int64_t inChannels = 0;
    std::int64_t channels = 0;
    bool direct = false;
    RowRange whole;        // of the chunk, of which a slab may have a part
    Slab* slab = nullptr;  // of this device
    at::Tensor scratch;    // chunk in
    at::Tensor products;   // of a direct transposed convolution
    at::Tensor chunkOut;   // where nothing is stored, or a second read is added
    at::Tensor moments;    // of pieces
  };

  Now prepare(StepId id);
  Result<void> runChunk(Now& now, const RowRange& rows);
  T* target(Now& now, const RowRange& rows);
  Result<void> finishChunk(Now& now, const RowRange& rows, const T* values, const T* copyFrom);

  Result<void> convolve(Now& now, const RowRange& rows);
  Result<void> transpose(Now& now, const RowRange& rows);
  Result<void> combine(Now& now, const RowRange& rows);
  at::Tensor convolved(const Now& now,
                       const ConvOp& conv,
                       std::int64_t rows,
                       const at::Tensor& bias);
  void convolveDirectly(
      const Now& now, const ConvOp& conv, std::int64_t rows, const Extent& out, T* to);

  Result<void> gather(const ReadList& reads, const Extent& size, const RowRange& rows, T* to);
  Result<void> readInput(const RowRange& rows, T* to, std::int64_t stride);
  const NormTable& tableOf(const Part& part);
  NormTable instanceTable(const Part& part);

  RunContext& m_context;
  const DeviceWeights& m_weights;
  const int m_device;
  Ledger& m_ledger;
  std::int64_t m_consumerBytes = 0;      // what the consumer keeps of this device's rows
  std::map<NodeId, NormTable> m_tables;  // of instance norms whose source is live
};

template <typename T>
T* dataOf(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<T>() : nullptr;
}

template <typename T>
typename Runner<T>::Now Runner<T>::prepare(StepId id) {
  Now now;
  now.id = id;
  now.step = &m_context.program.steps[static_cast<std::size_t>(id)];
  now.node = &m_context.graph.node(now.step->node);
  const Shape& out = m_context.shapes[static_cast<std::size_t>(now.step->node)];
  now.out = out.size;
  now.channels = out.channels;
  now.in = now.node->inputs.empty()
               ? now.out
               : m_context.shapes[static_cast<std::size_t>(now.node->inputs[0])].size;
  for (const Part& part : now.step->reads[0]) {
    now.inChannels += part.channels;
  }
  now.direct = runsDirectly(*now.step, m_context.graph, m_context.plan.dtype);
  now.slab = &m_context.activations[static_cast<std::size_t>(id)]
                  .slabs[static_cast<std::size_t>(m_device)];
  const std::int64_t rows = now.slab->rows.count();
  if (!now.step->toConsumer) {
    now.slab->voxels = at::empty({rows, now.out.h, now.out.w, now.channels}, kType);
  }
  if (!now.step->norms.empty()) {
    now.slab->moments = at::empty({rows, now.channels, 2}, at::kDouble);
  }
  return now;
}

template <typename T>
Result<void> Runner<T>::run(StepId id) {
  const RowRange rows = m_context.plan.steps[static_cast<std::size_t>(id)].rows(m_device);
  if (rows.count() == 0) {
    return {};
  }
  Now now = prepare(id);
  if (now.step->toConsumer) {
    const std::int64_t kept =
        rows.count() * now.out.h * now.out.w * m_context.plan.outputBytesPerVoxel;
    m_ledger.charge(kept);
    m_consumerBytes += kept;
  }
  const std::int64_t grid = chunkRows(*now.step, m_context.graph, m_context.shapes);
  const double depth = static_cast<double>(now.out.d);
  const double flops = static_cast<double>(
      costOf(m_context.graph, now.step->node, m_context.shapes, m_context.plan.dtype).flops);
  for (std::int64_t begin = rows.begin; begin < rows.end;) {
    ARGAND_TRY(checkStop(m_context.stop));
    now.whole = chunkAt(begin, grid, now.out.d);
    const RowRange chunk{begin, std::min(rows.end, now.whole.end)};
    ARGAND_TRY(runChunk(now, chunk));
    m_context.done(id, flops * static_cast<double>(chunk.count()) / depth);
    begin = chunk.end;
  }
  return {};
}

template <typename T>
Result<void> Runner<T>::runChunk(Now& now, const RowRange& rows) {
  switch (now.step->kind) {
    case Step::Kind::Conv:
      return convolve(now, rows);
    case Step::Kind::TransposedConv:
      return transpose(now, rows);
    default:
      return combine(now, rows);
  }
}

// Where a chunk's output is written: its place in the slab, or a buffer for the consumer.
template <typename T>
T* Runner<T>::target(Now& now, const RowRange& rows) {
  const std::int64_t row = now.out.h * now.out.w * now.channels;
  if (!now.step->toConsumer) {
    return dataOf<T>(now.slab->voxels) + (rows.begin - now.slab->rows.begin) * row;
  }
  if (!now.chunkOut.defined() || now.chunkOut.numel() < rows.count() * row) {
    now.chunkOut = at::Tensor();
    now.chunkOut = at::empty({rows.count() * row}, kType);
  }
  return dataOf<T>(now.chunkOut);
}

// Statistics of a chunk that has just been computed, copied into the slab on
// the way where it lies elsewhere; or the chunk to the consumer.
template <typename T>
Result<void> Runner<T>::finishChunk(Now& now,
                                    const RowRange& rows,
                                    const T* values,
                                    const T* copyFrom) {
  const T* result = copyFrom == nullptr ? values : copyFrom;
  if (now.step->toConsumer) {
    ScoreSlab scores;
    scores.rows = rows;
    scores.height = now.out.h;
    scores.width = now.out.w;
    scores.classes = now.channels;
    const auto count =
        static_cast<std::size_t>(rows.count() * now.out.h * now.out.w * now.channels);
    if constexpr (std::is_same_v<T, float>) {
      scores.scores = {result, count};
    } else {
      scores.scores64 = {result, count};
    }
    return m_context.output(scores);
  }
  const bool counts = !now.step->norms.empty();
  if (!counts && copyFrom == nullptr) {
    return {};
  }
  const std::int64_t plane = now.out.h * now.out.w;
  const std::int64_t pieces = momentPieces(now.out);
  const std::int64_t channels = now.channels;
  if (counts && (!now.moments.defined() || now.moments.size(0) < rows.count() * pieces)) {
    now.moments = at::Tensor();
    now.moments = at::empty({rows.count() * pieces, channels, 2}, at::kDouble);
  }
  T* const to = target(now, rows);
  double* const moments = counts ? dataOf<double>(now.moments) : nullptr;
  at::parallel_for(0, rows.count() * pieces, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      const std::int64_t begin = n % pieces * kMomentVoxels;
      const std::int64_t count = std::min(kMomentVoxels, plane - begin);
      const std::int64_t offset = (n / pieces * plane + begin) * channels;
      if (copyFrom != nullptr) {
        std::memcpy(
            to + offset, copyFrom + offset, static_cast<std::size_t>(count * channels) * sizeof(T));
      }
      if (counts) {
        kernels::statistics(result + offset, count, channels, moments + n * channels * 2);
      }
    }
  });
  if (counts) {
    std::vector<std::int64_t> voxels(static_cast<std::size_t>(pieces), kMomentVoxels);
    voxels.back() = plane - (pieces - 1) * kMomentVoxels;
    double* const rowMoments = dataOf<double>(now.slab->moments);
    for (std::int64_t row = 0; row < rows.count(); ++row) {
      const std::int64_t at = rows.begin - now.slab->rows.begin + row;
      kernels::joinMoments(moments + row * pieces * channels * 2,
                           voxels.data(),
                           pieces,
                           channels,
                           rowMoments + at * channels * 2);
    }
  }
  return {};
}

// A batch of one chunk as oneDNN wants it, over memory that is channels-last already.
template <typename T>
at::Tensor channelsLastView(const at::Tensor& memory,
                            std::int64_t rows,
                            const Extent& size,
                            std::int64_t channels) {
  const std::int64_t plane = size.h * size.w * channels;
  return memory.as_strided({1, channels, rows, size.h, size.w},
                           {rows * plane, 1, plane, size.w * channels, channels});
}

// The rows of the scratch through oneDNN, padded along height and width only:
// along depth the scratch has its padding and halo already.
template <typename T>
at::Tensor Runner<T>::convolved(const Now& now,
                                const ConvOp& conv,
                                std::int64_t rows,
                                const at::Tensor& bias) {
  const StepWeights& weights = m_weights.steps[static_cast<std::size_t>(now.id)];
  const at::Tensor in = channelsLastView<T>(now.scratch, rows, now.in, now.inChannels);
  const std::optional<at::Tensor> maybeBias = bias.defined() ? std::optional(bias) : std::nullopt;
  at::Tensor out = at::mkldnn_convolution(in,
                                          weights.weight,
                                          maybeBias,
                                          {0, conv.padding.h, conv.padding.w},
                                          {conv.stride.d, conv.stride.h, conv.stride.w},
                                          {conv.dilation.d, conv.dilation.h, conv.dilation.w},
                                          conv.groups);
  return out.contiguous(at::MemoryFormat::ChannelsLast3d);
}

template <typename T>
void Runner<T>::convolveDirectly(
    const Now& now, const ConvOp& conv, std::int64_t rows, const Extent& out, T* to) {
  const StepWeights& weights = m_weights.steps[static_cast<std::size_t>(now.id)];
  kernels::DirectConv<T> op;
  op.conv = &conv;
  op.inChannels = now.inChannels;
  op.inSize = now.in;
  op.outWidth = out.w;
  op.packed = dataOf<T>(weights.weight);
  op.bias = now.step->kind == Step::Kind::Conv ? dataOf<T>(weights.bias) : nullptr;
  const T* from = dataOf<T>(now.scratch);
  at::parallel_for(0, rows * out.h, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      kernels::directConvLine(
          op, from, n / out.h * conv.stride.d, n % out.h, to + n * out.w * conv.channels);
    }
  });
}

template <typename T>
Result<void> Runner<T>::convolve(Now& now, const RowRange& rows) {
  const auto& conv = std::get<ConvOp>(now.node->op);
  // The rounding of the direct kernel does not depend on what is computed beside.
  const RowRange read = inputRows(now.node->op, now.direct ? rows : now.whole);
  const std::int64_t elements = read.count() * now.in.h * now.in.w * now.inChannels;
  if (!now.scratch.defined() || now.scratch.numel() < elements) {
    now.scratch = at::Tensor();
    now.scratch = at::empty({elements}, kType);
  }
  ARGAND_TRY(gather(now.step->reads[0], now.in, read, dataOf<T>(now.scratch)));
  if (now.direct) {
    T* to = target(now, rows);
    convolveDirectly(now, conv, rows.count(), now.out, to);
    return finishChunk(now, rows, to, nullptr);
  }
  const at::Tensor out =
      convolved(now, conv, read.count(), m_weights.steps[static_cast<std::size_t>(now.id)].bias);
  ARGAND_ASSERT(out.size(2) == now.whole.count() && out.size(3) == now.out.h &&
                out.size(4) == now.out.w);
  const std::int64_t skipped =
      (rows.begin - now.whole.begin) * now.out.h * now.out.w * now.channels;
  return finishChunk(now, rows, nullptr, out.const_data_ptr<T>() + skipped);
}

template <typename T>
Result<void> Runner<T>::transpose(Now& now, const RowRange& rows) {
  const auto& up = std::get<TransposedConvOp>(now.node->op);
  RowRange read = inputRows(now.node->op, now.direct ? rows : now.whole);
  read = {std::max<std::int64_t>(0, read.begin), std::min(now.in.d, read.end)};
  const std::int64_t elements = read.count() * now.in.h * now.in.w * now.inChannels;
  if (!now.scratch.defined() || now.scratch.numel() < elements) {
    now.scratch = at::Tensor();
    now.scratch = at::empty({elements}, kType);
  }
  ARGAND_TRY(gather(now.step->reads[0], now.in, read, dataOf<T>(now.scratch)));
  ConvOp pointwise;
  pointwise.channels = up.channels * up.kernel.voxels();
  pointwise.kernel = {1, 1, 1};
  pointwise.padding = {0, 0, 0};
  at::Tensor products;
  if (now.direct) {
    const std::int64_t wanted = read.count() * now.in.h * now.in.w * pointwise.channels;
    if (!now.products.defined() || now.products.numel() < wanted) {
      now.products = at::Tensor();
      now.products = at::empty({wanted}, kType);
    }
    convolveDirectly(now, pointwise, read.count(), now.in, dataOf<T>(now.products));
    products = now.products;
  } else {
    products = convolved(now, pointwise, read.count(), {});
  }
  T* const to = target(now, rows);
  const T* const from = products.const_data_ptr<T>();
  const T* const bias = dataOf<T>(m_weights.steps[static_cast<std::size_t>(now.id)].bias);
  at::parallel_for(0, rows.count() * now.out.h, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      kernels::placeTapsLine(up,
                             now.in,
                             from,
                             read.begin,
                             bias,
                             rows.begin + n / now.out.h,
                             n % now.out.h,
                             now.out.w,
                             to + n * now.out.w * now.channels);
    }
  });
  return finishChunk(now, rows, to, nullptr);
}

// Add, and Store with its one read.
template <typename T>
Result<void> Runner<T>::combine(Now& now, const RowRange& rows) {
  T* const to = target(now, rows);
  ARGAND_TRY(gather(now.step->reads[0], now.out, rows, to));
  const std::int64_t elements = rows.count() * now.out.h * now.out.w * now.channels;
  for (std::size_t n = 1; n < now.step->reads.size(); ++n) {
    if (!now.scratch.defined() || now.scratch.numel() < elements) {
      now.scratch = at::Tensor();
      now.scratch = at::empty({elements}, kType);
    }
    T* const more = dataOf<T>(now.scratch);
    ARGAND_TRY(gather(now.step->reads[n], now.out, rows, more));
    kernels::addTo<T>(more, elements, to);
  }
  return finishChunk(now, rows, to, nullptr);
}

// Rows of what a step reads, concatenated along channels, with norm and
// activation applied; rows outside the volume are zero.
template <typename T>
Result<void> Runner<T>::gather(const ReadList& reads,
                               const Extent& size,
                               const RowRange& rows,
                               T* to) {
  std::int64_t channels = 0;
  for (const Part& part : reads) {
    channels += part.channels;
  }
  const std::int64_t plane = size.h * size.w * channels;
  const RowRange inside{std::clamp<std::int64_t>(rows.begin, 0, size.d),
                        std::clamp<std::int64_t>(rows.end, 0, size.d)};
  std::fill(to, to + (inside.begin - rows.begin) * plane, T(0));
  std::fill(to + (inside.end - rows.begin) * plane, to + rows.count() * plane, T(0));
  T* const first = to + (inside.begin - rows.begin) * plane;
  std::int64_t offset = 0;
  for (const Part& part : reads) {
    kernels::Transform<T> transform;
    if (part.slope) {
      transform.activates = true;
      transform.slope = static_cast<T>(*part.slope);
    }
    if (part.source < 0) {
      ARGAND_TRY(readInput(inside, first + offset, channels));
      const std::int64_t voxels = inside.count() * size.h * size.w;
      if (part.slope) {
        // In place: the input is read by few steps, and rarely through an activation.
        for (std::int64_t v = 0; v < voxels; ++v) {
          T* voxel = first + offset + v * channels;
          kernels::transformVoxels(voxel, 1, part.channels, voxel, channels, transform);
        }
      }
      offset += part.channels;
      continue;
    }
    const SlabTensor& source = m_context.activations[static_cast<std::size_t>(part.source)];
    if (part.norm) {
      const NormTable& table = tableOf(part);
      transform.scale = dataOf<T>(table.scale);
      transform.shift = dataOf<T>(table.shift);
    }
    const std::int64_t line = size.w * part.channels;
    std::vector<const T*> starts;
    for (std::int64_t row = inside.begin; row < inside.end; ++row) {
      const int owner = source.ownerOf(row);
      const Slab& slab = source.slabs[static_cast<std::size_t>(owner)];
      const T* begin =
          slab.voxels.template const_data_ptr<T>() + (row - slab.rows.begin) * size.h * line;
      const std::byte* here =
          m_context.transport.receive(m_device,
                                      owner,
                                      reinterpret_cast<const std::byte*>(begin),
                                      size.h * line * static_cast<std::int64_t>(sizeof(T)));
      starts.push_back(reinterpret_cast<const T*>(here));
    }
    at::parallel_for(0, inside.count() * size.h, 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T* from = starts[static_cast<std::size_t>(n / size.h)] + n % size.h * line;
        kernels::transformVoxels(from,
                                 size.w,
                                 part.channels,
                                 first + n * size.w * channels + offset,
                                 channels,
                                 transform);
      }
    });
    offset += part.channels;
  }
  return {};
}

// Rows of the network's input, `stride` values apart from voxel to voxel.
template <typename T>
Result<void> Runner<T>::readInput(const RowRange& rows, T* to, std::int64_t stride) {
  const Shape& shape = m_context.plan.input;
  const std::int64_t voxels = rows.count() * shape.size.h * shape.size.w;
  if (voxels == 0) {
    return {};
  }
  const auto count = static_cast<std::size_t>(voxels * shape.channels);
  if constexpr (std::is_same_v<T, float>) {
    if (stride == shape.channels) {
      return m_context.input(rows, {to, count});
    }
  }
  std::vector<float> values(count);
  ARGAND_TRY(m_context.input(rows, values));
  for (std::int64_t v = 0; v < voxels; ++v) {
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      to[v * stride + c] = static_cast<T>(values[static_cast<std::size_t>(v * shape.channels + c)]);
    }
  }
  return {};
}

template <typename T>
const NormTable& Runner<T>::tableOf(const Part& part) {
  const auto folded = m_weights.folded.find(*part.norm);
  if (folded != m_weights.folded.end()) {
    return folded->second;
  }
  const auto found = m_tables.find(*part.norm);
  if (found != m_tables.end()) {
    return found->second;
  }
  return m_tables.emplace(*part.norm, instanceTable(part)).first->second;
}

// Joins the rows of all devices in the order of depth, so that the result does
// not depend on where they lie.
template <typename T>
NormTable Runner<T>::instanceTable(const Part& part) {
  const Node& node = m_context.graph.node(*part.norm);
  const auto& norm = std::get<InstanceNormOp>(node.op);
  const SlabTensor& source = m_context.activations[static_cast<std::size_t>(part.source)];
  const std::int64_t channels = source.channels;
  std::vector<double> moments;
  for (const Slab& slab : source.slabs) {
    if (slab.rows.count() > 0) {
      const double* rows = slab.moments.template const_data_ptr<double>();
      moments.insert(moments.end(), rows, rows + slab.moments.numel());
    }
  }
  const std::vector<std::int64_t> voxels(static_cast<std::size_t>(source.size.d),
                                         source.size.h * source.size.w);
  std::vector<double> joined(static_cast<std::size_t>(2 * channels));
  kernels::joinMoments(moments.data(), voxels.data(), source.size.d, channels, joined.data());
  at::Tensor gamma;
  at::Tensor beta;
  if (norm.affine) {
    const Parameters::Tensors& tensors = m_context.parameters.tensors();
    gamma = tensors.get(node.name + ".weight").to(at::kDouble).contiguous();
    beta = tensors.get(node.name + ".bias").to(at::kDouble).contiguous();
  }
  NormTable table{at::empty({channels}, kType), at::empty({channels}, kType)};
  for (std::int64_t c = 0; c < channels; ++c) {
    const double mean = joined[static_cast<std::size_t>(2 * c)];
    const double variance =
        joined[static_cast<std::size_t>(2 * c + 1)] / static_cast<double>(source.size.voxels());
    const double scale = (norm.affine ? gamma.const_data_ptr<double>()[c] : 1.0) /
                         std::sqrt(variance + norm.epsilon);
    const double shift = (norm.affine ? beta.const_data_ptr<double>()[c] : 0.0) - mean * scale;
    dataOf<T>(table.scale)[c] = static_cast<T>(scale);
    dataOf<T>(table.shift)[c] = static_cast<T>(shift);
  }
  return table;
}

template <typename T>
void Runner<T>::release(StepId id) {
  for (std::size_t n = 0; n < m_context.program.steps.size(); ++n) {
    const Step& step = m_context.program.steps[n];
    if (step.lastReader == id) {
      Slab& slab = m_context.activations[n].slabs[static_cast<std::size_t>(m_device)];
      slab.voxels = at::Tensor();
      slab.moments = at::Tensor();
      for (const NodeId norm : step.norms) {
        m_tables.erase(norm);
      }
    }
  }
}

}  // namespace

std::unique_ptr<StepRunner> makeStepRunner(RunContext& context,
                                           const DeviceWeights& weights,
                                           int device,
                                           Ledger& ledger) {
  if (context.plan.dtype == DType::Float32) {
    return std::make_unique<Runner<float>>(context, weights, device, ledger);
  }
  return std::make_unique<Runner<double>>(context, weights, device, ledger);
}

}  // namespace argand::engine
