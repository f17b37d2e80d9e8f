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

// Rows of the largest chunk that a slab touches: the whole chunk where it is
// computed whole, else what of it lies in the slab.
std::int64_t largestChunk(const RowRange& rows, std::int64_t grid, std::int64_t depth, bool whole) {
  std::int64_t largest = 0;
  for (std::int64_t begin = rows.begin; begin < rows.end;) {
    const RowRange chunk = chunkAt(begin, grid, depth);
    const std::int64_t end = std::min(rows.end, chunk.end);
    largest = std::max(largest, whole ? chunk.count() : end - begin);
    begin = end;
  }
  return largest;
}

// Bytes of an allocation: whole cache lines and the line in front that says
// whose it is.
std::int64_t blockBytes(std::int64_t bytes) {
  constexpr std::int64_t kLine = 64;
  return bytes == 0 ? 0 : (bytes + kLine - 1) / kLine * kLine + kLine;
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
  const Shape& in = node.inputs.empty() ? out : shapes[static_cast<std::size_t>(node.inputs[0])];
  const std::int64_t size = bytesOf(dtype);
  const std::int64_t outRow = out.size.h * out.size.w * out.channels * size;
  const std::int64_t inRow = in.size.h * in.size.w * in.channels * size;
  const bool direct = runsDirectly(step, graph, dtype);
  const bool convolves = step.kind == Step::Kind::Conv;
  const std::int64_t grid = chunkRows(step, graph, shapes);
  const std::int64_t kept = largestChunk(rows, grid, out.size.d, false);
  const std::int64_t chunk = direct ? kept : largestChunk(rows, grid, out.size.d, true);
  if (!step.toConsumer) {
    bytes.output = blockBytes(rows.count() * outRow);
  }
  if (!step.norms.empty()) {
    bytes.output += blockBytes(rows.count() * out.channels * kStatisticsBytes);
    bytes.scratch += blockBytes(kept * momentPieces(out.size) * out.channels * kStatisticsBytes);
  }
  if (convolves || step.kind == Step::Kind::TransposedConv) {
    const std::int64_t read = inputRows(node.op, {0, chunk}).count();
    bytes.scratch += blockBytes(read * inRow);
    if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
      // Every tap's product of the chunk, before they are placed.
      bytes.scratch +=
          blockBytes(read * in.size.h * in.size.w * up->channels * up->kernel.voxels() * size);
    }
    if (convolves ? !direct || step.toConsumer : step.toConsumer) {
      bytes.scratch += blockBytes((direct ? kept : chunk) * outRow);
    }
    if (!direct) {
      bytes.scratch += blockBytes(blockedWeightBytes(graph, node, dtype)) + kOneDnnReserve;
    }
  } else {
    bytes.scratch += step.toConsumer ? blockBytes(kept * outRow) : 0;
    bytes.scratch += step.reads.size() > 1 ? blockBytes(kept * outRow) : 0;
  }
  const RowRange needed = inputRows(node.op, rows);
  const std::int64_t begin = std::max<std::int64_t>(0, needed.begin);
  const std::int64_t end = std::min(in.size.d, needed.end);
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      if (part.source >= 0) {
        bytes.read += (end - begin) * in.size.h * in.size.w * part.channels * size;
      }
    }
  }
  return bytes;
}

std::int64_t stepParameterBytes(const Step& step, const Graph& graph, DType dtype) {
  const Node& node = graph.node(step.node);
  const std::int64_t size = bytesOf(dtype);
  std::int64_t bytes = 0;
  const auto tableBytes = [&](NodeId norm) {
    return 2 * blockBytes(graph.node(norm).channels * size);
  };
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      bytes += part.norm ? tableBytes(*part.norm) : 0;
    }
  }
  if (step.kind != Step::Kind::Conv && step.kind != Step::Kind::TransposedConv) {
    return bytes;
  }
  const bool direct = runsDirectly(step, graph, dtype);
  for (const ParameterSpec& spec : graph.parametersOf(step.node)) {
    std::int64_t elements = spec.elements();
    if (direct && spec.role == ParameterRole::Weight) {
      // Packed in whole vectors of outputs, groups filled up with zeros.
      const auto* up = std::get_if<TransposedConvOp>(&node.op);
      const std::int64_t taps = up != nullptr ? 1 : std::get<ConvOp>(node.op).kernel.voxels();
      const std::int64_t outputs = node.channels * (up != nullptr ? up->kernel.voxels() : 1);
      const std::int64_t lanes = 64 / size;
      elements =
          taps * graph.node(node.inputs[0]).channels * ((outputs + lanes - 1) / lanes * lanes);
    }
    bytes += blockBytes(elements * size);
  }
  return bytes;
}

}  // namespace argand::engine
