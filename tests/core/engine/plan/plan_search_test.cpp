// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/plan_search.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/group_memory.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/simulator.h"
#include "tests/core/engine/plan/plan_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

namespace argand::engine {
namespace {

// Convolutions, additions and concats of earlier tensors of one size, some normed.
Graph randomGraph(std::mt19937& random, int steps) {
  const auto pick = [&](int count) {
    return static_cast<int>(random() % static_cast<unsigned>(count));
  };
  Graph graph;
  std::vector<NodeId> made{graph.add("input", InputOp{2})};
  for (int n = 0; n < steps; ++n) {
    const std::string name = fmt::format("s{}", n);
    NodeId from = made[static_cast<std::size_t>(pick(static_cast<int>(made.size())))];
    if (pick(3) == 0 && made.size() > 2) {
      const NodeId other =
          made[1 + static_cast<std::size_t>(pick(static_cast<int>(made.size()) - 1))];
      from = graph.add(name + ".concat", ConcatOp{}, {made.back(), other});
    } else if (n > 0 && pick(2) == 0) {
      from = made.back();
    }
    NodeId out = -1;
    const NodeId last = made.back();
    if (pick(4) == 0 && made.size() > 2 &&
        graph.node(made[1]).channels == graph.node(last).channels) {
      out = graph.add(name + ".add", AddOp{}, {made[1], last});
    } else {
      ConvOp conv;
      conv.channels = 2 + 2 * pick(3);
      if (pick(3) == 0) {
        conv.kernel = {1, 1, 1};
        conv.padding = {0, 0, 0};
      }
      out = graph.add(name + ".conv", conv, {from});
      if (pick(3) == 0) {
        out = graph.add(name + ".norm", InstanceNormOp{}, {out});
      }
    }
    made.push_back(out);
  }
  ConvOp head;
  head.channels = 2;
  head.kernel = {1, 1, 1};
  head.padding = {0, 0, 0};
  graph.add("head", head, {made.back()});
  return graph;
}

using Case = test::PlanCase;
using test::processors;

// All plans of the space that fit, each predicted and simulated as a whole.
class Exhaustive {
 public:
  Exhaustive(const Case& of, const TimeModel& times, const PlanSpace& space)
      : m_case(of), m_times(times), m_space(space), m_plan(of.blank) {
    from(0);
  }

  // The fastest; infinite where none fits.
  [[nodiscard]] double fastest() const {
    double best = std::numeric_limits<double>::infinity();
    for (const auto& [seconds, tightness] : m_fitting) {
      best = std::min(best, seconds);
    }
    return best;
  }

  // The least tight of those that take no longer than `latest`.
  [[nodiscard]] double roomiest(double latest) const {
    double best = std::numeric_limits<double>::infinity();
    for (const auto& [seconds, tightness] : m_fitting) {
      best = seconds <= latest ? std::min(best, tightness) : best;
    }
    return best;
  }

  [[nodiscard]] int fitting() const { return static_cast<int>(m_fitting.size()); }

  int plans = 0;

 private:
  void from(StepId first) {
    if (first == static_cast<StepId>(m_case.program.steps.size())) {
      ++plans;
      Plan plan = m_plan;
      predict(plan, m_case.graph, m_case.program, m_case.shapes);
      if (fitsBudgets(plan)) {
        m_fitting.emplace_back(
            simulate(plan, m_case.graph, m_case.program, m_times).makespanSeconds, tightness(plan));
      }
      return;
    }
    for (const GroupChoice& choice : m_space.groupsFrom(first)) {
      for (StepId id = first; id <= choice.last; ++id) {
        m_plan.steps.push_back(*m_space.stepPlan(first, choice, id));
      }
      from(choice.last + 1);
      m_plan.steps.resize(static_cast<std::size_t>(first));
    }
  }

  const Case& m_case;
  const TimeModel& m_times;
  const PlanSpace& m_space;
  Plan m_plan;
  std::vector<std::pair<double, double>> m_fitting;  // makespan and tightness
};

TEST(PlanSearch, EqualsBruteForceOnSmallRandomGraphs) {
  std::mt19937 random(20);
  constexpr double kPatience = 0.1;
  int infeasible = 0;
  int bound = 0;
  int roomier = 0;
  for (int round = 0; round < 48; ++round) {
    const bool three = round % 3 == 0;
    const int steps = three ? 2 : 3 + static_cast<int>(random() % 3);
    Case one(randomGraph(random, steps),
             processors(three ? std::vector<int>{2, 1, 3} : std::vector<int>{1 + round % 2, 2}),
             {12, 40, 40});
    const TimeModel times = one.times();
    PlanSpaceOptions options;
    options.maySpill = round % 4 == 1 && steps < 5;
    PlanSpace space(one.graph, one.program, one.shapes, one.devices, times, options);
    PlanSearchOptions search;
    search.beam = 1'000'000;
    const auto find = [&](double patience = 0.0) {
      search.patience = patience;
      return searchPlan(one.blank, one.graph, one.program, one.shapes, times, space, search);
    };
    const PlanSearchResult free = find();
    ASSERT_TRUE(free.plan);
    std::int64_t most = 0;
    for (const DevicePlan& d : free.plan->devices) {
      most = std::max(most, d.predictedPeakBytes);
    }
    for (const double share : {1e6, 0.9, 0.75, 0.6, 0.5}) {
      one.setBudgets([&](std::size_t n) {
        return static_cast<std::int64_t>(share * (n == 0 ? 1.0 : 0.95) * static_cast<double>(most));
      });
      const PlanSearchResult found = find();
      const Exhaustive all(one, times, space);
      const double best = all.fastest();
      EXPECT_TRUE(found.exact);
      ASSERT_EQ(found.plan.has_value(), std::isfinite(best))
          << "round " << round << " share " << share << "\n"
          << one.graph.toText();
      infeasible += found.plan ? 0 : 1;
      bound += found.plan && all.fitting() < all.plans ? 1 : 0;
      if (found.plan) {
        EXPECT_NEAR(found.plan->makespanSeconds, best, 1e-12 * best)
            << "round " << round << " share " << share << "\n"
            << one.graph.toText();
        EXPECT_TRUE(validate(*found.plan, one.graph));
        const PlanSearchResult roomy = find(kPatience);
        EXPECT_NEAR(tightness(*roomy.plan), all.roomiest((1.0 + kPatience) * best), 1e-12)
            << "round " << round << " share " << share << "\n"
            << one.graph.toText();
        roomier += tightness(*roomy.plan) < tightness(*found.plan) ? 1 : 0;
      }
    }
  }
  // Patience paid.
  EXPECT_GT(roomier, 20);
  // The budgets did bind, and did refuse.
  EXPECT_GT(infeasible, 20);
  EXPECT_GT(bound, 40);
}

TEST(PlanSearch, KnowsTheBytesOfAGroupAsThePredictionDoes) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    Case one(randomGraph(random, 5), processors({1, 2, 1}), {16, 24, 24});
    const TimeModel times = one.times();
    PlanSpaceOptions options;
    options.maySpill = true;
    PlanSpace space(one.graph, one.program, one.shapes, one.devices, times, options);
    GroupMemory memory(one.blank, one.graph, one.program, one.shapes);
    Plan plan = one.blank;
    std::vector<const StepPlan*> steps(one.program.steps.size(), nullptr);
    std::vector<std::int64_t> weights(3, 0);
    std::vector<std::int64_t> peak(3, 0);
    for (StepId first = 0; first < static_cast<StepId>(steps.size());) {
      const auto choices = space.groupsFrom(first);
      const GroupChoice choice = choices[random() % choices.size()];
      for (StepId id = first; id <= choice.last; ++id) {
        steps[static_cast<std::size_t>(id)] = space.stepPlan(first, choice, id);
        plan.steps.push_back(*steps[static_cast<std::size_t>(id)]);
      }
      const GroupBytes bytes = memory.of(first, choice.last, steps);
      for (std::size_t d = 0; d < 3; ++d) {
        weights[d] += bytes.weights[d];
        peak[d] = std::max(peak[d], bytes.peak[d]);
      }
      first = choice.last + 1;
    }
    predict(plan, one.graph, one.program, one.shapes);
    for (std::size_t d = 0; d < 3; ++d) {
      EXPECT_EQ(weights[d] + peak[d], plan.devices[d].predictedPeakBytes)
          << "round " << round << " device " << d << "\n"
          << toText(plan);
    }
  }
}

TEST(PlanSearch, ABeamThatIsTooNarrowIsSaidAndStillGivesAPlan) {
  std::mt19937 random(3);
  Case one(randomGraph(random, 5), processors({1, 2}), {16, 24, 24});
  const TimeModel times = one.times();
  const PlanSpace space(one.graph, one.program, one.shapes, one.devices, times, {});
  PlanSearchOptions narrow;
  narrow.beam = 2;
  const auto found =
      searchPlan(one.blank, one.graph, one.program, one.shapes, times, space, narrow);
  ASSERT_TRUE(found.plan);
  EXPECT_FALSE(found.exact);
  EXPECT_TRUE(validate(*found.plan, one.graph));
}

}  // namespace
}  // namespace argand::engine
