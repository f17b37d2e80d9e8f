// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_search.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/pipeline_search.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/predict_training.h"
#include "tests/core/engine/plan/plan_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

namespace argand::engine {
namespace {

// Convolutions, plain, strided and transposed, sums, concats and poolings of earlier tensors,
// some normed, some activated.
class RandomGraph {
 public:
  explicit RandomGraph(std::mt19937& random) : m_random(random) {}

  // Again where so much is read by nothing that fewer steps than that are left.
  Graph make(int steps) {
    Graph graph;
    do {
      graph = once(steps);
    } while (static_cast<int>(lowered(graph).steps.size()) < steps);
    return graph;
  }

 private:
  Graph once(int steps) {
    m_graph = {};
    m_made = {{m_graph.add("input", InputOp{2}), 0}};
    for (int n = 0; n < steps; ++n) {
      m_made.push_back(finished(added(fmt::format("s{}", n)), fmt::format("s{}", n)));
    }
    ConvOp head;
    head.channels = 2;
    head.kernel = {1, 1, 1};
    head.padding = {0, 0, 0};
    m_graph.add("head", head, {m_made.back().node});
    return std::move(m_graph);
  }

  struct Made {
    NodeId node = 0;
    int level = 0;  // halvings
  };

  int pick(int count) { return static_cast<int>(m_random() % static_cast<unsigned>(count)); }

  // Another tensor of this size, and of as many channels where those count.
  NodeId other(const Made& like, bool channels) {
    std::vector<NodeId> found;
    for (std::size_t n = 1; n < m_made.size(); ++n) {
      const Made& one = m_made[n];
      const bool same =
          !channels || m_graph.node(one.node).channels == m_graph.node(like.node).channels;
      if (one.node != like.node && one.level == like.level && same) {
        found.push_back(one.node);
      }
    }
    return found.empty() ? -1
                         : found[static_cast<std::size_t>(pick(static_cast<int>(found.size())))];
  }

  Made added(const std::string& name) {
    const Made last = m_made.back();
    Made from = pick(3) == 0
                    ? m_made[static_cast<std::size_t>(pick(static_cast<int>(m_made.size())))]
                    : last;
    if (pick(3) == 0) {
      if (const NodeId with = other(last, true); with >= 0) {
        return {m_graph.add(name + ".add", AddOp{}, {with, last.node}), last.level};
      }
    }
    if (pick(3) == 0) {
      if (const NodeId with = other(last, false); with >= 0) {
        from = {m_graph.add(name + ".concat", ConcatOp{}, {last.node, with}), last.level};
      }
    }
    if (from.level > 0 && pick(2) == 0) {
      TransposedConvOp up;
      up.channels = 4;
      return {m_graph.add(name + ".up", up, {from.node}), from.level - 1};
    }
    if (from.level == 0 && pick(4) == 0 && from.node > 0) {
      return {m_graph.add(name + ".pool", PoolOp{}, {from.node}), 1};
    }
    ConvOp conv;
    conv.channels = 4 + 4 * pick(2);
    if (pick(3) == 0) {
      conv.kernel = {1, 1, 1};
      conv.padding = {0, 0, 0};
    } else if (from.level == 0 && pick(3) == 0) {
      conv.stride = {2, 2, 2};
      return {m_graph.add(name + ".conv", conv, {from.node}), 1};
    }
    return {m_graph.add(name + ".conv", conv, {from.node}), from.level};
  }

  Made finished(Made made, const std::string& name) {
    if (pick(2) == 0) {
      made.node = m_graph.add(name + ".norm", InstanceNormOp{}, {made.node});
    }
    if (pick(2) == 0) {
      made.node = m_graph.add(name + ".act", LeakyReluOp{}, {made.node});
    }
    return made;
  }

  std::mt19937& m_random;
  Graph m_graph;
  std::vector<Made> m_made;
};

struct Case : test::PlanCase {
  Case(Graph made, const std::vector<int>& threads, int samples = 1, int microBatches = 1)
      : PlanCase(std::move(made), test::processors(threads), {12, 32, 32}, samples) {
    blank.training = true;
    blank.microBatches = microBatches;
    blank.steps.resize(program.steps.size());
  }

  [[nodiscard]] TrainingSpace space(const TimeModel& times,
                                    bool recomputes,
                                    PlanSpaceOptions options = {}) const {
    return {graph, program, shapes, devices, times, options, recomputes};
  }

  // Filled with choices, predicted and timed as a whole.
  [[nodiscard]] Plan judged(Plan plan, const TimeModel& times) const {
    predict(plan, graph, program, shapes);
    estimateTrainingTimes(plan, times);
    return plan;
  }
};

StageRequest wholeOf(const TrainingSpace& space) {
  StageRequest request;
  request.end = static_cast<int>(space.ops().size());
  request.actions = pipelineActions(PipelineSchedule::OneForwardOneBackward, 1, 1);
  request.beam = 1'000'000;
  return request;
}

// The fastest of all plans that fit; infinite where none does. Of one stage on all devices
// or of several, each on consecutive devices of its own.
class Exhaustive {
 public:
  Exhaustive(const Case& of, const TimeModel& times, bool recomputes, int stages = 1)
      : m_case(of),
        m_times(times),
        m_recomputes(recomputes),
        m_stages(stages),
        m_plan(of.blank),
        m_count(static_cast<int>(trainingOps(of.graph, of.program).size())) {}

  void run() { stage(0, 0, 0, 0); }

  double best = std::numeric_limits<double>::infinity();
  double least = std::numeric_limits<double>::infinity();
  int plans = 0;
  int fitting = 0;
  bool mustDivide = false;

 private:
  void stage(int number, int op, int device, int segments) {
    const auto devices = static_cast<int>(m_case.devices.size());
    if (number == m_stages) {
      judge();
      return;
    }
    const int behind = m_stages - number - 1;
    for (int to = behind > 0 ? device + 1 : devices; to <= devices - behind; ++to) {
      PlanSpaceOptions options;
      options.firstDevice = static_cast<std::size_t>(device);
      options.endDevice = static_cast<std::size_t>(to);
      const TrainingSpace space = m_case.space(m_times, m_recomputes, options);
      for (int end = behind > 0 ? op + 1 : m_count; end <= m_count - behind; ++end) {
        const auto next = [&](int made) { stage(number + 1, end, to, made); };
        choices(space, number, op, end, segments, next);
      }
    }
  }

  void choices(const TrainingSpace& space,
               int number,
               int op,
               int end,
               int segments,
               const std::function<void(int)>& next) {
    if (op == end) {
      next(segments);
      return;
    }
    for (const TrainingChoice& choice : space.choicesFrom(op, end)) {
      int made = segments;
      apply({{}, {{op, choice}}}, space, number, made, m_plan);
      choices(space, number, choice.last + 1, end, made, next);
    }
  }

  void judge() {
    if (mustDivide && m_plan.devicesUsed() < 2) {
      return;
    }
    ++plans;
    const Plan plan = m_case.judged(m_plan, m_times);
    least = std::min(least, tightness(plan));
    if (fitsBudgets(plan)) {
      ++fitting;
      best = std::min(best, plan.makespanSeconds);
    }
  }

  const Case& m_case;
  const TimeModel& m_times;
  const bool m_recomputes;
  const int m_stages;
  Plan m_plan;
  const int m_count;
};

std::int64_t largestPeak(const Plan& plan) {
  std::int64_t most = 0;
  for (const DevicePlan& d : plan.devices) {
    most = std::max(most, d.predictedPeakBytes);
  }
  return most;
}

TEST(TrainingSearch, EqualsBruteForceOnSmallRandomGraphs) {
  std::mt19937 random(11);
  int infeasible = 0;
  int bound = 0;
  int recomputed = 0;
  for (int round = 0; round < 60; ++round) {
    const std::vector<int> threads = round % 3 == 0   ? std::vector<int>{2}
                                     : round % 3 == 1 ? std::vector<int>{1 + round % 2, 2}
                                                      : std::vector<int>{2, 1, 3};
    const int steps = threads.size() == 1 ? 3 + round % 5 : (threads.size() == 2 ? 3 : 2);
    Case one(RandomGraph(random).make(steps), threads);
    const TimeModel times = one.times();
    const TrainingSpace space = one.space(times, round % 5 != 4);
    StageRequest request = wholeOf(space);
    request.mustDivide = threads.size() > 1 && round % 2 == 1;
    const TrainingFacts facts(one.blank, one.graph, one.program, one.shapes);
    const auto find = [&](TrainingGoal goal) {
      request.goal = goal;
      const StageResult result = searchStage(one.blank, facts, space, request);
      EXPECT_TRUE(result.exact);
      std::optional<Plan> plan;
      if (!result.plans.empty()) {
        plan = one.blank;
        int number = 0;
        apply(result.plans[0], space, 0, number, *plan);
        EXPECT_TRUE(plan->devicesUsed() > 1 || !request.mustDivide);
        plan = one.judged(*plan, times);
      }
      return plan;
    };
    const std::optional<Plan> free = find(TrainingGoal::Fastest);
    Exhaustive any(one, times, false);
    any.mustDivide = request.mustDivide;
    any.run();
    ASSERT_EQ(free.has_value(), any.plans > 0);  // some have too few slices to be divided
    if (!free) {
      continue;
    }
    const std::int64_t most = largestPeak(*free);
    for (const double share : {1e6, 1.0, 0.9, 0.75, 0.6, 0.5}) {
      SCOPED_TRACE(fmt::format("round {} share {}\n{}", round, share, one.graph.toText()));
      one.setBudgets([&](std::size_t n) {
        return static_cast<std::int64_t>(share * (n == 1 ? 0.93 : 1.0) * static_cast<double>(most));
      });
      Exhaustive all(one, times, round % 5 != 4);
      all.mustDivide = request.mustDivide;
      all.run();
      const std::optional<Plan> found = find(TrainingGoal::Fastest);
      ASSERT_EQ(found.has_value(), std::isfinite(all.best));
      infeasible += found ? 0 : 1;
      bound += found && all.fitting < all.plans ? 1 : 0;
      if (found) {
        EXPECT_NEAR(found->makespanSeconds, all.best, 1e-9 * all.best);
        EXPECT_TRUE(fitsBudgets(*found)) << shortfall(*found);
        recomputed += std::any_of(found->steps.begin(), found->steps.end(), [](const auto& s) {
          return s.recomputed > 0;
        });
      }
      const std::optional<Plan> least = find(TrainingGoal::Smallest);
      ASSERT_TRUE(least);
      EXPECT_NEAR(tightness(*least), all.least, 1e-12);
    }
  }
  // The budgets did bind, and did refuse.
  EXPECT_GT(infeasible, 30);
  EXPECT_GT(bound, 60);
  EXPECT_GT(recomputed, 30);
}

TEST(TrainingSearch, EqualsBruteForceOverPipelines) {
  std::mt19937 random(12);
  int infeasible = 0;
  int bound = 0;
  int recomputed = 0;
  for (int round = 0; round < 36; ++round) {
    const std::vector<int> threads =
        round % 3 == 2 ? std::vector<int>{2, 1, 3} : std::vector<int>{1 + round % 2, 2};
    const int stages = round % 6 == 5 ? 2 : static_cast<int>(threads.size());
    const bool recomputes = round % 5 != 4;
    const int steps = stages < static_cast<int>(threads.size()) ? 2 : 4;
    Case one(RandomGraph(random).make(steps), threads, 4, 2 + round % 3 + (stages > 2 ? 1 : 0));
    one.blank.microBatches = std::min(one.blank.microBatches, 4);
    one.blank.schedule =
        round % 2 == 0 ? PipelineSchedule::GPipe : PipelineSchedule::OneForwardOneBackward;
    const TimeModel times = one.times();
    PipelineOptions options;
    options.stages = stages;
    options.recomputes = recomputes;
    options.beam = options.stageBeam = 1'000'000;
    options.replays = 1'000'000'000;
    const auto find = [&] {
      return searchPipeline(one.blank, one.graph, one.program, one.shapes, times, options);
    };
    const PipelineResult free = find();
    ASSERT_TRUE(free.plan);
    const std::int64_t most = largestPeak(*free.plan);
    for (const double share : {1e6, 0.95, 0.8, 0.65, 0.5}) {
      SCOPED_TRACE(fmt::format("round {} share {}\n{}", round, share, one.graph.toText()));
      one.setBudgets([&](std::size_t n) {
        return static_cast<std::int64_t>(share * (n == 1 ? 0.93 : 1.0) * static_cast<double>(most));
      });
      Exhaustive all(one, times, recomputes, stages);
      all.run();
      const PipelineResult found = find();
      EXPECT_TRUE(found.exact);
      ASSERT_EQ(found.plan.has_value(), std::isfinite(all.best));
      infeasible += found.plan ? 0 : 1;
      bound += found.plan && all.fitting < all.plans ? 1 : 0;
      if (found.plan) {
        EXPECT_NEAR(found.plan->makespanSeconds, all.best, 1e-9 * all.best);
        EXPECT_EQ(stageCount(*found.plan), stages);
        EXPECT_TRUE(checkTraining(*found.plan, one.graph, one.program));
        recomputed += std::any_of(found.plan->steps.begin(),
                                  found.plan->steps.end(),
                                  [](const auto& s) { return s.recomputed > 0; });
      }
    }
  }
  EXPECT_GT(infeasible, 15);
  EXPECT_GT(bound, 40);
  EXPECT_GT(recomputed, 10);
}

TEST(TrainingSearch, ABeamThatIsTooNarrowIsSaidAndStillGivesAPlan) {
  std::mt19937 random(4);
  Case one(RandomGraph(random).make(7), {1, 2});
  const TimeModel times = one.times();
  const TrainingSpace space = one.space(times, true);
  const TrainingFacts facts(one.blank, one.graph, one.program, one.shapes);
  StageRequest request = wholeOf(space);
  request.goal = TrainingGoal::Smallest;
  request.beam = 4;
  const StageResult found = searchStage(one.blank, facts, space, request);
  ASSERT_EQ(found.plans.size(), 1U);
  EXPECT_FALSE(found.exact);
}

}  // namespace
}  // namespace argand::engine
