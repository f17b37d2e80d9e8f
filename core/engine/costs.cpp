// SPDX-License-Identifier: Apache-2.0
#include "core/engine/costs.h"

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

// oneDNN works on blocks of 16 channels and keeps its own copy of the weights
// of the convolution that is running.
std::int64_t blockedWeightBytes(const Graph& graph, const Node& node, DType dtype) {
  constexpr std::int64_t kBlock = 16;
  const auto padded = [](std::int64_t n) { return (n + kBlock - 1) / kBlock * kBlock; };
  const std::int64_t in = graph.node(node.inputs[0]).channels;
  if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
    return padded(in / conv->groups) * padded(conv->channels) * conv->kernel.voxels() *
           bytesOf(dtype);
  }
  const auto& up = std::get<TransposedConvOp>(node.op);
  return padded(in) * padded(up.channels * up.kernel.voxels()) * bytesOf(dtype);
}

std::int64_t largestChunk(const RowRange& rows, std::int64_t grid) {
  std::int64_t largest = 0;
  for (std::int64_t begin = rows.begin; begin < rows.end;) {
    const std::int64_t end = std::min(rows.end, (begin / grid + 1) * grid);
    largest = std::max(largest, end - begin);
    begin = end;
  }
  return largest;
}

}  // namespace

std::int64_t bytesOf(DType dtype) {
  return dtype == DType::Float32 ? 4 : 8;
}

std::string_view toString(DType dtype) {
  return dtype == DType::Float32 ? "fp32" : "fp64";
}

Result<DType> parseDType(std::string_view text) {
  if (text == "fp32") {
    return DType::Float32;
  }
  if (text == "fp64") {
    return DType::Float64;
  }
  return fail(ErrorCode::Usage,
              fmt::format("'{}' is no number type of this build; use fp32 or fp64.", text));
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
  } else if (graph.needsGlobalReduction(id)) {
    cost.flops = 2 * out.elements();
  } else if (std::holds_alternative<LeakyReluOp>(node.op)) {
    cost.flops = out.elements();
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

Speed assumedSpeed(const DeviceSpec& device, DType dtype) {
  // Per core, as measured for 3x3x3 convolutions of 16 to 64 channels by oneDNN
  // on AVX-512; fp64 by the engine's own kernel.
  constexpr double kFp32FlopsPerCore = 85e9;
  constexpr double kFp64FlopsPerCore = 12e9;
  constexpr double kBytesPerCore = 6e9;
  const double flops = dtype == DType::Float32 ? kFp32FlopsPerCore : kFp64FlopsPerCore;
  return {flops * device.threads, kBytesPerCore * device.threads};
}

std::int64_t momentPieces(const Extent& size) {
  return (size.h * size.w + kMomentVoxels - 1) / kMomentVoxels;
}

bool runsDirectly(const Step& step, const Graph& graph, DType dtype) {
  const Node& node = graph.node(step.node);
  return dtype != DType::Float32 ||
         (step.kind == Step::Kind::Conv && graph.node(node.inputs[0]).channels == 1);
}

StepBytes stepBytes(const Step& step,
                    const Graph& graph,
                    const std::vector<Shape>& shapes,
                    const RowRange& rows,
                    DType dtype) {
  StepBytes bytes;
  if (rows.count() <= 0) {
    return bytes;
  }
  const Node& node = graph.node(step.node);
  const Shape& out = shapes[static_cast<std::size_t>(step.node)];
  const std::int64_t size = bytesOf(dtype);
  const std::int64_t outRow = out.size.h * out.size.w * out.channels * size;
  const std::int64_t chunk = largestChunk(rows, chunkRows(step, graph, shapes));
  const RowRange needed = inputRows(node.op, rows);
  if (step.toConsumer) {
    bytes.scratch += chunk * outRow;
  } else {
    bytes.output = rows.count() * outRow;
  }
  if (!step.norms.empty()) {
    bytes.output += rows.count() * out.channels * kStatisticsBytes;
    bytes.scratch += chunk * momentPieces(out.size) * out.channels * kStatisticsBytes;
  }
  if (step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv) {
    const Shape& in = shapes[static_cast<std::size_t>(node.inputs[0])];
    const std::int64_t inRow = in.size.h * in.size.w * in.channels * size;
    const std::int64_t read = inputRows(node.op, {0, chunk}).count();
    bytes.scratch += read * inRow;
    if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
      // Every tap's product of the chunk, before they are placed.
      bytes.scratch += read * in.size.h * in.size.w * up->channels * up->kernel.voxels() * size;
    } else if (!runsDirectly(step, graph, dtype) && !step.toConsumer) {
      bytes.scratch += chunk * outRow;
    }
    if (!runsDirectly(step, graph, dtype)) {
      bytes.scratch += blockedWeightBytes(graph, node, dtype);
    }
  } else if (step.reads.size() > 1) {
    bytes.scratch += chunk * outRow;
  }
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      if (part.source >= 0) {
        const Shape& in =
            node.inputs.empty() ? out : shapes[static_cast<std::size_t>(node.inputs[0])];
        const std::int64_t begin = std::max<std::int64_t>(0, needed.begin);
        const std::int64_t end = std::min(in.size.d, needed.end);
        bytes.read += (end - begin) * in.size.h * in.size.w * part.channels * size;
      }
    }
  }
  return bytes;
}

std::int64_t stepParameterBytes(const Step& step, const Graph& graph, DType dtype) {
  std::int64_t elements = parameterElements(graph, step.node);
  if (step.kind == Step::Kind::Add || step.kind == Step::Kind::Store) {
    elements = 0;
  }
  return elements * bytesOf(dtype);
}

}  // namespace argand::engine
