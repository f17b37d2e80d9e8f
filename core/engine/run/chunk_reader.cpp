// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/chunk_reader.h"

#include "core/base/assert.h"
#include "core/engine/run/parameters_torch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace argand::engine {

namespace {

template <typename T>
void fillZero(T* to, std::int64_t count) {
  std::memset(static_cast<void*>(to), 0, static_cast<std::size_t>(count) * sizeof(T));
}

// Mean and variance of each channel from its rows; of a group norm those of the
// channels of a group together.
struct Moments {
  std::vector<double> mean;
  std::vector<double> variance;
};

Moments joinedMoments(const SlabTensor& source,
                      std::int64_t groups,
                      Transport& transport,
                      int device) {
  const std::int64_t channels = source.channels;
  std::vector<double> rows;
  for (std::size_t n = 0; n < source.slabs.size(); ++n) {
    const at::Tensor& moments = source.slabs[n].moments;
    if (moments.defined()) {
      const auto* from = reinterpret_cast<const double*>(
          transport.receive(device,
                            static_cast<int>(n),
                            static_cast<const std::byte*>(moments.const_data_ptr()),
                            static_cast<std::int64_t>(moments.nbytes())));
      rows.insert(rows.end(), from, from + moments.numel());
    }
  }
  const auto plane = source.size.h * source.size.w;
  const std::vector<std::int64_t> voxels(static_cast<std::size_t>(source.size.d), plane);
  std::vector<double> joined(static_cast<std::size_t>(2 * channels));
  kernels::joinMoments(rows.data(), voxels.data(), source.size.d, channels, joined.data());
  const std::int64_t together = channels / groups;
  const std::vector<std::int64_t> each(static_cast<std::size_t>(together), source.size.voxels());
  Moments moments;
  for (std::int64_t c = 0; c < channels; c += together) {
    double both[2];
    kernels::joinMoments(joined.data() + 2 * c, each.data(), together, 1, both);
    const auto count = static_cast<std::size_t>(together);
    moments.mean.insert(moments.mean.end(), count, both[0]);
    moments.variance.insert(moments.variance.end(),
                            count,
                            both[1] / static_cast<double>(together * source.size.voxels()));
  }
  return moments;
}

}  // namespace

template <typename S>
template <typename To>
Result<void> ChunkReader<S>::read(const StepGroup& group,
                                  const ReadList& reads,
                                  const Extent& size,
                                  const RowRange& rows,
                                  To* to) {
  std::int64_t channels = 0;
  for (const Part& part : reads) {
    channels += part.channels;
  }
  const std::int64_t plane = size.h * size.w * channels;
  const RowRange inside = clamped(rows, size.d);
  fillZero(to, (inside.begin - rows.begin) * plane);
  fillZero(to + (inside.end - rows.begin) * plane, (rows.end - inside.end) * plane);
  To* const first = to + (inside.begin - rows.begin) * plane;
  std::int64_t offset = 0;
  for (const Part& part : reads) {
    if (part.source < 0) {
      ARGAND_ASSERT(part.plain());
      ARGAND_TRY(readInput(inside, first + offset, channels));
      offset += part.channels;
      continue;
    }
    const Source source = sourceOf(group, part, size.d, inside);
    const std::int64_t line = size.w * part.channels;
    at::parallel_for(0, inside.count() * size.h, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end;) {
        // Lines of one row follow each other.
        const std::int64_t lines = std::min(end - n, size.h - n % size.h);
        const S* from = source.rows[static_cast<std::size_t>(n / size.h)] + n % size.h * line;
        kernels::transformVoxels(from,
                                 lines * size.w,
                                 part.channels,
                                 first + n * size.w * channels + offset,
                                 channels,
                                 source.transform);
        n += lines;
      }
    });
    offset += part.channels;
  }
  return {};
}

// Rows of the network's input, `stride` values apart from voxel to voxel.
template <typename S>
template <typename To>
Result<void> ChunkReader<S>::readInput(const RowRange& rows, To* to, std::int64_t stride) {
  const Shape& shape = m_context.plan.input;
  const std::int64_t voxels = rows.count() * shape.size.h * shape.size.w;
  if (voxels == 0) {
    return {};
  }
  const auto count = static_cast<std::size_t>(voxels * shape.channels);
  if constexpr (std::is_same_v<To, float>) {
    if (stride == shape.channels) {
      return m_context.input(rows, {to, count});
    }
  }
  std::vector<float> values(count);
  ARGAND_TRY(m_context.input(rows, values));
  if constexpr (std::is_same_v<To, double>) {
    for (std::int64_t v = 0; v < voxels; ++v) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        to[v * stride + c] = values[static_cast<std::size_t>(v * shape.channels + c)];
      }
    }
  } else {
    for (std::int64_t v = 0; v < voxels; ++v) {
      kernels::storeVoxels(
          values.data() + v * shape.channels, 1, shape.channels, to + v * stride, nullptr);
    }
  }
  return {};
}

template <typename S>
const S* ChunkReader<S>::rowAt(StepId source, int device, std::int64_t row) const {
  const SlabTensor& tensor = m_context.activations[static_cast<std::size_t>(source)];
  const int piece = m_context.schedule.pieceOf(source, device, row);
  ARGAND_ASSERT(piece >= 0);
  const RowRange& rows =
      m_context.schedule.pieces[static_cast<std::size_t>(source)][static_cast<std::size_t>(device)]
                               [static_cast<std::size_t>(piece)];
  const at::Tensor& voxels =
      tensor.slabs[static_cast<std::size_t>(device)].pieces[static_cast<std::size_t>(piece)];
  ARGAND_ASSERT(voxels.defined());
  return dataOf<S>(voxels) + (row - rows.begin) * tensor.size.h * tensor.size.w * tensor.channels;
}

template <typename S>
typename ChunkReader<S>::Source ChunkReader<S>::sourceOf(const StepGroup& group,
                                                         const Part& part,
                                                         std::int64_t depth,
                                                         const RowRange& rows) {
  const SlabTensor& tensor = m_context.activations[static_cast<std::size_t>(part.source)];
  const std::int64_t bytes =
      tensor.size.h * tensor.size.w * tensor.channels * static_cast<std::int64_t>(sizeof(S));
  Source source{transformOf(part), {}};
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    if (row < 0 || row >= depth) {
      source.rows.push_back(nullptr);
      continue;
    }
    const int owner = part.source >= group.first ? m_device : tensor.ownerOf(row);
    const S* there = rowAt(part.source, owner, row);
    if (owner != m_device) {
      there = reinterpret_cast<const S*>(m_context.transport.receive(
          m_device, owner, reinterpret_cast<const std::byte*>(there), bytes));
    }
    source.rows.push_back(there);
  }
  return source;
}

template <typename S>
kernels::Transform<kernels::Wide<S>> ChunkReader<S>::transformOf(const Part& part) {
  kernels::Transform<A> transform;
  if (part.norm) {
    const NormTable& table = tableOf(part);
    transform.scale = dataOf<A>(table.scale);
    transform.shift = dataOf<A>(table.shift);
  }
  if (part.activation) {
    switch (part.activation->kind) {
      case Activation::Kind::LeakyRelu:
        transform.activates = true;
        transform.slope = static_cast<A>(part.activation->slope);
        break;
      case Activation::Kind::PRelu:
        transform.slopes = dataOf<A>(m_weights.slopes.at(part.activation->node));
        break;
      case Activation::Kind::Silu:
        transform.silu = true;
        break;
      case Activation::Kind::Sigmoid:
        transform.sigmoid = true;
        break;
    }
  }
  if (part.gate) {
    const SlabTensor& gate = m_context.activations[static_cast<std::size_t>(*part.gate)];
    std::vector<A>& wide = m_gates[*part.gate];
    if (wide.empty()) {
      const int owner = gate.ownerOf(0);
      const auto bytes = part.channels * static_cast<std::int64_t>(sizeof(S));
      const auto* from = reinterpret_cast<const S*>(m_context.transport.receive(
          m_device, owner, reinterpret_cast<const std::byte*>(rowAt(*part.gate, owner, 0)), bytes));
      wide.resize(static_cast<std::size_t>(part.channels));
      kernels::transformVoxels(
          from, 1, part.channels, wide.data(), part.channels, kernels::Transform<A>{});
    }
    transform.gate = wide.data();
  }
  return transform;
}

template <typename S>
const NormTable& ChunkReader<S>::tableOf(const Part& part) {
  const auto folded = m_weights.folded.find(*part.norm);
  if (folded != m_weights.folded.end()) {
    return folded->second;
  }
  const auto found = m_tables.find(*part.norm);
  if (found != m_tables.end()) {
    return found->second;
  }
  return m_tables.emplace(*part.norm, countedTable(part)).first->second;
}

// Joins the rows of all devices in the order of depth, so that the result does
// not depend on where they lie.
template <typename S>
NormTable ChunkReader<S>::countedTable(const Part& part) const {
  const Node& node = m_context.graph.node(*part.norm);
  const SlabTensor& source = m_context.activations[static_cast<std::size_t>(part.source)];
  const auto* instance = std::get_if<InstanceNormOp>(&node.op);
  const auto* grouped = std::get_if<GroupNormOp>(&node.op);
  const double epsilon = instance != nullptr ? instance->epsilon : grouped->epsilon;
  const bool affine = instance != nullptr ? instance->affine : grouped->affine;
  const Moments moments = joinedMoments(source,
                                        grouped != nullptr ? grouped->groups : source.channels,
                                        m_context.transport,
                                        m_device);
  at::Tensor gamma;
  at::Tensor beta;
  if (affine) {
    const Parameters::Tensors& tensors = m_context.parameters.tensors();
    gamma = tensors.get(node.name + ".weight").to(at::kDouble).contiguous();
    beta = tensors.get(node.name + ".bias").to(at::kDouble).contiguous();
  }
  NormTable table{at::empty({source.channels}, scalarType<A>()),
                  at::empty({source.channels}, scalarType<A>())};
  for (std::int64_t c = 0; c < source.channels; ++c) {
    const auto n = static_cast<std::size_t>(c);
    const double scale = (affine ? gamma.const_data_ptr<double>()[c] : 1.0) /
                         std::sqrt(moments.variance[n] + epsilon);
    const double shift =
        (affine ? beta.const_data_ptr<double>()[c] : 0.0) - moments.mean[n] * scale;
    dataOf<A>(table.scale)[c] = static_cast<A>(scale);
    dataOf<A>(table.shift)[c] = static_cast<A>(shift);
  }
  return table;
}

#define ARGAND_CHUNK_READER(S, To)            \
  template Result<void> ChunkReader<S>::read( \
      const StepGroup&, const ReadList&, const Extent&, const RowRange&, To*);

template class ChunkReader<float>;
template class ChunkReader<double>;
template class ChunkReader<kernels::BFloat16>;
template class ChunkReader<kernels::Float16>;
ARGAND_CHUNK_READER(float, float)
ARGAND_CHUNK_READER(double, double)
ARGAND_CHUNK_READER(kernels::BFloat16, kernels::BFloat16)
ARGAND_CHUNK_READER(kernels::BFloat16, float)
ARGAND_CHUNK_READER(kernels::Float16, float)

}  // namespace argand::engine
