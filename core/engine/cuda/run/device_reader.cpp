// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/device_reader.h"

#include "core/base/assert.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

namespace argand::engine::cuda {

Scalar scalarOf(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return Scalar::Float64;
    case at::kBFloat16:
      return Scalar::BFloat16;
    case at::kHalf:
      return Scalar::Float16;
    default:
      return Scalar::Float32;
  }
}

Result<at::Tensor> DeviceReader::read(const StepGroup& group,
                                      const ReadList& reads,
                                      const Extent& size,
                                      const RowRange& rows) {
  std::int64_t channels = 0;
  for (const Part& part : reads) {
    channels += part.channels;
  }
  const auto options =
      at::TensorOptions(torchType(m_context.plan.dtype)).device(m_streams.device());
  at::Tensor to = at::empty({rows.count(), size.h, size.w, channels}, options);
  ARGAND_TRY(readInto(group, reads, size, rows, to, false));
  return to;
}

Result<void> DeviceReader::readInto(const StepGroup& group,
                                    const ReadList& reads,
                                    const Extent& size,
                                    const RowRange& rows,
                                    const at::Tensor& to,
                                    bool accumulate) {
  const RowRange inside = clamped(rows, size.d);
  const std::int64_t row = size.h * size.w * to.size(3);
  std::int64_t offset = 0;
  for (const Part& part : reads) {
    Pieces pieces;
    if (part.source < 0) {
      ARGAND_ASSIGN(pieces, inputPieces(inside));
    } else {
      pieces = sourcePieces(group, part.source, inside);
    }
    Gather args;
    args.to = scalarOf(to.scalar_type());
    args.from = part.source < 0 ? Scalar::Float32 : args.to;
    args.plane = size.h * size.w;
    args.channels = part.channels;
    args.transform = transformOf(part);
    args.outStride = to.size(3);
    args.accumulate = accumulate;
    // As many launches as hold all pieces: the first and the last take the rows outside.
    const std::size_t count = pieces.list.size();
    for (std::size_t begin = 0; begin == 0 || begin < count; begin += kMostPieces) {
      const std::size_t end = std::min(count, begin + kMostPieces);
      args.pieceCount = static_cast<int>(end - begin);
      std::copy(pieces.list.begin() + static_cast<std::ptrdiff_t>(begin),
                pieces.list.begin() + static_cast<std::ptrdiff_t>(end),
                args.pieces);
      args.firstRow = begin == 0 ? rows.begin : pieces.list[begin].begin;
      args.rowCount = (end == count ? rows.end : pieces.list[end].begin) - args.firstRow;
      args.out = static_cast<std::byte*>(to.mutable_data_ptr()) +
                 ((args.firstRow - rows.begin) * row + offset) * to.element_size();
      must(gather(args, m_streams.compute()), "reading rows");
    }
    offset += part.channels;
  }
  return {};
}

// The network's input by way of host memory.
Result<DeviceReader::Pieces> DeviceReader::inputPieces(const RowRange& rows) {
  Pieces pieces;
  if (rows.count() > 0) {
    const Shape& shape = m_context.plan.input;
    const at::Tensor host = m_streams.hostMemory(
        {rows.count(), shape.size.h, shape.size.w, shape.channels}, at::kFloat);
    ARGAND_TRY(m_context.input(
        rows, {host.mutable_data_ptr<float>(), static_cast<std::size_t>(host.numel())}));
    pieces.held.push_back(m_streams.fetch(host));
    pieces.list.push_back({pieces.held.back().const_data_ptr(), rows.begin, rows.end});
  }
  return pieces;
}

DeviceReader::Pieces DeviceReader::sourcePieces(const StepGroup& group,
                                                StepId source,
                                                const RowRange& rows) {
  const auto s = static_cast<std::size_t>(source);
  const SlabTensor& tensor = m_context.activations[s];
  Pieces pieces;
  for (std::int64_t row = rows.begin; row < rows.end;) {
    const int owner = source >= group.first ? m_device : tensor.ownerOf(row);
    const int piece = m_context.schedule.pieceOf(source, owner, row);
    ARGAND_ASSERT(piece >= 0);
    const auto device = static_cast<std::size_t>(owner);
    const auto p = static_cast<std::size_t>(piece);
    const RowRange& stored = m_context.schedule.pieces[s][device][p];
    const at::Tensor& voxels = tensor.slabs[device].pieces[p];
    ARGAND_ASSERT(voxels.defined());
    // Inside a group a device's pieces may reach beyond its slab; outside, its slab is read.
    std::int64_t end = std::min(rows.end, stored.end);
    end = source >= group.first ? end : std::min(end, tensor.slabs[device].rows.end);
    const bool spilled = m_context.plan.steps[s].isSpilled(owner, stored.begin);
    pieces.held.push_back(near(voxels.narrow(0, row - stored.begin, end - row), owner, spilled));
    pieces.list.push_back({pieces.held.back().const_data_ptr(), row, end});
    row = end;
  }
  return pieces;
}

// The same on this device.
at::Tensor DeviceReader::near(const at::Tensor& tensor, int owner, bool spilled) {
  if (owner == m_device) {
    return spilled ? m_streams.fetch(tensor) : tensor;
  }
  return m_streams.receive(tensor, [&](std::byte* memory, cudaStream_t stream) {
    static_cast<void>(
        m_context.transport.receive(m_device,
                                    owner,
                                    static_cast<const std::byte*>(tensor.const_data_ptr()),
                                    static_cast<std::int64_t>(tensor.nbytes()),
                                    {memory, stream}));
  });
}

Transform DeviceReader::transformOf(const Part& part) {
  Transform transform;
  if (part.norm) {
    const NormTable& table = tableOf(part);
    transform.scale = table.scale.const_data_ptr();
    transform.shift = table.shift.const_data_ptr();
  }
  if (part.activation) {
    switch (part.activation->kind) {
      case engine::Activation::Kind::LeakyRelu:
        transform.activation = Activation::Leaky;
        transform.slope = part.activation->slope;
        break;
      case engine::Activation::Kind::PRelu:
        transform.activation = Activation::Leaky;
        transform.slopes = m_tables.slopes.at(part.activation->node).const_data_ptr();
        break;
      case engine::Activation::Kind::Silu:
        transform.activation = Activation::Silu;
        break;
      case engine::Activation::Kind::Sigmoid:
        transform.activation = Activation::Sigmoid;
        break;
    }
  }
  if (part.gate) {
    transform.gate = gateOf(*part.gate).const_data_ptr();
  }
  return transform;
}

const at::Tensor& DeviceReader::gateOf(StepId id) {
  at::Tensor& gate = m_gates[id];
  if (!gate.defined()) {
    const SlabTensor& source = m_context.activations[static_cast<std::size_t>(id)];
    const int owner = source.ownerOf(0);
    const at::Tensor& stored = source.slabs[static_cast<std::size_t>(owner)].pieces.at(0);
    const StepPlan& plan = m_context.plan.steps[static_cast<std::size_t>(id)];
    gate = near(stored, owner, plan.isSpilled(owner, 0))
               .to(wideType(m_context.plan.dtype), false, true);
  }
  return gate;
}

const NormTable& DeviceReader::tableOf(const Part& part) {
  const auto folded = m_tables.folded.find(*part.norm);
  if (folded != m_tables.folded.end()) {
    return folded->second;
  }
  const auto found = m_norms.find(*part.norm);
  if (found != m_norms.end()) {
    return found->second;
  }
  return m_norms.emplace(*part.norm, countedTable(part)).first->second;
}

// From the rows of all devices in the order of depth, so that the result does not
// depend on where they lie.
NormTable DeviceReader::countedTable(const Part& part) {
  const Node& node = m_context.graph.node(*part.norm);
  const SlabTensor& source = m_context.activations[static_cast<std::size_t>(part.source)];
  std::vector<at::Tensor> slabs;
  for (std::size_t n = 0; n < source.slabs.size(); ++n) {
    const at::Tensor& moments = source.slabs[n].moments;
    if (moments.defined()) {
      slabs.push_back(near(moments, static_cast<int>(n), false));
    }
  }
  const at::Tensor moments = slabs.size() == 1 ? slabs[0] : at::cat(slabs);
  const auto options = at::TensorOptions(wideType(m_context.plan.dtype)).device(m_streams.device());
  NormTable table{at::empty({source.channels}, options), at::empty({source.channels}, options)};
  const NormTable& affine = m_tables.affine.at(*part.norm);
  const auto* instance = std::get_if<InstanceNormOp>(&node.op);
  const auto* grouped = std::get_if<GroupNormOp>(&node.op);
  NormTableArgs args;
  args.type = scalarOf(wideType(m_context.plan.dtype));
  args.moments = moments.const_data_ptr<double>();
  args.rows = source.size.d;
  args.plane = source.size.h * source.size.w;
  args.channels = source.channels;
  args.groups = grouped != nullptr ? grouped->groups : source.channels;
  args.gamma = affine.scale.defined() ? affine.scale.const_data_ptr<double>() : nullptr;
  args.beta = affine.shift.defined() ? affine.shift.const_data_ptr<double>() : nullptr;
  args.epsilon = instance != nullptr ? instance->epsilon : grouped->epsilon;
  args.scale = table.scale.mutable_data_ptr();
  args.shift = table.shift.mutable_data_ptr();
  must(normTable(args, m_streams.compute()), "making the table of a norm");
  return table;
}

}  // namespace argand::engine::cuda
