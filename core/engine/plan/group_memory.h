// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"

#include <map>
#include <vector>

// What one group of steps needs of memory, from how its steps and those that it reads
// lie: the walk of the prediction, cut into groups, so that a search need not predict
// a whole plan to know what one more group adds.
namespace argand::engine {

struct GroupBytes {
  std::vector<std::int64_t> weights;  // per device; they stay
  std::vector<std::int64_t> peak;     // per device, beside all weights
};

class GroupMemory {
 public:
  // `blank` has devices, input and numbers, no steps. Everything outlives this.
  GroupMemory(const Plan& blank,
              const Graph& graph,
              const Program& program,
              const std::vector<Shape>& shapes);

  // For steps first..last and all before them as `steps` has them.
  [[nodiscard]] GroupBytes of(StepId first, StepId last, const std::vector<const StepPlan*>& steps);

 private:
  // A stored tensor on a device while nothing of it is dropped.
  [[nodiscard]] std::int64_t held(StepId id, const StepPlan* plan, int device);
  [[nodiscard]] StepPlan allOnFirst(StepId id) const;
  [[nodiscard]] GroupBytes walk(StepId first,
                                StepId last,
                                const std::vector<StepId>& sources,
                                const std::vector<const StepPlan*>& steps);

  const Plan& m_blank;
  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  std::map<const StepPlan*, std::vector<std::int64_t>> m_held;
  std::map<std::vector<const StepPlan*>, GroupBytes> m_known;  // by the group's and its sources'
};

}  // namespace argand::engine
