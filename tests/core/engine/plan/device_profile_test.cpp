// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/device_profile.h"

#include "core/engine/plan/planner.h"
#include "core/engine/plan/simulator.h"
#include "models/networks/nnunet_plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace argand::engine {
namespace {

using ::testing::HasSubstr;

TEST(DeviceProfile, EveryDescriptionReadsAndSaysWhereItIsFrom) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(deviceFolder())) {
    const std::string name = entry.path().stem().string();
    const auto profile = readDeviceProfile(name);
    ASSERT_TRUE(profile) << profile.error().message;
    EXPECT_EQ(profile->name, name);
    EXPECT_GT(profile->source.size(), 40U) << name;
    EXPECT_GT(profile->memoryBytes - profile->reservedBytes, std::int64_t{1} << 30);
    const auto again = DeviceProfile::fromJson(profile->toJson(), name);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->toJson(), profile->toJson());
    ++found;
  }
  EXPECT_GE(found, 7);
}

TEST(DeviceProfile, RefusesFiguresThatCannotBe) {
  const Json good = readDeviceProfile("h100-nvlink")->toJson();
  ASSERT_TRUE(DeviceProfile::fromJson(good, "it"));
  const std::pair<const char*, Json> wrong[] = {{"kind", "tpu"},
                                                {"memory_gb", 0},
                                                {"memory_gb", "many"},
                                                {"reserved_gb", 100},
                                                {"memory_gb_per_s", -1},
                                                {"launch_us", -1},
                                                {"threads", 0},
                                                {"link", Json::object()},
                                                {"gflop_per_s", {{"fp8", {{1, 2}}}}},
                                                {"gflop_per_s", {{"bf16", {{1, 2}}}}},
                                                {"gflop_per_s", {{"fp32", Json::array()}}},
                                                {"gflop_per_s", {{"fp32", {{64, 2}, {1, 2}}}}},
                                                {"gflop_per_s", {{"fp32", {{1, 0}}}}}};
  for (const auto& [key, value] : wrong) {
    Json json = good;
    json[key] = value;
    EXPECT_FALSE(DeviceProfile::fromJson(json, "it")) << key << " " << value.dump();
    json.erase(key);
    EXPECT_EQ(DeviceProfile::fromJson(json, "it").has_value(), std::string_view(key) == "threads");
  }
}

TEST(DeviceProfile, GivesSpeedBetweenItsPointsAndTheEndsBeyondThem) {
  DeviceProfile profile;
  profile.convolution[DType::Float32] = {{16.0, 100.0}, {64.0, 300.0}};
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::Float32, 16, DeviceProfile::Kernel::Convolution),
                   100.0);
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::Float32, 32, DeviceProfile::Kernel::Convolution),
                   200.0);
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::Float32, 64, DeviceProfile::Kernel::Convolution),
                   300.0);
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::Float32, 1, DeviceProfile::Kernel::Convolution),
                   100.0);
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::Float32, 999, DeviceProfile::Kernel::Transposed),
                   300.0);
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::BFloat16, 16, DeviceProfile::Kernel::Winograd),
                   100.0);
  profile.transposed[DType::Float32] = {{1.0, 7.0}};
  profile.winograd[DType::Float32] = {{1.0, 9.0}};
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::BFloat16, 16, DeviceProfile::Kernel::Winograd),
                   9.0);
  EXPECT_DOUBLE_EQ(profile.flopsPerSecond(DType::Float32, 999, DeviceProfile::Kernel::Transposed),
                   7.0);
}

TEST(Devices, NotThereHaveTheMemoryAndSpeedOfTheirDescription) {
  const auto devices = parseDevices("sim:2xh100-nvlink,sim:1xl40s");
  ASSERT_TRUE(devices) << devices.error().message;
  ASSERT_EQ(devices->size(), 3U);
  EXPECT_EQ((*devices)[2].name, "sim:2");
  EXPECT_EQ((*devices)[2].kind, DeviceKind::Simulated);
  EXPECT_EQ((*devices)[0].budgetBytes, 77'000'000'000);
  EXPECT_EQ((*devices)[2].budgetBytes, 46'000'000'000);
  EXPECT_EQ((*parseDevices("sim:2xl40s", "3GiB"))[1].budgetBytes, std::int64_t{3} << 30);
  EXPECT_EQ((*parseDevices("sim:2xepyc-2core"))[1].threads, 2);
  const auto h100 = profileOf((*devices)[0]);
  const auto l40s = profileOf((*devices)[2]);
  ASSERT_TRUE(h100 && l40s);
  EXPECT_GT(h100->flopsPerSecond(DType::BFloat16, 64, DeviceProfile::Kernel::Convolution),
            2.0 * l40s->flopsPerSecond(DType::BFloat16, 64, DeviceProfile::Kernel::Convolution));
}

TEST(Devices, NotThereAreRefusedByNameCountAndCompany) {
  for (const char* names : {"sim:",
                            "sim:8",
                            "sim:x",
                            "sim:0xl40s",
                            "sim:65xl40s",
                            "sim:-1xl40s",
                            "sim:2xno-such-card",
                            "sim:2x../devices/l40s",
                            "sim:1xl40s,cpu"}) {
    const auto devices = parseDevices(names);
    ASSERT_FALSE(devices) << names;
    EXPECT_EQ(devices.error().code, ErrorCode::Usage) << names;
  }
  EXPECT_THAT(parseDevices("sim:2xno-such-card").error().message, HasSubstr("h100-nvlink"));
}

struct Timed {
  Graph graph = models::nnunetPlain({1, {32, 64}, 3});
  Program program = lowered(graph);
  Extent size{64, 64, 64};
  std::vector<Shape> shapes = *graph.shapes({1, 1, size});

  [[nodiscard]] TimeModel times(std::string_view devices) const {
    return *TimeModel::create(*parseDevices(devices), DType::Float32, graph, program, shapes);
  }

  [[nodiscard]] Plan plan(std::string_view devices, std::string words) const {
    PlanRequest request;
    request.input = {1, 1, size};
    request.devices = *parseDevices(devices);
    request.words = std::move(words);
    return *makePlan(graph, request);
  }
};

TEST(TimeModel, BoundIsAllWorkAtTheSpeedOfAllDevices) {
  const Timed one;
  const TimeModel single = one.times("sim:1xh100-nvlink");
  EXPECT_DOUBLE_EQ(single.boundSeconds(), single.aloneSeconds(0));
  EXPECT_NEAR(one.times("sim:4xh100-nvlink").boundSeconds(), single.boundSeconds() / 4, 1e-15);
  // A device that adds speed lowers the bound, by no more than its share.
  const TimeModel mixed = one.times("sim:1xh100-nvlink,sim:1xl40s");
  EXPECT_LT(mixed.boundSeconds(), single.boundSeconds());
  EXPECT_GT(mixed.boundSeconds(), single.boundSeconds() / 2);
}

TEST(TimeModel, AGpuOverlapsMemoryAndLaunchesWithItsWork) {
  const Timed one;
  const TimeModel gpu = one.times("sim:1xh100-nvlink");
  const DeviceProfile profile = *readDeviceProfile("h100-nvlink");
  for (StepId id = 0; id < static_cast<StepId>(one.program.steps.size()); ++id) {
    const StepWork& work = gpu.work(id);
    const auto rows = static_cast<double>(work.depth);
    const auto kernel = one.program.step(id).kind == Step::Kind::TransposedConv
                            ? DeviceProfile::Kernel::Transposed
                            : DeviceProfile::Kernel::Convolution;
    const double flops =
        rows * work.flopsPerRow / profile.flopsPerSecond(DType::Float32, work.channels, kernel);
    const double bytes =
        (rows * work.writtenPerRow + static_cast<double>(work.readDepth) * work.readPerRow) /
        profile.memoryBytesPerSecond;
    const double launches =
        static_cast<double>((work.depth + work.grid - 1) / work.grid) * profile.launchSeconds;
    EXPECT_DOUBLE_EQ(gpu.stepSeconds(0, id, {0, work.depth}),
                     std::max({flops, bytes, launches}) + profile.launchSeconds);
    EXPECT_EQ(gpu.stepSeconds(0, id, {3, 3}), 0.0);
  }
}

TEST(Simulator, HidesHalosBehindTheInteriorWhereLinksAreFast) {
  const Timed one;
  const Plan fast = one.plan("sim:2xh100-nvlink", "slabs");
  Plan slow = fast;
  for (DevicePlan& device : slow.devices) {
    device.device.profile = "rtx4090";
  }
  const auto run = [&](const Plan& plan) {
    std::vector<DeviceSpec> devices;
    for (const DevicePlan& device : plan.devices) {
      devices.push_back(device.device);
    }
    const TimeModel times =
        *TimeModel::create(devices, plan.dtype, one.graph, one.program, one.shapes);
    return simulate(plan, one.graph, one.program, times);
  };
  const Simulation quick = run(fast);
  const Simulation waiting = run(slow);
  for (const Simulation& sim : {quick, waiting}) {
    EXPECT_GE(sim.makespanSeconds, sim.boundSeconds);
    for (const DeviceTimeline& line : sim.devices) {
      double end = 0.0;
      for (const Span& span : line.spans) {
        EXPECT_GE(span.start, end);
        EXPECT_GE(span.end, span.start + span.computing);
        end = span.end;
      }
      EXPECT_LE(line.busySeconds, sim.makespanSeconds);
    }
  }
  EXPECT_GT(waiting.devices[0].rowWaitSeconds + waiting.devices[0].normWaitSeconds,
            quick.devices[0].rowWaitSeconds + quick.devices[0].normWaitSeconds);
  EXPECT_FALSE(waiting.criticalReason.empty());
}

TEST(Simulator, CopiesSpilledRowsBesideAGpusWorkAndInTurnOnACore) {
  const Timed one;
  for (const char* devices : {"sim:1xh100-nvlink", "sim:1xepyc-2core"}) {
    const Plan kept = one.plan(devices, "single");
    const Plan spilled = one.plan(devices, "single,spill");
    ASSERT_GT(spilled.hostPeakBytes, 0);
    const bool gpu = std::string_view(devices).find("h100") != std::string_view::npos;
    const TimeModel times = one.times(devices);
    // Out once, in for every reader.
    double bytes = 0.0;
    for (std::size_t n = 0; n < spilled.steps.size(); ++n) {
      double copies = spilled.steps[n].spilledRows.empty() ? 0.0 : 1.0;
      for (const Step& step : one.program.steps) {
        for (const ReadList& reads : step.reads) {
          copies += copies > 0.0 && std::any_of(reads.begin(), reads.end(), [&](const Part& part) {
                      return part.source == static_cast<StepId>(n);
                    });
        }
      }
      const StepWork& work = times.work(static_cast<StepId>(n));
      bytes += copies * static_cast<double>(work.depth) * work.writtenPerRow;
    }
    const double longer = spilled.makespanSeconds - kept.makespanSeconds;
    if (gpu) {
      EXPECT_GT(longer, 0.0);
      EXPECT_LT(longer, 0.95 * bytes / 50e9);
    } else {
      EXPECT_NEAR(longer, bytes / 10e9, 0.02 * bytes / 10e9);
    }
  }
}

}  // namespace
}  // namespace argand::engine
