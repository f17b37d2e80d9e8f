// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/devices.h"
#include "core/engine/graph.h"
#include "core/engine/program.h"

#include <cstdint>
#include <vector>

namespace argand::engine {

enum class DType { Float32, Float64 };

[[nodiscard]] std::int64_t bytesOf(DType dtype);
[[nodiscard]] std::string_view toString(DType dtype);  // "fp32", "fp64"
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

// Bytes that one device holds for one step while it computes `rows` of its
// output, beside what is stored.
struct StepBytes {
  std::int64_t output = 0;   // the stored slab; 0 for the step that feeds the consumer
  std::int64_t scratch = 0;  // chunk in, chunk out, statistics, what oneDNN takes
  std::int64_t halo = 0;     // rows read from other devices, over all chunks
};

[[nodiscard]] StepBytes stepBytes(const Step& step,
                                  const Graph& graph,
                                  const std::vector<Shape>& shapes,
                                  const RowRange& rows,
                                  DType dtype);

// Bytes of a step's weights and of those of the norms that read on its way in.
[[nodiscard]] std::int64_t stepParameterBytes(const Step& step, const Graph& graph, DType dtype);

}  // namespace argand::engine
