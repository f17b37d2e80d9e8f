// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/time_model.h"

#include <vector>

namespace argand::engine {

// Takes spilled rows of a plan that fits back onto their devices, whole chunks, those
// that wait the shortest first, for as long as it fits; fills the predictions.
void trimSpills(Plan& plan,
                const Graph& graph,
                const Program& program,
                const std::vector<Shape>& shapes,
                const TimeModel& times);

}  // namespace argand::engine
