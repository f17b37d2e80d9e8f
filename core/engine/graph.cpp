// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph.h"

#include "core/base/assert.h"
#include "core/engine/program.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace argand::engine {

namespace {

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::int64_t channelsOf(const Op& op, const std::vector<const Node*>& inputs) {
  return std::visit(
      Overloaded{[](const InputOp& input) { return input.channels; },
                 [](const ConvOp& conv) { return conv.channels; },
                 [](const TransposedConvOp& conv) { return conv.channels; },
                 [&](const ConcatOp&) {
                   return std::accumulate(
                       inputs.begin(), inputs.end(), std::int64_t{0}, [](auto sum, const Node* n) {
                         return sum + n->channels;
                       });
                 },
                 [&](const auto&) { return inputs.at(0)->channels; }},
      op);
}

// How many inputs an operation takes.
bool takes(const Op& op, std::size_t inputs) {
  if (std::holds_alternative<InputOp>(op)) {
    return inputs == 0;
  }
  if (std::holds_alternative<AddOp>(op) || std::holds_alternative<ConcatOp>(op)) {
    return inputs >= 2;
  }
  return inputs == 1;
}

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
    out[axis] = (in[axis] - 1) * conv.stride[axis] - 2 * conv.padding[axis] + conv.kernel[axis];
  }
  return out;
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
  if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
    shape.size = sizeAfter(*conv, shape.size);
  } else if (const auto* transposed = std::get_if<TransposedConvOp>(&node.op)) {
    shape.size = sizeAfter(*transposed, shape.size);
  }
  for (const NodeId id : node.inputs) {
    const Shape& other = shapes[static_cast<std::size_t>(id)];
    const Extent& first = shapes[static_cast<std::size_t>(node.inputs[0])].size;
    if (other.size != first) {
      return fail(ErrorCode::Usage,
                  fmt::format("'{}' joins {} and {} voxels; the input size {} does not suit this "
                              "network.",
                              node.name,
                              toString(first),
                              toString(other.size),
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

NodeId Graph::add(std::string name, Op op, std::vector<NodeId> inputs) {
  ARGAND_ASSERT(std::holds_alternative<InputOp>(op) == m_nodes.empty());
  ARGAND_ASSERT(takes(op, inputs.size()));
  ARGAND_ASSERT(!name.empty() && name.find_first_of(" \t\n(),=") == std::string::npos);
  ARGAND_ASSERT(std::none_of(
      m_nodes.begin(), m_nodes.end(), [&](const Node& other) { return other.name == name; }));
  std::vector<const Node*> nodes;
  for (const NodeId id : inputs) {
    ARGAND_ASSERT(id >= 0 && id < size());
    nodes.push_back(&node(id));
  }
  if (std::holds_alternative<AddOp>(op)) {
    for (const Node* other : nodes) {
      ARGAND_ASSERT(other->channels == nodes[0]->channels);
    }
  }
  if (const auto* conv = std::get_if<ConvOp>(&op)) {
    ARGAND_ASSERT(nodes[0]->channels % conv->groups == 0 && conv->channels % conv->groups == 0);
  }
  const std::int64_t channels = channelsOf(op, nodes);
  ARGAND_ASSERT(channels > 0);
  m_nodes.push_back(Node{std::move(name), std::move(op), std::move(inputs), channels});
  return size() - 1;
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
      } else if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
        scale[axis] = std::max<std::int64_t>(1, scale[axis] / up->stride[axis]);
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
        for (const NodeId input : node(id).inputs) {
          RowRange& joined = needed[static_cast<std::size_t>(input)];
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
  return std::holds_alternative<InstanceNormOp>(node(id).op) ||
         std::holds_alternative<BatchNormOp>(node(id).op);
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
