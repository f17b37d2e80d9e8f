// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan.h"
#include "core/engine/program.h"

#include <vector>

namespace argand::engine {

// What a plan will need, from its bounds alone: peaks by exact liveness of
// weights, slabs and scratch in the order of the program; times by the assumed
// speeds. Fills the predictions of `plan`.
void predict(Plan& plan,
             const Graph& graph,
             const Program& program,
             const std::vector<Shape>& shapes);

}  // namespace argand::engine
