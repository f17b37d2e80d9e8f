// SPDX-License-Identifier: Apache-2.0
#include "core/base/result.h"

#include "core/base/assert.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace argand {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) {
    return fail(ErrorCode::InputRefused, fmt::format("{} is odd.", n));
  }
  return n / 2;
}

Result<int> quarter(int n) {
  ARGAND_ASSIGN(const int halved, half(n));
  return half(halved);
}

Result<void> divisible(int n) {
  ARGAND_TRY(quarter(n));
  return {};
}

TEST(Result, PassesValuesAndErrorsOn) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd.");
  EXPECT_FALSE(divisible(6));
  EXPECT_TRUE(divisible(4));
}

TEST(Result, TurnsWhatALibraryThrowsIntoASentence) {
  const auto thrown = guarded(ErrorCode::InputRefused, "reading x.nii", []() -> int {
    throw std::runtime_error("bad header");
  });
  EXPECT_EQ(thrown.error().message, "A failure while reading x.nii: bad header");
  EXPECT_TRUE(guarded(ErrorCode::Internal, "nothing", [] {}));
  EXPECT_EQ(guarded(ErrorCode::Internal, "halving", [] { return half(4); }).value(), 2);
}

TEST(Result, MapsEachFailureToItsExitStatus) {
  EXPECT_EQ(exitStatus(ErrorCode::Internal), 1);
  EXPECT_EQ(exitStatus(ErrorCode::Usage), 2);
  EXPECT_EQ(exitStatus(ErrorCode::InputRefused), 3);
  EXPECT_EQ(exitStatus(ErrorCode::NoPlan), 4);
  EXPECT_EQ(exitStatus(ErrorCode::Cancelled), 5);
}

TEST(Assert, ThrowsALogicErrorThatNamesTheCondition) {
  EXPECT_THROW(ARGAND_ASSERT(1 == 2), std::logic_error);
}

}  // namespace
}  // namespace argand
