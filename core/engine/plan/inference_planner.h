// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"

#include <vector>

namespace argand::engine {

// What binds a plan for inference.
struct InferenceWords {
  bool single = false;
  bool slabs = false;
  bool resident = false;  // whole slabs, until the step that reads them last has run
  bool rolling = false;   // as without words
  bool spill = false;     // whatever waits long lies in host memory, needed or not
};

// Fails with Usage for a word that there is not and for words that contradict.
[[nodiscard]] Result<InferenceWords> parseInferenceWords(const PlanRequest& request);

// The ladder: one device, slabs (both rolling unless bound otherwise), and the same with
// spills where neither fits. The best first, those that do not fit last. `request` has
// been checked.
[[nodiscard]] Result<std::vector<Candidate>> inferenceCandidates(const Graph& graph,
                                                                 const PlanRequest& request,
                                                                 const InferenceWords& words);

}  // namespace argand::engine
