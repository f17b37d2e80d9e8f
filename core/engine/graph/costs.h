// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

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

}  // namespace argand::engine
