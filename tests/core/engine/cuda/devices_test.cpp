// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/device_profile.h"
#include "core/engine/plan/planner.h"
#include "models/networks/networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::engine {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

// A library that is on every machine stands for the driver.
const CudaPlugin kFake{"libc.so.6", ARGAND_FAKE_PLUGIN};

Result<std::vector<DeviceSpec>> parsed(const char* names,
                                       const char* budgets = "",
                                       const CudaPlugin& plugin = kFake) {
  return parseDevices(names, budgets, std::nullopt, plugin);
}

TEST(CudaDeviceNames, TakeTheirBudgetFromTheDevicesFreeMemory) {
  const auto devices = parsed("cuda:0,cuda:1");
  ASSERT_TRUE(devices) << devices.error().message;
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ((*devices)[0].kind, DeviceKind::Cuda);
  EXPECT_EQ((*devices)[0].budgetBytes, cudaBudgetBytes(64 * kGiB));
  EXPECT_EQ((*devices)[1].budgetBytes, cudaBudgetBytes(16 * kGiB));
  EXPECT_EQ((*devices)[1].index, 1);
  EXPECT_EQ((*devices)[1].name, "cuda:1");
  EXPECT_EQ((*parsed("cuda"))[0].index, 0);
  EXPECT_EQ((*parsed("cuda:1", "3GiB"))[0].budgetBytes, 3 * kGiB);
}

TEST(CudaDeviceNames, LeaveTheLibrariesTheirMemory) {
  EXPECT_LT(cudaBudgetBytes(64 * kGiB), 60 * kGiB);
  EXPECT_GT(cudaBudgetBytes(64 * kGiB), 58 * kGiB);
  EXPECT_EQ(cudaBudgetBytes(kGiB / 4), 0);
}

TEST(CudaDeviceNames, ShareAGpuAsVirtualDevices) {
  const auto devices = parsed("cuda:0/0, cuda:0/1, cuda:1");
  ASSERT_TRUE(devices) << devices.error().message;
  EXPECT_EQ((*devices)[0].name, "cuda:0/0");
  EXPECT_EQ((*devices)[0].index, 0);
  EXPECT_EQ((*devices)[1].index, 0);
  EXPECT_EQ((*devices)[0].budgetBytes, cudaBudgetBytes(64 * kGiB) / 2);
  EXPECT_EQ((*devices)[1].budgetBytes, cudaBudgetBytes(64 * kGiB) / 2);
  EXPECT_EQ((*devices)[2].budgetBytes, cudaBudgetBytes(16 * kGiB));
}

TEST(CudaDeviceNames, AreReadStrictly) {
  for (const char* names : {"cuda:",
                            "cuda:x",
                            "cuda:-1",
                            "cuda:0/",
                            "cuda:0/x",
                            "cuda:0/-1",
                            "cuda:0/1/2",
                            "cpu:0/1",
                            "cuda0"}) {
    const auto devices = parsed(names);
    ASSERT_FALSE(devices) << names;
    EXPECT_EQ(devices.error().code, ErrorCode::Usage) << names;
    EXPECT_THAT(devices.error().message, HasSubstr("is no device")) << names;
  }
  for (const char* names : {"cuda,cuda:0", "cuda:0/1,cuda:0/1"}) {
    EXPECT_THAT(parsed(names).error().message, HasSubstr("named twice")) << names;
  }
  EXPECT_THAT(parsed("cuda:0/0,cuda:0").error().message, HasSubstr("whole and in parts"));
}

TEST(CudaDeviceNames, AreRefusedWithTheReason) {
  const auto refusal = [](const char* names, const CudaPlugin& plugin = kFake) {
    const auto devices = parsed(names, "", plugin);
    EXPECT_FALSE(devices) << names;
    return devices ? std::string() : devices.error().message;
  };
  EXPECT_THAT(refusal("cuda:3"), HasSubstr("has 3 CUDA devices"));
  EXPECT_THAT(refusal("cuda:2"), HasSubstr("no kernel image"));
  EXPECT_THAT(refusal("cuda:0", {"libno-such-driver.so.1", ARGAND_FAKE_PLUGIN}),
              HasSubstr("no NVIDIA driver"));
  EXPECT_THAT(refusal("cuda:0", {"libc.so.6", "libargand_no_such_plugin.so"}),
              HasSubstr("cannot be loaded"));
  EXPECT_THAT(refusal("cuda:0", {"libc.so.6", ARGAND_FAILING_PLUGIN}),
              HasSubstr("driver and runtime differ"));
  EXPECT_THAT(refusal("cpu,cuda:0"), HasSubstr("cannot share a plan"));
  EXPECT_THAT(refusal("cuda:0,sim:1xl40s"), HasSubstr("cannot share a plan"));
}

TEST(CudaDeviceNames, OfTheProcessorNeverAskForTheDriver) {
  EXPECT_TRUE(parsed("cpu:0,cpu:1", "", {"libno-such-driver.so.1", "libno-such.so"}));
}

TEST(ChosenDevices, AreAllGpusThatCanBeUsedAndThenTheProcessor) {
  const auto chosen = chooseDevices("auto", "", 2, kFake);
  ASSERT_TRUE(chosen) << chosen.error().message;
  ASSERT_EQ(chosen->devices.size(), 2U);
  EXPECT_EQ(chosen->devices[0].name, "cuda:0");
  EXPECT_EQ(chosen->devices[1].name, "cuda:1");
  ASSERT_TRUE(chosen->lastResort);
  EXPECT_EQ(chosen->lastResort->name, "cpu");
  EXPECT_EQ(chosen->lastResort->threads, 2);
  EXPECT_EQ(chooseDevices("auto", "3GiB", 2, kFake)->lastResort->budgetBytes, 3 * kGiB);
  const auto several = chooseDevices("auto", "3GiB,2GiB", 2, kFake);
  ASSERT_FALSE(several);
  EXPECT_THAT(several.error().message, HasSubstr("one budget for all"));
}

TEST(ChosenDevices, AreTheProcessorWhereThereIsNoGpu) {
  for (const CudaPlugin& plugin : {CudaPlugin{"libno-such-driver.so.1", ARGAND_FAKE_PLUGIN},
                                   CudaPlugin{"libc.so.6", ARGAND_FAILING_PLUGIN}}) {
    const auto chosen = chooseDevices("auto", "", std::nullopt, plugin);
    ASSERT_TRUE(chosen) << chosen.error().message;
    ASSERT_EQ(chosen->devices.size(), 1U);
    EXPECT_EQ(chosen->devices.front().name, "cpu");
    EXPECT_FALSE(chosen->lastResort);
  }
}

TEST(ChosenDevices, AreThoseThatAreNamedWithoutALastResort) {
  const auto chosen = chooseDevices("cuda:1", "", std::nullopt, kFake);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->devices, parsed("cuda:1").value());
  EXPECT_FALSE(chosen->lastResort);
}

TEST(CudaDevices, HaveTheSpeedThatIsDescribedForTheirName) {
  const auto devices = parsed("cuda:0,cuda:1");
  ASSERT_TRUE(devices);
  EXPECT_EQ((*devices)[0].profile, "");
  EXPECT_TRUE(profileOf((*devices)[0])->gpu);
  EXPECT_EQ((*devices)[1].profile, "l40s");
}

TEST(CudaDevices, AreGivenSlabsByTheirShareOfAGpu) {
  const Graph graph = *models::buildNetwork("lamp-unet:n=8,depth=2,classes=3");
  PlanRequest request;
  request.input = {1, 1, {256, 64, 64}};
  request.words = "slabs";
  request.devices = *parsed("cuda:0/0,cuda:0/1");
  const auto halves = makePlan(graph, request);
  ASSERT_TRUE(halves) << halves.error().message;
  EXPECT_EQ(halves->devicesUsed(), 2);
  EXPECT_EQ(parsePlan(toText(*halves))->devices, halves->devices);
  request.words = "single";
  request.devices = *parsed("cuda:0");
  // Half a GPU is half as fast, so two of them are no faster than one.
  EXPECT_GE(halves->makespanSeconds, makePlan(graph, request)->boundSeconds);

  request.training = true;
  const auto training = makePlan(graph, request);
  ASSERT_TRUE(training) << training.error().message;
  EXPECT_EQ(parsePlan(toText(*training))->devices, training->devices);
}

}  // namespace
}  // namespace argand::engine
