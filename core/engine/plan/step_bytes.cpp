// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/step_bytes.h"

#include "core/engine/plan/winograd.h"

#include <algorithm>

namespace argand::engine {

namespace {

constexpr std::int64_t kVectorChannels = 16;  // a cache line of fp32

std::int64_t paddedTo16(std::int64_t channels) {
  return (channels + 15) / 16 * 16;
}

// oneDNN works on blocks of 16 channels and keeps its own copy of the weights
// of the convolution that is running.
std::int64_t blockedWeightBytes(const Graph& graph, const Node& node, std::int64_t size) {
  const std::int64_t in = graph.node(node.inputs[0]).channels;
  if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
    return paddedTo16(in) * paddedTo16(up->channels * up->kernel.voxels()) * size;
  }
  const ConvOp conv = convolutionOf(node.op);
  return paddedTo16(in / conv.groups) * paddedTo16(conv.channels) * conv.kernel.voxels() * size;
}

bool runsDirectly(const Step& step, const Graph& graph, DType dtype) {
  const Node& node = graph.node(step.node);
  return dtype == DType::Float64 ||
         (step.kind == Step::Kind::Conv && graph.node(node.inputs[0]).channels == 1);
}

// Rows of the chunk that a convolution is given, its padding along depth included.
std::int64_t paddedReadRows(const Step& step,
                            const Graph& graph,
                            const RowRange& computed,
                            std::int64_t depth) {
  const RowRange rows = step.kind == Step::Kind::TransposedConv
                            ? rowsRead(step, graph, computed, depth)
                            : inputRows(convolutionOf(graph.node(step.node).op), computed);
  return rows.count();
}

}  // namespace

std::int64_t blockBytes(std::int64_t bytes, DeviceKind kind) {
  constexpr std::int64_t kLine = 64;
  constexpr std::int64_t kCudaBlock = 512;
  if (kind == DeviceKind::Cuda) {
    return bytes == 0 ? 0 : (bytes + kLine + kCudaBlock - 1) / kCudaBlock * kCudaBlock;
  }
  return bytes == 0 ? 0 : (bytes + kLine - 1) / kLine * kLine + kLine;
}

bool processorHasBFloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

bool processorMultipliesMatrices() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("amx-bf16") != 0;
#else
  return false;
#endif
}

bool processorHasLineVectors() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0;
#else
  return false;
#endif
}

bool roundsByChunk(const Step& step, const Graph& graph, DType dtype) {
  return (step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv) &&
         !runsDirectly(step, graph, dtype);
}

ConvKernel convKernelOf(const Step& step,
                        const Graph& graph,
                        const std::vector<Shape>& shapes,
                        DType dtype,
                        const DeviceSpec& device) {
  if (runsDirectly(step, graph, dtype)) {
    return ConvKernel::Direct;
  }
  // Products in fp32, and so few of them that products in bf16 are no faster, but for
  // those of whole matrices.
  // What it reads must be stored, in whole vectors of channels.
  const ReadList& reads = step.reads[0];
  const bool readable = std::all_of(reads.begin(), reads.end(), [](const Part& part) {
    return part.source >= 0 && part.channels % kVectorChannels == 0;
  });
  const bool winograd = device.kind == DeviceKind::Cpu && step.kind == Step::Kind::Conv &&
                        readable && processorHasLineVectors() &&
                        !(dtype == DType::BFloat16 && processorMultipliesMatrices()) &&
                        suitsWinograd(convolutionOf(graph.node(step.node).op),
                                      readShape(step, graph, shapes),
                                      outputShape(step, graph, shapes));
  return winograd ? ConvKernel::Winograd : ConvKernel::Library;
}

DType computeType(const Step& step,
                  const Graph& graph,
                  const std::vector<Shape>& shapes,
                  DType dtype,
                  const DeviceSpec& device) {
  if (dtype == DType::Float64) {
    return dtype;
  }
  const bool convolves = step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv;
  if (dtype != DType::BFloat16 || !convolves || !processorHasBFloat16() ||
      convKernelOf(step, graph, shapes, dtype, device) != ConvKernel::Library) {
    return DType::Float32;
  }
  const bool cheapScores = step.toConsumer && step.kind == Step::Kind::Conv &&
                           convolutionOf(graph.node(step.node).op).kernel.voxels() == 1;
  return cheapScores ? DType::Float32 : DType::BFloat16;
}

std::int64_t momentPieces(const Extent& size) {
  return (size.h * size.w + kMomentVoxels - 1) / kMomentVoxels;
}

std::int64_t pieceBytes(const Shape& output, std::int64_t rows, DType dtype, DeviceKind kind) {
  return blockBytes(rows * output.size.h * output.size.w * output.channels * bytesOf(dtype), kind);
}

std::int64_t momentBytes(const Step& step,
                         const Shape& output,
                         std::int64_t rows,
                         DeviceKind kind) {
  return step.norms.empty() ? 0 : blockBytes(rows * output.channels * kStatisticsBytes, kind);
}

std::int64_t scratchBytes(const Task& task,
                          const Program& program,
                          const Graph& graph,
                          const std::vector<Shape>& shapes,
                          DType dtype,
                          const DeviceSpec& device) {
  const Step& step = program.step(task.step);
  const Shape out = outputShape(step, graph, shapes);
  const Shape in = readShape(step, graph, shapes);
  const DType type = computeType(step, graph, shapes, dtype, device);
  const std::int64_t size = bytesOf(type);
  const std::int64_t wide = dtype == DType::Float64 ? 8 : 4;  // of sums and scores
  const std::int64_t outVoxels = out.size.h * out.size.w * out.channels;
  const std::int64_t inPlane = in.size.h * in.size.w;
  const std::int64_t kept = task.kept.count();
  std::int64_t bytes = 0;
  const auto moments = [&](std::int64_t pieces) {
    return step.norms.empty() ? 0 : blockBytes(kept * pieces * out.channels * kStatisticsBytes);
  };
  // A buffer of its own where the result cannot be made in its place.
  const bool buffered = step.toConsumer || bytesOf(dtype) != wide;
  if (step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv) {
    const Node& node = graph.node(step.node);
    const ConvKernel kernel = convKernelOf(step, graph, shapes, dtype, device);
    if (kernel == ConvKernel::Winograd) {
      const std::int64_t taps = convolutionOf(node.op).kernel.d;
      const std::int64_t perLine = winogradPiecesPerLine(taps, in.channels, out.size.w);
      const bool narrows = !step.toConsumer && bytesOf(dtype) < wide;
      return moments(out.size.h * perLine) +
             device.threads *
                 blockBytes(wide * winogradScratch(taps, in.channels, out.channels, narrows)) +
             (step.toConsumer ? blockBytes(kept * outVoxels * wide) : 0);
    }
    bytes += moments(momentPieces(out.size));
    const RowRange computed = computedRows(task, program, graph, shapes, dtype, device);
    const std::int64_t read = paddedReadRows(step, graph, computed, in.size.d);
    bytes += blockBytes(read * inPlane * in.channels * size);
    if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
      // Every tap's product of the chunk, before they are placed.
      bytes += blockBytes(read * inPlane * up->channels * up->kernel.voxels() * size);
      bytes += step.toConsumer ? blockBytes(kept * outVoxels * wide) : 0;
    } else if (kernel != ConvKernel::Library) {
      bytes += buffered ? blockBytes(kept * outVoxels * wide) : 0;
    } else {
      bytes += blockBytes(computed.count() * outVoxels * size);
      bytes += step.toConsumer && size != wide ? blockBytes(kept * outVoxels * wide) : 0;
    }
    if (kernel == ConvKernel::Library) {
      bytes += blockBytes(blockedWeightBytes(graph, node, size)) + kOneDnnReserve;
    }
    return bytes;
  }
  bytes += moments(momentPieces(out.size));
  bytes += buffered ? blockBytes(kept * outVoxels * wide) : 0;
  if (step.kind == Step::Kind::Add) {
    return bytes + blockBytes(kept * outVoxels * wide);
  }
  if (step.kind != Step::Kind::Store) {
    const std::int64_t read = rowsRead(step, graph, task.kept, in.size.d).count();
    bytes += blockBytes(read * inPlane * in.channels * wide);
  }
  return bytes;
}

namespace {

// The tables of what a step reads through, and its weights as Torch has them.
std::int64_t cudaParameterBytes(const Step& step, const Graph& graph, DType dtype) {
  const std::int64_t wide = dtype == DType::Float64 ? 8 : 4;
  const auto block = [](std::int64_t bytes) { return blockBytes(bytes, DeviceKind::Cuda); };
  std::int64_t bytes = 0;
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      if (part.norm) {
        const Node& norm = graph.node(*part.norm);
        bytes += 2 * block(norm.channels * wide);
        for (const ParameterSpec& spec : graph.parametersOf(*part.norm)) {
          const bool folded = std::holds_alternative<BatchNormOp>(norm.op);
          bytes += folded ? 0 : block(spec.elements() * static_cast<std::int64_t>(sizeof(double)));
        }
      }
      const bool slopes = part.activation && part.activation->kind == Activation::Kind::PRelu;
      bytes += slopes ? block(graph.node(part.activation->node).channels * wide) : 0;
      bytes += part.gate ? block(part.channels * wide) : 0;
    }
  }
  if (step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv) {
    for (const ParameterSpec& spec : graph.parametersOf(step.node)) {
      bytes += block(spec.elements() * (step.toConsumer ? wide : bytesOf(dtype)));
    }
  }
  return bytes;
}

}  // namespace

std::int64_t stepParameterBytes(const Step& step,
                                const Graph& graph,
                                const std::vector<Shape>& shapes,
                                DType dtype,
                                const DeviceSpec& device) {
  if (device.kind == DeviceKind::Cuda) {
    return cudaParameterBytes(step, graph, dtype);
  }
  const Node& node = graph.node(step.node);
  const std::int64_t wide = dtype == DType::Float64 ? 8 : 4;
  const std::int64_t size = bytesOf(computeType(step, graph, shapes, dtype, device));
  std::int64_t bytes = 0;
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      bytes += part.norm ? 2 * blockBytes(graph.node(*part.norm).channels * wide) : 0;
      if (part.activation && part.activation->kind == Activation::Kind::PRelu) {
        bytes += blockBytes(part.channels * wide);
      }
    }
  }
  if (step.kind != Step::Kind::Conv && step.kind != Step::Kind::TransposedConv) {
    return bytes;
  }
  const ConvKernel kernel = convKernelOf(step, graph, shapes, dtype, device);
  const bool direct = kernel == ConvKernel::Direct;
  const auto* up = std::get_if<TransposedConvOp>(&node.op);
  for (const ParameterSpec& spec : graph.parametersOf(step.node)) {
    std::int64_t elements = spec.elements();
    if (direct && spec.role == ParameterRole::Weight) {
      // Packed in whole vectors of outputs, groups filled up with zeros.
      const std::int64_t taps = up != nullptr ? 1 : convolutionOf(node.op).kernel.voxels();
      const std::int64_t outputs = node.channels * (up != nullptr ? up->kernel.voxels() : 1);
      const std::int64_t lanes = 64 / size;
      elements =
          taps * graph.node(node.inputs[0]).channels * ((outputs + lanes - 1) / lanes * lanes);
    }
    if (kernel == ConvKernel::Winograd && spec.role == ParameterRole::Weight) {
      elements = winogradElements(
          convolutionOf(node.op).kernel.d, graph.node(node.inputs[0]).channels, node.channels);
    }
    // The bias of a transposed convolution is added to the products, in wide numbers.
    const bool isBias = spec.role == ParameterRole::Bias;
    bytes += blockBytes(elements * (isBias && (up != nullptr || direct) ? wide : size));
  }
  return bytes;
}

std::int64_t readBytes(const Step& step,
                       const Graph& graph,
                       const std::vector<Shape>& shapes,
                       const RowRange& rows,
                       DType dtype) {
  if (rows.count() <= 0) {
    return 0;
  }
  const Shape in = readShape(step, graph, shapes);
  const std::int64_t read = rowsRead(step, graph, rows, in.size.d).count();
  std::int64_t bytes = 0;
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      if (part.source >= 0) {
        bytes += read * in.size.h * in.size.w * part.channels * bytesOf(dtype);
      }
    }
  }
  return bytes;
}

}  // namespace argand::engine
