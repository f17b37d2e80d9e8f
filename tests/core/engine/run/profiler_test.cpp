// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/profiler.h"

#include "core/engine/plan/planner.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace argand::engine {
namespace {

TEST(Profiler, TimesTheProcessorAndPlansAreMadeWithWhatItFound) {
  const std::filesystem::path cache =
      std::filesystem::path(::testing::TempDir()) / "argand_profiler_test";
  std::filesystem::remove_all(cache);
  ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  EXPECT_EQ((*parseDevices("cpu"))[0].profile, "");
  const auto measured = measureProcessor();
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_GT(measured->memoryBytesPerSecond, 1e8);
  for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float64}) {
    const ThroughputCurve& curve = measured->convolution.at(dtype);
    ASSERT_GE(curve.size(), 2U);
    for (const auto& [channels, speed] : curve) {
      EXPECT_GT(speed, 1e7) << channels;
      EXPECT_LT(speed, 1e13) << channels;
    }
  }
  // Sixteen channels fill the vectors that one leaves empty.
  EXPECT_GT(measured->flopsPerSecond(DType::Float32, 16, DeviceProfile::Kernel::Convolution),
            measured->flopsPerSecond(DType::Float32, 1, DeviceProfile::Kernel::Convolution));
  const auto done = profileProcessor();
  ASSERT_TRUE(done) << done.error().message;
  const auto devices = parseDevices("cpu:0,cpu:1");
  ASSERT_TRUE(devices);
  EXPECT_EQ((*devices)[1].profile, kMeasuredProfile);
  const auto read = profileOf((*devices)[1]);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, kMeasuredProfile);
  EXPECT_NE(read->source.find("Measured"), std::string::npos);
  std::filesystem::remove_all(cache);
  ::unsetenv("XDG_CACHE_HOME");
}

TEST(Profiler, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const auto stopped = measureProcessor(source.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace argand::engine
