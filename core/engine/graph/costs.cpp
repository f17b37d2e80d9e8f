// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/costs.h"

#include <algorithm>

namespace argand::engine {

namespace {

std::int64_t parameterElements(const Graph& graph, NodeId id) {
  std::int64_t elements = 0;
  for (const ParameterSpec& spec : graph.parametersOf(id)) {
    elements += spec.elements();
  }
  return elements;
}

}  // namespace

std::int64_t bytesOf(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return 8;
    case DType::Float32:
      return 4;
    default:
      return 2;
  }
}

std::string_view toString(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return "fp64";
    case DType::Float32:
      return "fp32";
    case DType::BFloat16:
      return "bf16";
    default:
      return "fp16";
  }
}

Result<DType> parseDType(std::string_view text) {
  for (const DType dtype : {DType::Float32, DType::Float64, DType::BFloat16, DType::Float16}) {
    if (text == toString(dtype)) {
      return dtype;
    }
  }
  return fail(ErrorCode::Usage,
              fmt::format("'{}' is no number type; use fp32, fp64, bf16 or fp16.", text));
}

OpCost costOf(const Graph& graph, NodeId id, const std::vector<Shape>& shapes, DType dtype) {
  const Node& node = graph.node(id);
  const Shape& out = shapes[static_cast<std::size_t>(id)];
  OpCost cost;
  cost.outputBytes = out.elements() * bytesOf(dtype);
  cost.parameterBytes = parameterElements(graph, id) * bytesOf(dtype);
  if (node.inputs.empty()) {
    return cost;
  }
  const Shape& in = shapes[static_cast<std::size_t>(node.inputs[0])];
  if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
    cost.flops = 2 * out.elements() * (in.channels / conv->groups) * conv->kernel.voxels();
  } else if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
    cost.flops = 2 * in.elements() * up->channels * up->kernel.voxels();
  } else if (const auto* pool = std::get_if<PoolOp>(&node.op)) {
    cost.flops = out.elements() * pool->kernel.voxels();
  } else if (const auto* upsample = std::get_if<UpsampleOp>(&node.op)) {
    // A weighted sum of eight.
    cost.flops = upsample->kind == UpsampleOp::Kind::Trilinear ? 15 * out.elements() : 0;
  } else if (std::holds_alternative<GlobalPoolOp>(node.op)) {
    cost.flops = in.elements();
  } else if (std::holds_alternative<LinearOp>(node.op)) {
    cost.flops = 2 * out.elements() * in.channels;
  } else if (graph.needsGlobalReduction(id)) {
    cost.flops = 2 * out.elements();
  } else if (std::holds_alternative<LeakyReluOp>(node.op) ||
             std::holds_alternative<PReluOp>(node.op) || std::holds_alternative<ScaleOp>(node.op)) {
    cost.flops = out.elements();
  } else if (std::holds_alternative<SigmoidOp>(node.op)) {
    cost.flops = 3 * out.elements();  // an exponential counts as one
  } else if (std::holds_alternative<SiluOp>(node.op) ||
             std::holds_alternative<SoftmaxOp>(node.op)) {
    cost.flops = 4 * out.elements();
  } else if (std::holds_alternative<ArgmaxOp>(node.op)) {
    cost.flops = in.elements();
  } else if (std::holds_alternative<AddOp>(node.op)) {
    cost.flops = out.elements() * static_cast<std::int64_t>(node.inputs.size() - 1);
  }
  return cost;
}

Result<std::int64_t> totalFlops(const Graph& graph, const Shape& input) {
  ARGAND_ASSIGN(const auto shapes, graph.shapes(input));
  std::int64_t flops = 0;
  for (NodeId id = 0; id < graph.size(); ++id) {
    flops += costOf(graph, id, shapes, DType::Float32).flops;
  }
  return flops;
}

}  // namespace argand::engine
