// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/spill.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/simulator.h"

#include <algorithm>

namespace argand::engine {

namespace {

// Spills `part` of `parts` of every device's rows, rounded up to whole chunks.
void spillPart(StepPlan& step, const StepWork& work, std::int64_t part, std::int64_t parts) {
  for (std::size_t d = 0; d < step.spilledRows.size(); ++d) {
    const RowRange rows = step.rows(static_cast<int>(d));
    const std::int64_t wanted = (rows.count() * part + parts - 1) / parts;
    const std::int64_t end =
        wanted == 0 ? rows.begin : chunkAt(rows.begin + wanted - 1, work.grid, work.depth).end;
    step.spilledRows[d] = std::min(rows.count(), end - rows.begin);
  }
  if (part == 0) {
    step.spilledRows.clear();
  }
}

}  // namespace

void trimSpills(Plan& plan,
                const Graph& graph,
                const Program& program,
                const std::vector<Shape>& shapes,
                const TimeModel& times) {
  constexpr std::int64_t kParts = 16;
  std::vector<StepId> spilled;
  for (StepId id = 0; id < static_cast<StepId>(plan.steps.size()); ++id) {
    if (!plan.steps[static_cast<std::size_t>(id)].spilledRows.empty()) {
      spilled.push_back(id);
    }
  }
  std::stable_sort(spilled.begin(), spilled.end(), [&](StepId a, StepId b) {
    return program.step(a).lastReader - a < program.step(b).lastReader - b;
  });
  for (const StepId id : spilled) {
    const StepPlan whole = plan.steps[static_cast<std::size_t>(id)];
    StepPlan& step = plan.steps[static_cast<std::size_t>(id)];
    std::int64_t fitting = kParts;
    for (std::int64_t low = 0; low < fitting;) {
      const std::int64_t part = (low + fitting) / 2;
      step = whole;
      spillPart(step, times.work(id), part, kParts);
      predict(plan, graph, program, shapes);
      (fitsBudgets(plan) ? fitting : low) = fitsBudgets(plan) ? part : part + 1;
    }
    step = whole;
    if (fitting < kParts) {
      spillPart(step, times.work(id), fitting, kParts);
    }
  }
  predict(plan, graph, program, shapes);
  (void)estimateTimes(plan, graph, program, times);
}

}  // namespace argand::engine
