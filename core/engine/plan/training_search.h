// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/training_groups.h"
#include "core/engine/plan/training_space.h"

#include <vector>

namespace argand::engine {

enum class TrainingGoal {
  Fastest,   // of those that fit
  Smallest,  // the least share of its budget on the tightest device, for a refusal
};

// One stage of a plan for training, or all of it.
struct StageRequest {
  int first = 0;  // operations first to before end
  int end = 0;
  int stage = 0;
  std::vector<std::vector<PipelineAction>> actions;  // of all stages
  std::vector<int> stageOf;                          // by node, of what comes from others
  bool mustDivide = false;                           // only with more than one device
  TrainingGoal goal = TrainingGoal::Fastest;
  // Labels kept after each operation. Where fewer arise, what is found is the best there is.
  std::size_t beam = 64;
};

// Seconds are for the whole batch.
struct StagePlan {
  TrainingSeconds seconds;
  std::vector<std::pair<int, TrainingChoice>> choices;  // with the operation they begin at
};

struct StageResult {
  // Those that fit and are faster than every other forward or backward; of a plan of one
  // stage the fastest one.
  std::vector<StagePlan> plans;
  bool exact = true;         // nothing was dropped to save time
  std::int64_t replays = 0;  // of groups
};

// Dynamic programming over the operations in the order of their nodes. A label is a way to
// have planned the first n: how what lives there lies and whether backward has it already
// (exactly what the bytes of later groups depend on), the seconds, and for each device the
// weights, what is held until backward and the peak of the groups so far, whose backward
// comes after all that follows but needs nothing of it. Of two labels with the same
// values, one that is no better in any of these is dropped; that loses nothing, since
// all that follows only adds and takes maxima.
//
// First without regard to memory: what then fits is the best of all. `blank` has devices,
// input and numbers. A pure function.
[[nodiscard]] StageResult searchStage(const Plan& blank,
                                      const TrainingFacts& facts,
                                      const TrainingSpace& space,
                                      const StageRequest& request);

// Puts a stage's choices into the steps of a plan; segments are numbered from `number` on,
// which is moved on.
void apply(
    const StagePlan& stage, const TrainingSpace& space, int stageNumber, int& number, Plan& plan);

}  // namespace argand::engine
