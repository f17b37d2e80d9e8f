// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan.h"
#include "core/engine/plan/plan_space.h"
#include "core/engine/plan/time_model.h"

#include <optional>

namespace argand::engine {

struct PlanSearchOptions {
  bool mustDivide = false;  // only plans that use more than one device
  // Labels kept after each step. Where fewer arise, what is found is the best there is.
  std::size_t beam = 64;
  // Takes this much of the fastest plan's time more for a plan that needs less memory.
  double patience = 0.0;
};

struct PlanSearchResult {
  // The fastest that fits every budget, or within the patience the one that leaves most
  // room in them; predicted and timed.
  std::optional<Plan> plan;
  bool exact = true;        // the fastest there is: nothing was dropped to save time
  std::int64_t labels = 0;  // that were looked at
};

// Dynamic programming over the steps in their order. A label is a way to have
// computed the first n steps: how what is still to be read lies (exactly what is
// live), when each device is done and each of those tensors there, the weights so far
// and the peak so far. Of two labels whose live tensors lie alike, one that is no
// better in any of these is dropped; that loses nothing, since all that follows only
// adds and takes maxima.
//
// First without regard to memory: what then fits is the fastest of all. Then, where it does
// not fit or patience is allowed, with the bytes of every group.
//
// `blank` has devices, input and numbers, no steps. A pure function.
[[nodiscard]] PlanSearchResult searchPlan(const Plan& blank,
                                          const Graph& graph,
                                          const Program& program,
                                          const std::vector<Shape>& shapes,
                                          const TimeModel& times,
                                          const PlanSpace& space,
                                          const PlanSearchOptions& options = {});

}  // namespace argand::engine
