// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"
#include "core/engine/plan/schedule.h"
#include "core/engine/run/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace argand::engine::test {

inline std::vector<DeviceSpec> devices(int count, std::int64_t budget = std::int64_t{1} << 32) {
  std::vector<DeviceSpec> specs;
  for (int n = 0; n < count; ++n) {
    specs.push_back({fmt::format("cpu:{}", n), DeviceKind::Cpu, n, budget, 1});
  }
  return specs;
}

inline Plan planFor(const Graph& graph,
                    const Shape& input,
                    int count,
                    bool training = false,
                    DType dtype = DType::Float32) {
  PlanRequest request;
  request.input = input;
  request.devices = devices(count);
  request.training = training;
  request.dtype = dtype;
  request.words = count == 1 ? "single" : "slabs";
  auto plan = makePlan(graph, request);
  EXPECT_TRUE(plan) << plan.error().message;
  return *plan;
}

// A changed plan with its predictions made anew.
inline Plan adopted(Plan plan, const Graph& graph) {
  std::vector<DeviceSpec> specs;
  for (const DevicePlan& device : plan.devices) {
    specs.push_back(device.device);
  }
  auto made = adoptPlan(graph, std::move(plan), specs);
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

// The same plan cut at these shares of every step's depth.
inline Plan withBounds(Plan plan, const Graph& graph, const std::vector<double>& cuts) {
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    const std::int64_t depth = plan.steps[n].bounds.back();
    for (std::size_t m = 0; m < cuts.size(); ++m) {
      plan.steps[n].bounds[m + 1] =
          static_cast<std::int64_t>(std::floor(cuts[m] * static_cast<double>(depth)));
    }
  }
  return adopted(std::move(plan), graph);
}

// Every chunk dropped once it is read, and as many steps run together as may be:
// the window slides through all of them.
inline Plan rolled(Plan plan, const Graph& graph, bool joins = true) {
  const Program program = lowered(graph);
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    plan.steps[n].rolling = true;
    plan.steps[n].joined = false;
    const auto id = static_cast<StepId>(n);
    plan.steps[n].joined = joins && n > 0 && mayJoin(program, graph, groupStart(plan, id - 1), id);
  }
  return adopted(std::move(plan), graph);
}

// The first `share` of every slab in host memory.
inline Plan spilled(Plan plan, const Graph& graph, double share) {
  for (StepPlan& step : plan.steps) {
    step.spilledRows.clear();
    for (std::size_t n = 0; n < plan.devices.size(); ++n) {
      const auto rows = static_cast<double>(step.rows(static_cast<int>(n)).count());
      step.spilledRows.push_back(static_cast<std::int64_t>(std::ceil(share * rows)));
    }
  }
  return adopted(std::move(plan), graph);
}

inline std::vector<float> noiseFor(const Shape& shape, unsigned seed = 7) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& value : values) {
    value = normal(random);
  }
  return values;
}

struct Run {
  std::vector<double> scores;  // (d, h, w, class)
  RunReport report;
};

inline Run runPlan(const Graph& graph,
                   const Parameters& parameters,
                   const Plan& plan,
                   std::span<const float> input) {
  Run run;
  auto executor = Executor::create(graph, parameters, plan);
  EXPECT_TRUE(executor) << executor.error().message;
  const Shape out = graph.shapes(plan.input)->back();
  run.scores.assign(static_cast<std::size_t>(out.elements()), std::nan(""));
  const auto take = [&](const ScoreSlab& slab) -> Result<void> {
    const auto offset =
        static_cast<std::size_t>(slab.rows.begin * slab.height * slab.width * slab.classes);
    for (std::size_t n = 0; n < slab.scores.size(); ++n) {
      run.scores[offset + n] = static_cast<double>(slab.scores[n]);
    }
    for (std::size_t n = 0; n < slab.scores64.size(); ++n) {
      run.scores[offset + n] = slab.scores64[n];
    }
    return {};
  };
  auto report = executor->run(inputFrom(input, plan.input), take);
  EXPECT_TRUE(report) << report.error().message;
  run.report = *report;
  return run;
}

// The class of each voxel.
inline std::vector<int> labelsOf(const std::vector<double>& scores, std::int64_t classes) {
  std::vector<int> labels;
  for (std::size_t n = 0; n < scores.size(); n += static_cast<std::size_t>(classes)) {
    const auto first = scores.begin() + static_cast<std::ptrdiff_t>(n);
    labels.push_back(static_cast<int>(std::max_element(first, first + classes) - first));
  }
  return labels;
}

}  // namespace argand::engine::test
