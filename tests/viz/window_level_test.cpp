// SPDX-License-Identifier: Apache-2.0
#include "viz/window_level.h"

#include <gtest/gtest.h>

#include <limits>

namespace argand::viz {
namespace {

TEST(WindowLevel, WidensToTheRightAndBrightensUpwards) {
  const WindowLevel start{400, 40, "Abdomen"};
  EXPECT_GT(dragged(start, 50, 0).width, 400);
  EXPECT_LT(dragged(start, -50, 0).width, 400);
  EXPECT_LT(dragged(start, 0, -50).level, 40);  // up: a lower level is brighter
  EXPECT_GT(dragged(start, 0, 50).level, 40);
  EXPECT_LT(dragged(start, 50, 0, true).width, 400);
  EXPECT_GT(dragged(start, 0, -50, true).level, 40);
  EXPECT_TRUE(dragged(start, 1, 1).name.empty());
}

TEST(WindowLevel, MovesInProportionToTheWidthAndNeverReachesZero) {
  const double wide = dragged({4000, 0, {}}, 30, 30).width / 4000;
  const double narrow = dragged({0.4, 0, {}}, 30, 30).width / 0.4;
  EXPECT_NEAR(wide, narrow, 1e-12);
  EXPECT_NEAR(
      dragged({4000, 0, {}}, 0, 30).level / 4000, dragged({0.4, 0, {}}, 0, 30).level / 0.4, 1e-12);
  EXPECT_GT(dragged({400, 0, {}}, -5000, 0).width, 0.0);
}

// PS3.3 C.11.2.1.2.1: below c - 0.5 - (w-1)/2 black, above c - 0.5 + (w-1)/2 white.
TEST(WindowLevel, FollowsTheStandardsLinearFunctionForWholeNumbers) {
  const auto table = greyTable({4096, 2048, {}}, 0, 4096);
  EXPECT_EQ(table.front(), 0);
  EXPECT_EQ(table.back(), 255);
  EXPECT_EQ(table[2047], 127);
  const auto narrow = greyTable({1, 100, {}}, 98, 4);
  EXPECT_EQ(narrow[1], 0);    // 99
  EXPECT_EQ(narrow[2], 255);  // 100
}

TEST(WindowLevel, GivesRealNumbersTheExactFunction) {
  const WindowLevel window{2.0, 1.0, {}};
  EXPECT_EQ(greyOf(window, -0.1), 0);
  EXPECT_EQ(greyOf(window, 1.0), 128);
  EXPECT_EQ(greyOf(window, 2.5), 255);
  EXPECT_EQ(greyOf(window, std::numeric_limits<double>::quiet_NaN()), 0);
}

}  // namespace
}  // namespace argand::viz
