// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/device_team.h"

#include "core/engine/run/ledger.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <thread>

namespace argand::engine {
namespace {

TEST(DeviceTeam, EachDeviceHasItsThreadItsNumberOfThreadsAndItsLedger) {
  Ledger first("first", 1 << 20);
  Ledger second("second", 1 << 20);
  DeviceTeam team({{3, 1, &first}, {5, 2, &second}}, {});
  std::vector<std::thread::id> threads(2);
  std::vector<int> numbers(2);
  const LedgerScope scope(first);
  for (int round = 0; round < 3; ++round) {
    const c10::AutoGradMode mode(round == 1);
    team.each({3, 5}, [&](std::size_t n) {
      EXPECT_TRUE(round == 0 || threads[n] == std::this_thread::get_id());
      EXPECT_EQ(c10::GradMode::is_enabled(), round == 1);
      threads[n] = std::this_thread::get_id();
      numbers[n] = at::get_num_threads();
      (void)at::empty({n == 0 ? 1000 : 4000}, at::kFloat);
    });
  }
  EXPECT_EQ(threads[0], std::this_thread::get_id());
  EXPECT_NE(threads[1], threads[0]);
  EXPECT_EQ(numbers[1], 2);
  EXPECT_LT(first.peakBytes(), 5000);
  EXPECT_GT(second.peakBytes(), 15000);
  std::set<std::thread::id> others;
  team.each({5}, [&](std::size_t) { others.insert(std::this_thread::get_id()); });
  EXPECT_EQ(others, std::set<std::thread::id>{threads[1]});
}

TEST(DeviceTeam, ThrowsWhatADeviceThrowsOnceAllAreDone) {
  std::stop_source stop;
  DeviceTeam team({{0, 1, nullptr}, {1, 1, nullptr}, {2, 1, nullptr}}, stop.get_token());
  for (const std::size_t fails : {0, 1, 2}) {
    std::atomic<int> ran = 0;
    EXPECT_THROW(team.each({0, 1, 2},
                           [&](std::size_t n) {
                             ++ran;
                             if (n == fails) {
                               throw std::out_of_range("on purpose");
                             }
                           }),
                 std::out_of_range);
    EXPECT_EQ(ran, 3);
  }
  int ran = 0;
  team.each({0}, [&](std::size_t) { ++ran; });
  stop.request_stop();
  EXPECT_THROW(team.each({0}, [&](std::size_t) { ++ran; }), std::runtime_error);
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace argand::engine
