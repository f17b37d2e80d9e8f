// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/planner.h"

#include "core/engine/graph/program.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::engine {
namespace {

using ::testing::HasSubstr;

Graph network() {
  models::LampUnetOptions options;
  options.width = 16;
  options.classes = 5;
  return models::lampUnet(options);
}

PlanRequest request(int count, std::int64_t budget, const Extent& size = {96, 96, 96}) {
  PlanRequest made;
  made.input = {1, 1, size};
  for (int n = 0; n < count; ++n) {
    made.devices.push_back({fmt::format("cpu:{}", n), DeviceKind::Cpu, n, budget, 1});
  }
  return made;
}

constexpr std::int64_t kPlenty = std::int64_t{1} << 40;

TEST(Devices, ReadsNamesBudgetsAndThreads) {
  const auto devices = parseDevices("cpu:0, cpu:1", "2GiB,1500MiB", 3);
  ASSERT_TRUE(devices) << devices.error().message;
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ((*devices)[0].budgetBytes, std::int64_t{2} << 30);
  EXPECT_EQ((*devices)[1].budgetBytes, std::int64_t{1500} << 20);
  EXPECT_EQ((*devices)[1].name, "cpu:1");
  EXPECT_EQ((*devices)[1].threads, 3);
  EXPECT_EQ((*parseDevices("cpu"))[0].threads, coreCount());
  EXPECT_EQ((*parseDevices("cpu", "12345"))[0].budgetBytes, 12345);
}

TEST(Devices, ShareFreeMemoryEquallyWithoutBudgets) {
  const auto devices = parseDevices("cpu:0,cpu:1,cpu:2");
  ASSERT_TRUE(devices);
  EXPECT_EQ((*devices)[0].budgetBytes, (*devices)[2].budgetBytes);
  EXPECT_GT((*devices)[0].budgetBytes, 0);
  EXPECT_LE(3 * (*devices)[0].budgetBytes, freeMemoryBytes() * 5 / 4);
}

TEST(Devices, RefusesUnknownNamesAndAmounts) {
  for (const char* names : {"", "gpu", "cpu:x", "cpu:-1", "cpu:0,cpu:0", "cpu:0,,cpu:1"}) {
    const auto devices = parseDevices(names);
    ASSERT_FALSE(devices) << names;
    EXPECT_EQ(devices.error().code, ErrorCode::Usage) << names;
  }
  for (const char* budget : {"x", "2XB", "-1", "0", "1.5", "GiB", "1GiB,2GiB,3GiB"}) {
    EXPECT_FALSE(parseDevices("cpu:0,cpu:1", budget)) << budget;
  }
  EXPECT_FALSE(parseDevices("cpu", "", 0));
  const auto absent = parseDevices("cuda:63");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::NoPlan);
}

TEST(Planner, TakesSlabsWhereTheyAreFasterAndOneDeviceWhereThereIsOne) {
  const Graph graph = network();
  EXPECT_EQ(makePlan(graph, request(1, kPlenty))->kind, "single");
  const auto plan = makePlan(graph, request(2, kPlenty));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->kind, "slabs");
  EXPECT_EQ(plan->devicesUsed(), 2);
  EXPECT_GE(plan->gap(), 0.0);
  // Chunks of so small a volume are a third of its depth.
  EXPECT_LT(plan->gap(), 0.10);
  EXPECT_TRUE(validate(*plan, graph));
}

TEST(Planner, DividesWhatOneDeviceCannotHold) {
  const Graph graph = network();
  PlanRequest asked = request(2, kPlenty);
  asked.words = "single,resident";
  const std::int64_t whole = makePlan(graph, asked)->devices[0].predictedPeakBytes;
  asked = request(2, whole * 3 / 4);
  const auto plan = makePlan(graph, asked);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->kind, "slabs");
  asked.words = "single,resident";
  const auto refused = makePlan(graph, asked);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NoPlan);
}

TEST(Planner, RefusesOneByteTooLittleWithTheFigures) {
  const Graph graph = network();
  for (const int count : {1, 2}) {
    PlanRequest asked = request(count, kPlenty, {64, 64, 64});
    asked.words = count == 1 ? "single" : "slabs";
    std::int64_t least = kPlenty;
    // The least demanding candidate decides; slabs shrink with the budget until they cannot.
    for (std::int64_t step = kPlenty / 2; step > 0; step /= 2) {
      for (DeviceSpec& device : asked.devices) {
        device.budgetBytes = least - step;
      }
      least -= makePlan(graph, asked) ? step : 0;
    }
    for (DeviceSpec& device : asked.devices) {
      device.budgetBytes = least;
    }
    const auto fits = makePlan(graph, asked);
    ASSERT_TRUE(fits) << fits.error().message;
    for (const DevicePlan& device : fits->devices) {
      EXPECT_LE(device.predictedPeakBytes, least);
    }
    for (DeviceSpec& device : asked.devices) {
      device.budgetBytes = least - 1;
    }
    const auto refused = makePlan(graph, asked);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::NoPlan);
    EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(least - 1)));
  }
}

TEST(Planner, GivesASmallDeviceThinnerSlabs) {
  const Graph graph = models::nnunetPlain({1, {16, 32}, 3});  // its peak is at full size
  PlanRequest asked = request(2, kPlenty);
  asked.words = "slabs,resident";  // rolling would fit with even ones
  const Plan even = *makePlan(graph, asked);
  asked.devices[1].budgetBytes = even.devices[1].predictedPeakBytes * 3 / 4;
  const auto plan = makePlan(graph, asked);
  ASSERT_TRUE(plan) << plan.error().message;
  // At least where the peak is; both devices still work.
  std::int64_t first = 0;
  std::int64_t second = 0;
  for (const StepPlan& step : plan->steps) {
    first += step.rows(0).count();
    second += step.rows(1).count();
  }
  EXPECT_GT(first, second);
  EXPECT_GT(second, 0);
  EXPECT_LE(plan->devices[1].predictedPeakBytes, asked.devices[1].budgetBytes);
}

TEST(Planner, GathersDeepLevelsWhereTheirWeightsDoNotFitTwice) {
  models::LampUnetOptions options;
  options.width = 64;
  options.classes = 2;
  const Graph graph = models::lampUnet(options);
  PlanRequest asked = request(2, kPlenty, {64, 64, 64});
  asked.words = "slabs";
  const Plan both = *makePlan(graph, asked);
  // Room for the weights of the upper levels only.
  asked.devices[1].budgetBytes = both.devices[1].weightBytes / 2;
  const auto plan = makePlan(graph, asked);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->reason, HasSubstr("gathered on cpu:0"));
  EXPECT_EQ(plan->devicesUsed(), 2);
}

TEST(Planner, RefusesWordsAndRequestsThatCannotBe) {
  const Graph graph = network();
  for (const char* words :
       {"single,slabs", "fast", "resident,rolling", "resident spill", "rolling,fast"}) {
    PlanRequest asked = request(2, kPlenty);
    asked.words = words;
    const auto plan = makePlan(graph, asked);
    ASSERT_FALSE(plan) << words;
    EXPECT_EQ(plan.error().code, ErrorCode::Usage);
  }
  PlanRequest alone = request(1, kPlenty);
  alone.words = "slabs";
  EXPECT_FALSE(makePlan(graph, alone));
  PlanRequest batch = request(1, kPlenty);
  batch.input.samples = 2;
  EXPECT_FALSE(makePlan(graph, batch));
  EXPECT_FALSE(makePlan(graph, request(1, kPlenty, {95, 96, 96})));
}

TEST(Plan, PrintsAndReadsBack) {
  const Graph graph = network();
  for (const int count : {1, 2, 3}) {
    const auto plan = makePlan(graph, request(count, kPlenty));
    const auto read = parsePlan(toText(*plan));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, *plan);
  }
}

TEST(Plan, RefusesTextsThatAreNoPlan) {
  const std::string good = toText(*makePlan(network(), request(2, kPlenty)));
  EXPECT_FALSE(parsePlan(""));
  EXPECT_FALSE(parsePlan("argand plan 2\n"));
  EXPECT_FALSE(parsePlan(good + "nonsense 3\n"));
  EXPECT_FALSE(parsePlan(good + "step extra 0\n"));
  EXPECT_FALSE(parsePlan(good + "step extra 0 x 3\n"));
  EXPECT_FALSE(parsePlan(good + "dtype fp8\n"));
}

TEST(Plan, IsCheckedAgainstItsNetwork) {
  const Graph graph = network();
  const Plan plan = *makePlan(graph, request(2, kPlenty));
  const auto edited = [&](const auto& change) {
    Plan copy = plan;
    change(copy);
    return validate(copy, graph).has_value();
  };
  EXPECT_TRUE(edited([](Plan&) {}));
  EXPECT_FALSE(edited([](Plan& p) { p.steps.pop_back(); }));
  EXPECT_FALSE(edited([](Plan& p) { p.steps[3].step = "other"; }));
  EXPECT_FALSE(edited([](Plan& p) { p.steps[3].bounds[1] = 1000; }));
  EXPECT_FALSE(edited([](Plan& p) { p.steps[3].bounds.back() -= 1; }));
  EXPECT_FALSE(edited([](Plan& p) { p.steps[3].bounds = {0}; }));
  EXPECT_FALSE(edited([](Plan& p) { p.devices.clear(); }));
}

TEST(Plan, EditedByHandIsPredictedAnewAndRefusedWhereItDoesNotFit) {
  const Graph graph = network();
  const PlanRequest asked = request(2, kPlenty);
  Plan plan = *makePlan(graph, asked);
  for (StepPlan& step : plan.steps) {
    step.bounds[1] = step.bounds[2];
  }
  const auto adopted = adoptPlan(graph, plan, asked.devices);
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->devices[1].predictedPeakBytes, 0);
  EXPECT_GT(adopted->devices[0].predictedPeakBytes, plan.devices[0].predictedPeakBytes);
  auto small = asked.devices;
  small[0].budgetBytes = adopted->devices[0].predictedPeakBytes - 1;
  const auto refused = adoptPlan(graph, plan, small);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NoPlan);
  EXPECT_FALSE(adoptPlan(graph, plan, {asked.devices[0]}));
}

}  // namespace
}  // namespace argand::engine
