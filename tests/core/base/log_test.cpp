// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"

#include <gtest/gtest.h>

#include <vector>

namespace argand {
namespace {

TEST(Log, SendsEachSinkTheLevelsItAskedFor) {
  std::vector<std::string> all;
  std::vector<std::string> warnings;
  log::clearSinks();
  log::addSink(log::Level::Debug, [&](log::Level, std::string_view m) { all.emplace_back(m); });
  log::addSink(log::Level::Warning,
               [&](log::Level, std::string_view m) { warnings.emplace_back(m); });
  log::info("Reading {} slices.", 3);
  log::warning("Slice {} is missing.", 2);
  log::clearSinks();
  log::error("Nobody listens.");
  EXPECT_EQ(all, (std::vector<std::string>{"Reading 3 slices.", "Slice 2 is missing."}));
  EXPECT_EQ(warnings, (std::vector<std::string>{"Slice 2 is missing."}));
}

TEST(Log, ShortensUidsTheSameWayEachTime) {
  EXPECT_EQ(log::shortUid("1.2.840.1"), log::shortUid("1.2.840.1"));
  EXPECT_NE(log::shortUid("1.2.840.1"), log::shortUid("1.2.840.2"));
  EXPECT_EQ(log::shortUid("1.2.840.1").size(), 8U);
}

}  // namespace
}  // namespace argand
