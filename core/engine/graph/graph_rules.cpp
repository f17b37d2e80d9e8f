// SPDX-License-Identifier: Apache-2.0
// What an operation must keep to become part of a graph.
#include "core/base/assert.h"
#include "core/engine/graph/graph.h"

#include <algorithm>
#include <cmath>

namespace argand::engine {

namespace {

// Far beyond any network; keeps sizes and bytes within 64 bits.
constexpr std::int64_t kMostChannels = 1 << 20;
constexpr std::int64_t kLargestExtent = 4096;

// A sentence without its subject, empty where all is well: "needs ...".
using Fault = std::string;

Fault countFault(std::string_view what, std::int64_t value) {
  return value >= 1 && value <= kMostChannels
             ? Fault()
             : fmt::format("needs from 1 to {} {}, not {}", kMostChannels, what, value);
}

Fault extentFault(std::string_view what, const Extent& extent, std::int64_t least) {
  for (int axis = 0; axis < 3; ++axis) {
    if (extent[axis] < least || extent[axis] > kLargestExtent) {
      return fmt::format("needs a {} from {} to {} along each axis, not {}",
                         what,
                         least,
                         kLargestExtent,
                         toString(extent));
    }
  }
  return {};
}

Fault epsilonFault(double epsilon) {
  return epsilon >= 0.0 && std::isfinite(epsilon)
             ? Fault()
             : fmt::format("needs an epsilon of 0 or more, not {}", epsilon);
}

Fault groupsFault(std::int64_t groups, std::int64_t channels) {
  return groups >= 1 && channels % groups == 0
             ? Fault()
             : fmt::format("cannot divide {} channels into {} groups", channels, groups);
}

Fault shareFault(std::string_view what, double share) {
  return share >= 0.0 && share <= 1.0 ? Fault()
                                      : fmt::format("needs a {} from 0 to 1, not {}", what, share);
}

Fault firstOf(std::initializer_list<Fault> faults) {
  const auto* found =
      std::find_if(faults.begin(), faults.end(), [](const Fault& one) { return !one.empty(); });
  return found == faults.end() ? Fault() : *found;
}

Fault faultOf(const InputOp& op, std::int64_t) {
  return countFault("channels", op.channels);
}

Fault faultOf(const ConvOp& op, std::int64_t in) {
  return firstOf({countFault("channels", op.channels),
                  extentFault("kernel", op.kernel, 1),
                  extentFault("stride", op.stride, 1),
                  extentFault("padding", op.padding, 0),
                  extentFault("dilation", op.dilation, 1),
                  groupsFault(op.groups, in),
                  groupsFault(op.groups, op.channels)});
}

Fault faultOf(const TransposedConvOp& op, std::int64_t) {
  for (int axis = 0; axis < 3; ++axis) {
    if (op.outputPadding[axis] >= op.stride[axis]) {
      return fmt::format("has an output padding of {} where the stride is {}; it must be less",
                         toString(op.outputPadding),
                         toString(op.stride));
    }
  }
  return firstOf({countFault("channels", op.channels),
                  extentFault("kernel", op.kernel, 1),
                  extentFault("stride", op.stride, 1),
                  extentFault("padding", op.padding, 0),
                  extentFault("output padding", op.outputPadding, 0)});
}

Fault faultOf(const InstanceNormOp& op, std::int64_t) {
  return epsilonFault(op.epsilon);
}

Fault faultOf(const BatchNormOp& op, std::int64_t) {
  return firstOf({epsilonFault(op.epsilon), shareFault("momentum", op.momentum)});
}

Fault faultOf(const GroupNormOp& op, std::int64_t in) {
  return firstOf({epsilonFault(op.epsilon), groupsFault(op.groups, in)});
}

Fault faultOf(const LeakyReluOp& op, std::int64_t) {
  return std::isfinite(op.slope) ? Fault() : fmt::format("cannot have the slope {}", op.slope);
}

Fault faultOf(const PReluOp& op, std::int64_t in) {
  return op.slopes == 1 || op.slopes == in
             ? Fault()
             : fmt::format("needs one slope or {}, one per channel, not {}", in, op.slopes);
}

Fault faultOf(const DropoutOp& op, std::int64_t) {
  return shareFault("probability", op.probability);
}

Fault faultOf(const PoolOp& op, std::int64_t) {
  for (int axis = 0; axis < 3; ++axis) {
    if (op.padding[axis] > op.kernel[axis] / 2) {
      return fmt::format(
          "has a padding of {} where the kernel is {}; at most half of it is allowed",
          toString(op.padding),
          toString(op.kernel));
    }
  }
  return firstOf({extentFault("kernel", op.kernel, 1),
                  extentFault("stride", op.stride, 1),
                  extentFault("padding", op.padding, 0)});
}

Fault faultOf(const UpsampleOp& op, std::int64_t) {
  return extentFault("factor", op.factor, 1);
}

Fault faultOf(const LinearOp& op, std::int64_t) {
  return countFault("channels", op.channels);
}

// Operations without attributes.
template <typename Other>
Fault faultOf(const Other&, std::int64_t) {
  return {};
}

// How many inputs an operation takes.
Fault inputsFault(const Op& op, std::size_t inputs) {
  if (std::holds_alternative<InputOp>(op)) {
    return inputs == 0 ? Fault() : "is the network's input and reads nothing";
  }
  if (std::holds_alternative<AddOp>(op) || std::holds_alternative<ConcatOp>(op)) {
    return inputs >= 2 ? Fault() : fmt::format("joins two inputs or more, not {}", inputs);
  }
  if (std::holds_alternative<ScaleOp>(op)) {
    return inputs == 2 ? Fault() : fmt::format("takes a value and its gate, not {} inputs", inputs);
  }
  return inputs == 1 ? Fault() : fmt::format("takes one input, not {}", inputs);
}

std::int64_t channelsAfter(const Op& op, const std::vector<const Node*>& inputs) {
  if (std::holds_alternative<ArgmaxOp>(op)) {
    return 1;
  }
  if (std::holds_alternative<ConcatOp>(op)) {
    std::int64_t sum = 0;
    for (const Node* input : inputs) {
      sum += input->channels;
    }
    return sum;
  }
  return std::visit(
      [&](const auto& one) {
        if constexpr (requires { one.channels; }) {
          return one.channels;
        } else {
          return inputs[0]->channels;
        }
      },
      op);
}

}  // namespace

Result<NodeId> Graph::tryAdd(std::string name, Op op, std::vector<NodeId> inputs) {
  const auto refuse = [&](std::string_view fault) {
    return fail(ErrorCode::InputRefused, fmt::format("'{}' {}.", name, fault));
  };
  if (name.empty() || name.find_first_of(" \t\r\n(),=\"\\") != std::string::npos) {
    return refuse("is no name for an operation");
  }
  if (std::any_of(
          m_nodes.begin(), m_nodes.end(), [&](const Node& other) { return other.name == name; })) {
    return refuse("is the name of two operations");
  }
  if (std::holds_alternative<InputOp>(op) != m_nodes.empty()) {
    return refuse(m_nodes.empty() ? "comes first; a graph begins with its input"
                                  : "is a second input; a graph has one");
  }
  std::vector<const Node*> nodes;
  for (const NodeId id : inputs) {
    if (id < 0 || id >= size()) {
      return refuse("reads an operation that is not there");
    }
    nodes.push_back(&node(id));
  }
  if (const Fault fault = inputsFault(op, inputs.size()); !fault.empty()) {
    return refuse(fault);
  }
  if (std::holds_alternative<AddOp>(op) || std::holds_alternative<ScaleOp>(op)) {
    for (const Node* other : nodes) {
      if (other->channels != nodes[0]->channels) {
        return refuse(fmt::format("joins {} and {} channels", nodes[0]->channels, other->channels));
      }
    }
  }
  const std::int64_t in = nodes.empty() ? 0 : nodes[0]->channels;
  const Fault fault = std::visit([&](const auto& one) { return faultOf(one, in); }, op);
  if (!fault.empty()) {
    return refuse(fault);
  }
  const std::int64_t channels = channelsAfter(op, nodes);
  if (const Fault many = countFault("channels", channels); !many.empty()) {
    return refuse(many);
  }
  m_nodes.push_back(Node{std::move(name), std::move(op), std::move(inputs), channels});
  return size() - 1;
}

NodeId Graph::add(std::string name, Op op, std::vector<NodeId> inputs) {
  const auto added = tryAdd(std::move(name), std::move(op), std::move(inputs));
  if (!added) {
    throw std::logic_error(added.error().message);
  }
  return *added;
}

}  // namespace argand::engine
