// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"

#include <vector>

namespace argand::engine {

// What binds a plan for training.
struct TrainingWords {
  bool single = false;
  bool slabs = false;
  bool pipeline = false;  // a stage for each device
  bool stored = false;    // nothing is recomputed
  PipelineSchedule schedule = PipelineSchedule::OneForwardOneBackward;
};

// Fails with Usage for a word that there is not, for words that contradict and for what
// these devices and micro-batches do not allow.
[[nodiscard]] Result<TrainingWords> parseTrainingWords(const PlanRequest& request);

// One device, slabs, and pipelines where there are as many micro-batches as stages, each
// recomputing what its budgets ask for. The best first, those that do not fit last.
// `request` has been checked.
[[nodiscard]] Result<std::vector<Candidate>> trainingCandidates(const Graph& graph,
                                                                const PlanRequest& request,
                                                                const TrainingWords& words);

}  // namespace argand::engine
