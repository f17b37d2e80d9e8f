// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/graph.h"

#include "core/base/assert.h"
#include "core/engine/graph/program.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace argand::engine {

namespace {

Extent sizeAfter(const ConvOp& conv, const Extent& in) {
  Extent out;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t span = conv.dilation[axis] * (conv.kernel[axis] - 1) + 1;
    const std::int64_t room = in[axis] + 2 * conv.padding[axis] - span;
    out[axis] = room < 0 ? 0 : room / conv.stride[axis] + 1;
  }
  return out;
}

Extent sizeAfter(const TransposedConvOp& conv, const Extent& in) {
  Extent out;
  for (int axis = 0; axis < 3; ++axis) {
    out[axis] = (in[axis] - 1) * conv.stride[axis] - 2 * conv.padding[axis] + conv.kernel[axis] +
                conv.outputPadding[axis];
  }
  return out;
}

Extent sizeAfter(const PoolOp& pool, const Extent& in) {
  Extent out;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t room = in[axis] + 2 * pool.padding[axis] - pool.kernel[axis];
    out[axis] = room < 0 ? 0 : room / pool.stride[axis] + 1;
  }
  return out;
}

Extent sizeAfter(const UpsampleOp& up, const Extent& in) {
  return {in.d * up.factor.d, in.h * up.factor.h, in.w * up.factor.w};
}

Extent sizeAfter(const GlobalPoolOp&, const Extent&) {
  return {1, 1, 1};
}

template <typename Other>
Extent sizeAfter(const Other&, const Extent& in) {
  return in;
}

Result<Shape> shapeOf(const Node& node, const std::vector<Shape>& shapes, const Shape& input) {
  if (std::holds_alternative<InputOp>(node.op)) {
    if (input.channels != node.channels) {
      return fail(
          ErrorCode::Usage,
          fmt::format(
              "The network takes {} input channel(s), not {}.", node.channels, input.channels));
    }
    return input;
  }
  Shape shape = shapes[static_cast<std::size_t>(node.inputs[0])];
  shape.channels = node.channels;
  const Extent first = shape.size;
  shape.size = std::visit([&](const auto& op) { return sizeAfter(op, first); }, node.op);
  constexpr Extent kOne{1, 1, 1};
  if (std::holds_alternative<LinearOp>(node.op) && first != kOne) {
    return fail(ErrorCode::Usage,
                fmt::format("'{}' takes one value per channel, as a global pool gives, not {} "
                            "voxels.",
                            node.name,
                            toString(first)));
  }
  for (const NodeId id : node.inputs) {
    const Extent& other = shapes[static_cast<std::size_t>(id)].size;
    const bool gate = std::holds_alternative<ScaleOp>(node.op) && id == node.inputs[1];
    if (gate && other != kOne) {
      return fail(ErrorCode::Usage,
                  fmt::format("The gate of '{}' has {} voxels; it takes one value per channel.",
                              node.name,
                              toString(other)));
    }
    if (!gate && other != first) {
      return fail(ErrorCode::Usage,
                  fmt::format("'{}' joins {} and {} voxels; the input size {} does not suit this "
                              "network.",
                              node.name,
                              toString(first),
                              toString(other),
                              toString(input.size)));
    }
  }
  if (shape.size.d < 1 || shape.size.h < 1 || shape.size.w < 1) {
    return fail(
        ErrorCode::Usage,
        fmt::format("Nothing is left at '{}': the input size {} is too small for this network.",
                    node.name,
                    toString(input.size)));
  }
  return shape;
}

}  // namespace

std::string toString(const Extent& extent) {
  return fmt::format("{}x{}x{}", extent.d, extent.h, extent.w);
}

std::int64_t ParameterSpec::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Result<std::vector<Shape>> Graph::shapes(const Shape& input) const {
  ARGAND_ASSERT(!m_nodes.empty());
  std::vector<Shape> shapes;
  shapes.reserve(m_nodes.size());
  for (const Node& node : m_nodes) {
    ARGAND_ASSIGN(Shape shape, shapeOf(node, shapes, input));
    shapes.push_back(shape);
  }
  return shapes;
}

Extent Graph::alignment() const {
  // Input voxels per voxel of each node; up-sampling divides what came before.
  std::vector<Extent> scales;
  Extent alignment;
  for (const Node& node : m_nodes) {
    Extent scale =
        node.inputs.empty() ? Extent{} : scales[static_cast<std::size_t>(node.inputs[0])];
    for (int axis = 0; axis < 3; ++axis) {
      if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
        scale[axis] *= conv->stride[axis];
      } else if (const auto* pool = std::get_if<PoolOp>(&node.op)) {
        scale[axis] *= pool->stride[axis];
      } else if (const auto* transposed = std::get_if<TransposedConvOp>(&node.op)) {
        scale[axis] = std::max<std::int64_t>(1, scale[axis] / transposed->stride[axis]);
      } else if (const auto* up = std::get_if<UpsampleOp>(&node.op)) {
        scale[axis] = std::max<std::int64_t>(1, scale[axis] / up->factor[axis]);
      } else if (std::holds_alternative<GlobalPoolOp>(node.op)) {
        scale[axis] = 1;
      }
      alignment[axis] = std::lcm(alignment[axis], scale[axis]);
    }
    scales.push_back(scale);
  }
  return alignment;
}

Extent Graph::receptiveField() const {
  // What an output voxel sees depends on where it lies between two voxels of
  // the deepest level, so the largest over one such period counts.
  const Extent period = alignment();
  Extent field;
  for (int axis = 0; axis < 3; ++axis) {
    std::int64_t largest = 0;
    for (std::int64_t phase = 0; phase < period[axis]; ++phase) {
      constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
      std::vector<RowRange> needed(m_nodes.size(), RowRange{kNone, -kNone});
      needed.back() = {phase, phase + 1};
      for (NodeId id = output(); id > 0; --id) {
        const RowRange& range = needed[static_cast<std::size_t>(id)];
        if (range.begin == kNone) {
          continue;  // the output does not depend on it
        }
        const RowRange read = inputRows(node(id).op, range, axis);
        const auto& inputs = node(id).inputs;
        const std::size_t local = std::holds_alternative<ScaleOp>(node(id).op) ? 1 : inputs.size();
        for (std::size_t n = 0; n < local; ++n) {
          RowRange& joined = needed[static_cast<std::size_t>(inputs[n])];
          joined = {std::min(joined.begin, read.begin), std::max(joined.end, read.end)};
        }
      }
      largest = std::max(largest, needed[0].count());
    }
    field[axis] = largest;
  }
  return field;
}

bool Graph::needsGlobalReduction(NodeId id) const {
  const Op& op = node(id).op;
  return std::holds_alternative<InstanceNormOp>(op) || std::holds_alternative<BatchNormOp>(op) ||
         std::holds_alternative<GroupNormOp>(op) || std::holds_alternative<GlobalPoolOp>(op);
}

std::vector<ParameterSpec> Graph::parametersOf(NodeId id) const {
  using Role = ParameterRole;
  const Node& n = node(id);
  std::vector<ParameterSpec> specs;
  const auto put = [&](std::string_view suffix, std::vector<std::int64_t> shape, Role role) {
    specs.push_back({fmt::format("{}.{}", n.name, suffix), std::move(shape), role, id});
  };
  const auto norm = [&] {
    put("weight", {n.channels}, Role::Scale);
    put("bias", {n.channels}, Role::Shift);
  };
  const std::int64_t in = n.inputs.empty() ? 0 : node(n.inputs[0]).channels;
  if (const auto* conv = std::get_if<ConvOp>(&n.op)) {
    const Extent& k = conv->kernel;
    put("weight", {n.channels, in / conv->groups, k.d, k.h, k.w}, Role::Weight);
    if (conv->bias) {
      put("bias", {n.channels}, Role::Bias);
    }
  } else if (const auto* up = std::get_if<TransposedConvOp>(&n.op)) {
    put("weight", {in, n.channels, up->kernel.d, up->kernel.h, up->kernel.w}, Role::Weight);
    if (up->bias) {
      put("bias", {n.channels}, Role::Bias);
    }
  } else if (const auto* instance = std::get_if<InstanceNormOp>(&n.op)) {
    if (instance->affine) {
      norm();
    }
  } else if (const auto* group = std::get_if<GroupNormOp>(&n.op)) {
    if (group->affine) {
      norm();
    }
  } else if (const auto* prelu = std::get_if<PReluOp>(&n.op)) {
    put("weight", {prelu->slopes}, Role::Slope);
  } else if (const auto* linear = std::get_if<LinearOp>(&n.op)) {
    put("weight", {n.channels, in}, Role::Weight);
    if (linear->bias) {
      put("bias", {n.channels}, Role::Bias);
    }
  } else if (std::holds_alternative<BatchNormOp>(n.op)) {
    norm();
    put("running_mean", {n.channels}, Role::RunningMean);
    put("running_var", {n.channels}, Role::RunningVariance);
  }
  return specs;
}

std::vector<ParameterSpec> Graph::parameters() const {
  std::vector<ParameterSpec> all;
  for (NodeId id = 0; id < size(); ++id) {
    for (ParameterSpec& spec : parametersOf(id)) {
      all.push_back(std::move(spec));
    }
  }
  return all;
}

std::int64_t Graph::parameterCount() const {
  std::int64_t count = 0;
  for (const ParameterSpec& spec : parameters()) {
    count += spec.trainable() ? spec.elements() : 0;
  }
  return count;
}

}  // namespace argand::engine
