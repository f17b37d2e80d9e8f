// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/time_model.h"

#include <vector>

namespace argand::engine {

// Numbers that training keeps for a trained one: the weight, its gradient and
// AdamW's two moments. The first device that computes with it has them; others that
// do have a copy of the weight.
inline constexpr std::int64_t kCopiesPerWeight = 4;

// What a training plan will need: every activation that the differentiable
// forward keeps for backward, gradients, scratch, weights and the optimiser's
// state, by replaying forward and backward operation by operation. Fills the bytes
// of `plan`. The loss is what segmentationLoss needs.
void predictTraining(Plan& plan,
                     const Graph& graph,
                     const Program& program,
                     const std::vector<Shape>& shapes);

// Its times: devices wait for each other after every operation, stages as their
// schedule says.
void estimateTrainingTimes(Plan& plan, const TimeModel& times);

// Of weightBytes, by device, what stays between steps: all but the gradients, which
// a step makes. `plan` is valid.
[[nodiscard]] std::vector<std::int64_t> bytesBetweenSteps(const Plan& plan, const Graph& graph);

}  // namespace argand::engine
