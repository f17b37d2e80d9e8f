// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace argand::engine {

// What one device of a training plan will need; all zero where it has nothing to do.
struct TrainingMemory {
  std::int64_t weightBytes = 0;        // with gradients and the optimiser's state
  std::int64_t bytesBetweenSteps = 0;  // of these, all but the gradients
  std::int64_t peakBytes = 0;
  NodeId peakNode = 0;  // where it is reached
};

// By replaying forward and backward operation by operation, as the differentiable
// forward allocates.
[[nodiscard]] TrainingMemory trainingMemory(const Plan& plan,
                                            const Graph& graph,
                                            const Program& program,
                                            const std::vector<Shape>& shapes,
                                            std::size_t device);

}  // namespace argand::engine
