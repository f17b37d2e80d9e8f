// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"

#include <vector>

// What the planners for inference and for training share.
namespace argand::engine {

// The devices, sizes and numbers of a request; no steps.
[[nodiscard]] Plan blankPlan(const PlanRequest& request);

// What fits before what does not; the fastest, or what comes nearest to fitting, first.
void sortBestFirst(std::vector<Candidate>& candidates);

// Shares of the depth, less for each device whose budget `plan`, made by these shares, exceeds.
// Empty where no device has room for anything.
[[nodiscard]] std::vector<double> sharesByRoom(std::vector<double> shares, const Plan& plan);

}  // namespace argand::engine
