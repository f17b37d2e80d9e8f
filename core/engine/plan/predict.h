// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"

#include <vector>

namespace argand::engine {

// What a plan will need, from its steps alone: peaks by exact liveness of weights,
// pieces and scratch in the order of the schedule. Fills the bytes of `plan`; its
// times are estimateTimes' (simulator.h), in training estimateTrainingTimes'.
void predict(Plan& plan,
             const Graph& graph,
             const Program& program,
             const std::vector<Shape>& shapes);

}  // namespace argand::engine
