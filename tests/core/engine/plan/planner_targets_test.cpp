// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/budget.h"
#include "core/engine/plan/layer_cut.h"
#include "core/engine/plan/planner.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/simulator.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

// Plans of the sizes that the engine is for.
namespace argand::engine {
namespace {

using ::testing::HasSubstr;

PlanRequest request(std::string_view devices, const Extent& size, DType dtype = DType::Float32) {
  PlanRequest made;
  made.input = {1, 1, size};
  made.devices = *parseDevices(devices);
  made.dtype = dtype;
  made.outputBytesPerVoxel = 2;
  return made;
}

Graph lamp(std::int64_t width) {
  models::LampUnetOptions options;
  options.width = width;
  options.classes = 10;
  return models::lampUnet(options);
}

std::int64_t largestPeak(const Plan& plan) {
  std::int64_t most = 0;
  for (const DevicePlan& device : plan.devices) {
    most = std::max(most, device.predictedPeakBytes);
  }
  return most;
}

TEST(PlannerTargets, LargeNnunetOnEightCardsIsPlannedWithinFivePercentOfTheBound) {
  const Graph graph = models::nnunetPlain({1, {32, 64, 128, 256, 320, 320}, 25});
  for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float16}) {
    const auto plan = makePlan(graph, request("sim:8xh100-nvlink", {512, 512, 512}, dtype));
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->devicesUsed(), 8);
    EXPECT_TRUE(plan->simulated());
    EXPECT_LE(plan->gap(), 0.05) << toString(dtype);
  }
}

TEST(PlannerTargets, FourCardsRunLampAtNineTenthsOfFourTimesOne) {
  const Graph graph = lamp(128);
  const Extent size{192, 320, 256};
  for (const DType dtype : {DType::Float32, DType::BFloat16}) {
    const auto one = makePlan(graph, request("sim:1xh100-nvlink", size, dtype));
    const auto four = makePlan(graph, request("sim:4xh100-nvlink", size, dtype));
    ASSERT_TRUE(one && four);
    EXPECT_GE(one->makespanSeconds / (4.0 * four->makespanSeconds), 0.9) << toString(dtype);
  }
}

TEST(PlannerTargets, UnlikeDevicesGetRowsByTheirSpeed) {
  const auto plan = makePlan(lamp(128), request("sim:1xh100-pcie,sim:1xl40s", {192, 320, 256}));
  ASSERT_TRUE(plan) << plan.error().message;
  const StepPlan& last = plan->steps.back();
  EXPECT_GT(last.rows(0).count(), last.rows(1).count());
  EXPECT_GT(last.rows(1).count(), 0);
  EXPECT_NEAR(plan->devices[0].busySeconds / plan->devices[1].busySeconds, 1.0, 0.1);
}

TEST(PlannerTargets, FourTenthsOfWhatKeepingEverythingTakesAreEnough) {
  const Graph graph = models::nnunetPlain({1, {16, 32, 64, 128, 160}, 10});
  PlanRequest asked = request("cpu:0", {128, 128, 128});
  asked.devices[0].budgetBytes = std::int64_t{1} << 40;
  asked.words = "single,resident";
  const Plan resident = *makePlan(graph, asked);
  asked.words.clear();
  asked.devices[0].budgetBytes = resident.devices[0].predictedPeakBytes * 4 / 10;
  const auto plan = makePlan(graph, asked);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->reason, HasSubstr("host memory"));
  EXPECT_THAT(plan->reason, HasSubstr("dropped as soon as"));
  // No more is spilled than is needed: no step's spill could be left out.
  const auto shapes = *graph.shapes(asked.input);
  for (std::size_t n = 0; n < plan->steps.size(); ++n) {
    if (!plan->steps[n].spilledRows.empty()) {
      Plan less = *plan;
      less.steps[n].spilledRows.clear();
      predict(less, graph, lowered(graph), shapes);
      EXPECT_FALSE(fitsBudgets(less)) << less.steps[n].step;
    }
  }
}

TEST(PlannerTargets, TheProcessorIsTheLastResort) {
  const Graph graph = lamp(32);
  PlanRequest asked = request("sim:1xl40s", {192, 320, 256});
  asked.devices[0].budgetBytes = 10 << 20;
  const auto refused = makePlan(graph, asked);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(10 << 20)));
  asked.lastResort = DeviceSpec{"cpu", DeviceKind::Cpu, 0, std::int64_t{1} << 40, 8};
  const auto plan = makePlan(graph, asked);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->devices[0].device.name, "cpu");
  EXPECT_THAT(plan->reason, HasSubstr("On cpu instead"));
}

TEST(PlannerTargets, BoundWordsBindAndSpillingIsSeenInThePlan) {
  const Graph graph = lamp(16);
  PlanRequest asked = request("cpu:0,cpu:1", {96, 96, 96});
  for (DeviceSpec& device : asked.devices) {
    device.budgetBytes = std::int64_t{1} << 40;
  }
  const auto spilled = [](const Plan& plan) {
    return std::count_if(plan.steps.begin(), plan.steps.end(), [](const StepPlan& s) {
      return !s.spilledRows.empty();
    });
  };
  const auto rolls = [](const Plan& plan) {
    return std::any_of(plan.steps.begin(), plan.steps.end(), [](const StepPlan& s) {
      return s.rolling || s.joined;
    });
  };
  asked.words = "slabs resident";
  const Plan resident = *makePlan(graph, asked);
  EXPECT_FALSE(rolls(resident));
  asked.words = "slabs,rolling";
  const Plan rolling = *makePlan(graph, asked);
  EXPECT_TRUE(rolls(rolling));
  EXPECT_LE(largestPeak(rolling), largestPeak(resident));
  EXPECT_EQ(spilled(rolling), 0);
  asked.words = "slabs,spill";
  const Plan spill = *makePlan(graph, asked);
  EXPECT_GE(spilled(spill), 4);  // a skip per level
  EXPECT_GT(spill.hostPeakBytes, 0);
  EXPECT_EQ(spill.kind, "slabs");
  for (const Plan& plan : {resident, rolling, spill}) {
    EXPECT_TRUE(validate(plan, graph));
    EXPECT_EQ(*parsePlan(toText(plan)), plan);
  }
}

TEST(LayerCut, BalancesContiguousBlocksAsWellAsCanBe) {
  const std::vector<double> seconds{4, 1, 1, 1, 5, 2, 2, 3, 1};
  for (std::size_t parts = 1; parts <= 5; ++parts) {
    const auto slowest = [&](const std::vector<std::size_t>& starts) {
      double worst = 0.0;
      for (std::size_t p = 0; p < starts.size(); ++p) {
        const std::size_t end = p + 1 < starts.size() ? starts[p + 1] : seconds.size();
        double sum = 0.0;
        for (std::size_t n = starts[p]; n < end; ++n) {
          sum += seconds[n];
        }
        worst = std::max(worst, sum);
      }
      return worst;
    };
    double best = 1e9;
    std::vector<std::size_t> starts(parts, 0);
    const std::function<void(std::size_t)> place = [&](std::size_t p) {
      if (p == parts) {
        best = std::min(best, slowest(starts));
        return;
      }
      for (std::size_t n = starts[p - 1]; n <= seconds.size(); ++n) {
        starts[p] = n;
        place(p + 1);
      }
    };
    place(1);
    EXPECT_DOUBLE_EQ(slowest(balancedBlocks(seconds, parts)), best) << parts;
  }
}

TEST(LayerCut, LeavesPeakAndTimeOfLampAboutWhereOneDeviceHasThem) {
  for (const std::int64_t width : {32, 128}) {
    const Graph graph = lamp(width);
    PlanRequest asked = request("sim:4xh100-nvlink", {192, 320, 256});
    asked.compare = true;
    const auto all = candidates(graph, asked);
    ASSERT_TRUE(all);
    const Plan& cut = all->back().plan;
    EXPECT_THAT(all->back().name, HasSubstr("torchgpipe"));
    EXPECT_EQ(cut.devicesUsed(), 4);
    const Plan& slabs = all->front().plan;
    asked.words = "single,resident";
    const Plan one = *makePlan(graph, asked);
    // One micro-batch: the stages wait for each other, and the peak is the layer at full size.
    EXPECT_GE(cut.makespanSeconds, 0.99 * one.makespanSeconds);
    EXPECT_GE(cut.makespanSeconds, 3.0 * slabs.makespanSeconds);
    EXPECT_GE(largestPeak(cut), largestPeak(one) / 2);
    EXPECT_LE(largestPeak(slabs), largestPeak(cut) * 2 / 3);
    fmt::print(
        "LAMP {} on four: whole layers {:.4f} s, {}; slabs {:.4f} s, {}; one {:.4f} s, {} "
        "(simulated)\n",
        width,
        cut.makespanSeconds,
        formatBytes(largestPeak(cut)),
        slabs.makespanSeconds,
        formatBytes(largestPeak(slabs)),
        one.makespanSeconds,
        formatBytes(largestPeak(one)));
  }
}

// Against the choice among a few ways to divide and to recompute that came before the search,
// whose seconds these are: what does not fit stored costs no more, and often much less.
TEST(PlannerTargets, TrainingWithTightBudgetsTakesNoLongerThanByRulesOfThumb) {
  const Graph nnunet = models::nnunetPlain({1, {32, 64, 128, 256, 320, 320}, 25});

  const struct {
    Graph graph;
    Extent size;
    const char* devices;
    std::int64_t stored;                             // bytes
    std::vector<std::pair<double, double>> seconds;  // by the share of them that there is
  } cases[] = {
      {lamp(32),
       {192, 320, 256},
       "sim:1xh100-nvlink",
       7109639144,
       {{0.9, 0.033045}, {0.8, 0.035574}, {0.7, 0.037289}}},
      {lamp(128),
       {192, 320, 256},
       "sim:1xh100-nvlink",
       22451038824,
       {{0.9, 0.200482}, {0.8, 0.212702}, {0.7, 0.221998}, {0.6, 0.244834}}},
      {nnunet,
       {256, 256, 256},
       "sim:1xh100-nvlink",
       32900983812,
       {{0.9, 0.190446}, {0.8, 0.194554}, {0.7, 0.198167}, {0.6, 0.211433}}},
      {lamp(128),
       {192, 320, 256},
       "sim:4xh100-nvlink",
       8398482024,
       {{0.9, 0.049107}, {0.8, 0.053339}, {0.7, 0.059593}, {0.6, 0.066473}, {0.5, 0.079578}}},
      {nnunet,
       {256, 256, 256},
       "sim:4xh100-nvlink",
       8761814020,
       {{0.9, 0.048684}, {0.8, 0.049655}, {0.7, 0.050650}, {0.6, 0.057647}}},
      {nnunet,
       {256, 256, 256},
       "sim:8xh100-nvlink",
       4703316996,
       {{0.9, 0.024681}, {0.8, 0.025532}, {0.7, 0.026184}, {0.6, 0.029094}}},
      {lamp(32),
       {192, 320, 256},
       "sim:8xh100-nvlink",
       1295776744,
       {{0.9, 0.004460}, {0.8, 0.004734}, {0.7, 0.005090}, {0.6, 0.005582}}}};

  for (const auto& one : cases) {
    PlanRequest asked = request(one.devices, one.size);
    asked.training = true;
    const std::clock_t start = std::clock();
    ASSERT_TRUE(makePlan(one.graph, asked));
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 1.0) << one.devices;
    for (const auto& [share, seconds] : one.seconds) {
      SCOPED_TRACE(fmt::format("{} of {} on {}", share, formatBytes(one.stored), one.devices));
      const auto budget = static_cast<std::int64_t>(share * static_cast<double>(one.stored));
      for (DeviceSpec& device : asked.devices) {
        device.budgetBytes = budget;
      }
      const auto plan = makePlan(one.graph, asked);
      ASSERT_TRUE(plan) << plan.error().message;
      EXPECT_LE(plan->makespanSeconds, 1.0001 * seconds);
      EXPECT_LE(largestPeak(*plan), budget);
    }
  }
}

}  // namespace
}  // namespace argand::engine
