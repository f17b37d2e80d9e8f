// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/training_search.h"

#include <limits>
#include <optional>

namespace argand::engine {

struct PipelineOptions {
  int stages = 2;
  bool recomputes = true;
  // The fastest that fits; or, for a refusal, the fastest were there memory enough, each stage
  // of which then needs as little as it can.
  TrainingGoal goal = TrainingGoal::Fastest;
  double withinSeconds = std::numeric_limits<double>::infinity();  // slower ones are not asked for
  std::size_t beam = 64;       // ways to have planned the first stages
  std::size_t stageBeam = 16;  // in the search of a stage
  // Groups replayed, after which no more stages are looked at.
  std::int64_t replays = 400'000;
};

struct PipelineResult {
  std::optional<Plan> plan;  // the fastest that fits every budget, predicted and timed
  bool exact = true;         // nothing was dropped to save time
};

// Consecutive operations as stages on consecutive devices, each stage on one of them or in
// slabs over its own, searched like a plan of its own. Over the stages again dynamic
// programming: two ways to have planned the first stages whose values come from the same
// stages are compared stage by stage, since the makespan of both schedules only rises
// with the seconds of each. Ways that cannot end before a limit are left out, and the limit
// is raised until a plan is within it.
//
// `blank` has devices, input, micro-batches (at least as many as stages) and schedule.
[[nodiscard]] PipelineResult searchPipeline(const Plan& blank,
                                            const Graph& graph,
                                            const Program& program,
                                            const std::vector<Shape>& shapes,
                                            const TimeModel& times,
                                            const PipelineOptions& options);

}  // namespace argand::engine
