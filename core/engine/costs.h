// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/devices.h"
#include "core/engine/graph.h"
#include "core/engine/program.h"

#include <cstdint>
#include <vector>

namespace argand::engine {

// What activations are stored as. Statistics and sums are kept in at least fp32.
enum class DType { Float32, Float64, BFloat16, Float16 };

[[nodiscard]] std::int64_t bytesOf(DType dtype);
[[nodiscard]] std::string_view toString(DType dtype);  // "fp32", "fp64", "bf16", "fp16"
[[nodiscard]] Result<DType> parseDType(std::string_view text);

// Work of one operation on its whole output; a multiply and an add are two.
struct OpCost {
  std::int64_t flops = 0;
  std::int64_t outputBytes = 0;
  std::int64_t parameterBytes = 0;
};

[[nodiscard]] OpCost costOf(const Graph& graph,
                            NodeId id,
                            const std::vector<Shape>& shapes,
                            DType dtype);

// All operations together.
[[nodiscard]] Result<std::int64_t> totalFlops(const Graph& graph, const Shape& input);

// What a device is assumed to do when nothing was measured. Good enough to
// order candidates; every time made from it is an estimate.
struct Speed {
  double flopsPerSecond = 0.0;
  double bytesPerSecond = 0.0;  // of memory, and of copies between devices
};

[[nodiscard]] Speed assumedSpeed(const DeviceSpec& device, DType dtype);

// Statistics of a norm: mean and squared deviations per row and channel, each
// joined from pieces of so many voxels.
inline constexpr std::int64_t kStatisticsBytes = 2 * sizeof(double);
inline constexpr std::int64_t kMomentVoxels = 4096;

// What oneDNN takes beside its copy of the weights, at most, in the
// convolutions measured.
inline constexpr std::int64_t kOneDnnReserve = 64 << 10;

// Pieces of one row.
[[nodiscard]] std::int64_t momentPieces(const Extent& size);

// Bytes that one device holds for one step while it computes `rows` of its
// output, beside what is stored already.
struct StepBytes {
  std::int64_t output = 0;   // the stored slab and its statistics; no slab for the last step
  std::int64_t scratch = 0;  // chunk in, chunk out, what oneDNN takes
  std::int64_t read = 0;     // of stored tensors, halo included, wherever they lie
};

[[nodiscard]] StepBytes stepBytes(const Step& step,
                                  const Graph& graph,
                                  const std::vector<Shape>& shapes,
                                  const RowRange& rows,
                                  DType dtype);

// Bytes of a step's weights as its kernel wants them, and of the scales and
// shifts of the norms that it reads through.
[[nodiscard]] std::int64_t stepParameterBytes(const Step& step, const Graph& graph, DType dtype);

// True for what the engine's own kernel computes: every fp64 convolution, and
// those with one input channel, which oneDNN does at a tenth of its speed.
[[nodiscard]] bool runsDirectly(const Step& step, const Graph& graph, DType dtype);

}  // namespace argand::engine
