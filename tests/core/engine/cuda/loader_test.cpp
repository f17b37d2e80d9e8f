// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::engine {
namespace {

using testing::HasSubstr;

// A library that is on every machine stands for the driver.
CudaPlugin plugin(const char* library) {
  return CudaPlugin{"libc.so.6", library};
}

TEST(CudaLoader, SaysThatThereIsNoDriver) {
  const auto devices = cudaDevices({"libno-such-driver.so.1", ARGAND_FAKE_PLUGIN});
  ASSERT_FALSE(devices);
  EXPECT_EQ(devices.error().code, ErrorCode::NoPlan);
  EXPECT_THAT(devices.error().message, HasSubstr("no NVIDIA driver"));
}

TEST(CudaLoader, SaysThatThePluginIsMissing) {
  const auto devices = cudaDevices(plugin("libargand_no_such_plugin.so"));
  ASSERT_FALSE(devices);
  EXPECT_THAT(devices.error().message, HasSubstr("libargand_no_such_plugin.so"));
}

TEST(CudaLoader, RefusesAPluginOfAnotherVersion) {
  const auto devices = cudaDevices(plugin(ARGAND_FOREIGN_PLUGIN));
  ASSERT_FALSE(devices);
  EXPECT_THAT(devices.error().message, HasSubstr("another version"));
}

TEST(CudaLoader, PassesTheDriversReasonOn) {
  const auto devices = cudaDevices(plugin(ARGAND_FAILING_PLUGIN));
  ASSERT_FALSE(devices);
  EXPECT_THAT(devices.error().message, HasSubstr("driver and runtime differ"));
}

TEST(CudaLoader, ListsTheDevicesInTheDriversOrder) {
  const auto devices = cudaDevices(plugin(ARGAND_FAKE_PLUGIN));
  ASSERT_TRUE(devices) << devices.error().message;
  ASSERT_EQ(devices->size(), 3U);
  EXPECT_EQ(devices->front().name, "Fake 80GB");
  EXPECT_EQ(devices->front().memoryBytes, std::int64_t{80} << 30);
  EXPECT_EQ(devices->front().freeBytes, std::int64_t{64} << 30);
  EXPECT_EQ(devices->front().computeMajor, 9);
  EXPECT_TRUE(devices->front().problem.empty());
  EXPECT_EQ(devices->back().problem, "no kernel image");
}

// The real plugin by its bare name: it lies in the run path of every program, so
// wherever it was built it loads; without a GPU it reports none or the reason.
TEST(CudaLoader, FindsTheRealPluginAlongTheRunPath) {
#ifdef ARGAND_HAS_CUDA
  const auto devices = cudaDevices({"libc.so.6"});
  if (!devices) {
    EXPECT_THAT(devices.error().message, HasSubstr("NVIDIA driver"));
  }
#else
  GTEST_SKIP() << "This build has no CUDA compiler, so no plugin.";
#endif
}

}  // namespace
}  // namespace argand::engine
