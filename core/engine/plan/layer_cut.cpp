// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/layer_cut.h"

#include "core/engine/plan/predict.h"
#include "core/engine/plan/simulator.h"

#include <algorithm>
#include <limits>

namespace argand::engine {

std::vector<std::size_t> balancedBlocks(const std::vector<double>& seconds, std::size_t parts) {
  const std::size_t count = seconds.size();
  std::vector<double> upTo(count + 1, 0.0);
  for (std::size_t n = 0; n < count; ++n) {
    upTo[n + 1] = upTo[n] + seconds[n];
  }
  // slowest[p][n]: of the first n layers in p + 1 blocks; begin[p][n]: of the last of them.
  std::vector<std::vector<double>> slowest(parts, upTo);
  std::vector<std::vector<std::size_t>> begin(parts, std::vector<std::size_t>(count + 1, 0));
  for (std::size_t p = 1; p < parts; ++p) {
    for (std::size_t n = 0; n <= count; ++n) {
      slowest[p][n] = std::numeric_limits<double>::max();
      for (std::size_t m = 0; m <= n; ++m) {
        const double worst = std::max(slowest[p - 1][m], upTo[n] - upTo[m]);
        if (worst < slowest[p][n]) {
          slowest[p][n] = worst;
          begin[p][n] = m;
        }
      }
    }
  }
  std::vector<std::size_t> starts(parts, 0);
  std::size_t end = count;
  for (std::size_t p = parts; p-- > 0;) {
    starts[p] = begin[p][end];
    end = starts[p];
  }
  return starts;
}

Plan layerCutPlan(const Plan& blank,
                  const Graph& graph,
                  const Program& program,
                  const std::vector<Shape>& shapes,
                  const TimeModel& times) {
  std::vector<double> seconds;
  for (StepId id = 0; id < static_cast<StepId>(program.steps.size()); ++id) {
    seconds.push_back(times.stepSeconds(0, id, {0, times.work(id).depth}));
  }
  const std::vector<std::size_t> starts = balancedBlocks(seconds, blank.devices.size());
  Plan plan = blank;
  plan.kind = blank.devices.size() > 1 ? "slabs" : "single";
  for (std::size_t n = 0; n < seconds.size(); ++n) {
    const auto id = static_cast<StepId>(n);
    const auto owner = static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), n) -
                                                starts.begin() - 1);
    StepPlan step;
    step.step = program.name(graph, id);
    for (std::size_t d = 0; d <= blank.devices.size(); ++d) {
      step.bounds.push_back(d <= owner ? 0 : times.work(id).depth);
    }
    plan.steps.push_back(std::move(step));
  }
  plan.reason = "Whole layers on one device after the other, as torchgpipe divides a network.";
  predict(plan, graph, program, shapes);
  (void)estimateTimes(plan, graph, program, times);
  return plan;
}

}  // namespace argand::engine
