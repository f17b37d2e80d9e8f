// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_plan.h"

#include "core/engine/plan/planner.h"
#include "models/networks/nnunet_plain.h"
#include "tests/core/engine/engine_support.h"

#include <gmock/gmock.h>

#include <numeric>
#include <set>

namespace argand::engine {
namespace {

using ::testing::HasSubstr;

Graph network() {
  models::NnunetPlainOptions options;
  options.channels = {16, 32, 64};
  options.classes = 4;
  return models::nnunetPlain(options);
}

PlanRequest requestFor(int devices, std::int64_t budget, int samples = 1, int microBatches = 1) {
  PlanRequest request;
  request.input = {samples, 1, {32, 32, 32}};
  request.devices = test::devices(devices, budget);
  request.training = true;
  request.microBatches = microBatches;
  return request;
}

Plan planned(const Graph& graph, const PlanRequest& request) {
  auto plan = makePlan(graph, request);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(Plan{});
}

int recomputedSteps(const Plan& plan) {
  return static_cast<int>(std::count_if(
      plan.steps.begin(), plan.steps.end(), [](const StepPlan& s) { return s.recomputed > 0; }));
}

std::int64_t peakOf(const Plan& plan) {
  return plan.devices[0].predictedPeakBytes;
}

TEST(TrainingPlan, RecomputesOnlyWhereWhatIsKeptDoesNotFit) {
  const Graph graph = network();
  const Plan stored = planned(graph, requestFor(1, std::int64_t{1} << 32));
  EXPECT_EQ(recomputedSteps(stored), 0);
  const Plan exact = planned(graph, requestFor(1, peakOf(stored)));
  EXPECT_EQ(recomputedSteps(exact), 0);

  int before = 0;
  double seconds = stored.makespanSeconds;
  for (const double share : {0.999, 0.9, 0.75}) {
    SCOPED_TRACE(share);
    const auto budget = static_cast<std::int64_t>(share * static_cast<double>(peakOf(stored)));
    const Plan plan = planned(graph, requestFor(1, budget));
    EXPECT_LE(peakOf(plan), budget);
    EXPECT_GT(recomputedSteps(plan), 0);
    EXPECT_GE(recomputedSteps(plan), before);
    EXPECT_GE(plan.makespanSeconds, seconds);
    EXPECT_THAT(plan.reason, HasSubstr("recomputed in backward"));
    before = recomputedSteps(plan);
    seconds = plan.makespanSeconds;
    const auto read = parsePlan(toText(plan));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, plan);
  }
}

TEST(TrainingPlan, TheWordStoredForbidsIt) {
  const Graph graph = network();
  PlanRequest request = requestFor(1, std::int64_t{1} << 32);
  request.devices[0].budgetBytes = peakOf(planned(graph, request)) - 1;
  EXPECT_GT(recomputedSteps(planned(graph, request)), 0);
  request.words = "stored";
  EXPECT_EQ(makePlan(graph, request).error().code, ErrorCode::NoPlan);
}

TEST(TrainingPlan, CountsWeightsGradientsAndTheOptimisersState) {
  const Graph graph = network();
  const Plan plan = planned(graph, requestFor(1, std::int64_t{1} << 32));
  EXPECT_EQ(plan.devices[0].weightBytes, 4 * 4 * graph.parameterCount());
}

TEST(TrainingPlan, APipelineNeedsAsManyMicroBatchesAsStages) {
  const Graph graph = network();
  PlanRequest request = requestFor(3, std::int64_t{1} << 32, 4, 2);
  request.words = "pipeline";
  EXPECT_THAT(makePlan(graph, request).error().message, HasSubstr("at least as many"));
  request.microBatches = 3;
  const Plan plan = planned(graph, request);
  EXPECT_EQ(plan.kind, "pipeline");
  EXPECT_EQ(stageCount(plan), 3);
  EXPECT_EQ(plan.devicesUsed(), 3);
  EXPECT_EQ(microBatchSamples(plan), 2);
  const auto read = parsePlan(toText(plan));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, plan);
  request.training = false;
  EXPECT_EQ(makePlan(graph, request).error().code, ErrorCode::Usage);
}

TEST(TrainingPlan, APipelineThatDoesNotFitIsRefusedWithWhatTheLeastDemandingNeeds) {
  const Graph graph = network();
  PlanRequest request = requestFor(2, std::int64_t{1} << 32, 2, 2);
  request.words = "pipeline";
  const std::int64_t some = planned(graph, request).devices[1].predictedPeakBytes;
  request = requestFor(2, some / 8, 2, 2);
  request.words = "pipeline";
  const auto refused = makePlan(graph, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NoPlan);
  EXPECT_THAT(refused.error().message, HasSubstr("the least demanding one (pipeline)"));
  EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("({} bytes)", some / 8)));
  request.words.clear();
  request.compare = true;
  const auto all = candidates(graph, request);
  ASSERT_TRUE(all) << all.error().message;
  std::set<std::string> kinds;
  for (const Candidate& one : *all) {
    EXPECT_FALSE(one.fits);
    EXPECT_THAT(one.note, HasSubstr("would need"));
    kinds.insert(one.plan.kind);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"single", "slabs", "pipeline"}));
}

// Against every cut there is.
TEST(TrainingPlan, StagesAreCutWhereTheSlowestIsFastest) {
  const Graph graph = network();
  PlanRequest request = requestFor(3, std::int64_t{1} << 32, 3, 3);
  request.words = "pipeline";
  request.devices[1].threads = 2;
  const Plan plan = planned(graph, request);
  const Program program = lowered(graph);
  const auto shapes = *graph.shapes(plan.input);
  const auto slowest = [&](const Plan& cut) {
    std::array<double, 3> seconds{};
    for (const DevicePlan& device : cut.devices) {
      seconds[static_cast<std::size_t>(device.device.index)] = device.busySeconds;
    }
    return *std::max_element(seconds.begin(), seconds.end());
  };
  const auto order = stepsByNode(program);
  double best = 1e300;
  for (std::size_t a = 1; a + 1 < order.size(); ++a) {
    for (std::size_t b = a + 1; b < order.size(); ++b) {
      Plan cut = plan;
      for (std::size_t k = 0; k < order.size(); ++k) {
        const int stage = k < a ? 0 : (k < b ? 1 : 2);
        StepPlan& step = cut.steps[order[k]];
        const std::int64_t depth = step.bounds.back();
        step.stage = stage;
        for (int m = 0; m <= 3; ++m) {
          step.bounds[static_cast<std::size_t>(m)] = m <= stage ? 0 : depth;
        }
      }
      std::vector<DeviceSpec> specs;
      for (const DevicePlan& device : plan.devices) {
        specs.push_back(device.device);
      }
      const auto adopted = adoptPlan(graph, cut, specs);
      ASSERT_TRUE(adopted) << adopted.error().message;
      best = std::min(best, slowest(*adopted));
    }
  }
  EXPECT_NEAR(slowest(plan), best, 1e-12);
}

TEST(TrainingPlan, SegmentsHoldEveryNodeOnceAndKnowWhatTheyHandOn) {
  const Graph graph = network();
  const Program program = lowered(graph);
  PlanRequest request = requestFor(1, std::int64_t{1} << 32);
  Plan plan = planned(graph, request);
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    plan.steps[n].recomputed = static_cast<int>(n / 2) + 1;
  }
  ASSERT_TRUE(validate(plan, graph));
  const auto segments = trainingSegments(plan, graph, program);
  NodeId next = 1;
  for (const TrainingSegment& segment : segments) {
    EXPECT_EQ(segment.begin, next);
    EXPECT_TRUE(segment.recomputed);
    next = segment.end;
    for (const NodeId read : segment.reads) {
      const bool written =
          read == 0 || std::any_of(segments.begin(), segments.end(), [&](const auto& other) {
            return std::find(other.writes.begin(), other.writes.end(), read) != other.writes.end();
          });
      EXPECT_TRUE(written) << read;
    }
  }
  EXPECT_EQ(next, graph.size());
  EXPECT_EQ(segments.back().writes, std::vector<NodeId>{graph.output()});
}

TEST(TrainingPlan, RefusesWhatCannotBe) {
  const Graph graph = network();
  const Plan plan = planned(graph, requestFor(2, std::int64_t{1} << 32));
  const auto messageOf = [&](const std::function<void(Plan&)>& edit) {
    Plan edited = plan;
    edit(edited);
    const auto checked = validate(edited, graph);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(messageOf([](Plan&) {}), "");
  EXPECT_THAT(messageOf([](Plan& p) {
                p.training = false;
                p.steps[1].recomputed = 1;
              }),
              HasSubstr("for training"));
  EXPECT_THAT(messageOf([](Plan& p) { p.microBatches = 2; }), HasSubstr("batch of 1 into 2"));
  EXPECT_THAT(messageOf([](Plan& p) {
                p.steps[0].recomputed = 1;
                p.steps[2].recomputed = 1;
              }),
              HasSubstr("not neighbours"));
  EXPECT_THAT(messageOf([](Plan& p) { p.steps[0].stage = 2; }), HasSubstr("stage 2"));
  EXPECT_THAT(messageOf([](Plan& p) {
                for (StepPlan& step : p.steps) {
                  step.bounds = {0, step.bounds.back(), step.bounds.back()};
                }
                p.steps.back().stage = 1;
              }),
              HasSubstr("devices of its own"));
  EXPECT_THAT(messageOf([](Plan& p) {
                for (StepPlan& step : p.steps) {
                  step.bounds = {0, step.bounds.back(), step.bounds.back()};
                }
                p.steps.back().stage = 1;
                p.steps.back().bounds = {0, 0, p.steps.back().bounds.back()};
              }),
              HasSubstr("at least as many micro-batches"));
}

}  // namespace
}  // namespace argand::engine
