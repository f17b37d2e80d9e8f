// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/run_length.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace argand::dicom {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A fragment of the given segments, with the header of PS3.5 G.5.
Bytes fragmentOf(const std::vector<Bytes>& segments) {
  Bytes fragment(64);
  fragment[0] = static_cast<std::uint8_t>(segments.size());
  for (std::size_t n = 0; n < segments.size(); ++n) {
    fragment[4 + 4 * n] = static_cast<std::uint8_t>(fragment.size());
    fragment.insert(fragment.end(), segments[n].begin(), segments[n].end());
  }
  return fragment;
}

TEST(RunLength, DecodesLiteralsRunsAndPadding) {
  // Most significant bytes: a run of four 1; least: literals 5 6, no operation, a run of two 7.
  const Bytes fragment = fragmentOf({{0xfd, 1}, {1, 5, 6, 0x80, 0xff, 7, 0}});
  const auto words = decodedRunLength(fragment, 4, 2);
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_THAT(*words, ::testing::ElementsAre(5, 1, 6, 1, 7, 1, 7, 1));
}

TEST(RunLength, RefusesStreamsThatEndEarlyOrPointElsewhere) {
  const Bytes good = fragmentOf({{0xfd, 1}, {3, 5, 6, 7, 8}});
  ASSERT_TRUE(decodedRunLength(good, 4, 2));
  EXPECT_FALSE(decodedRunLength(good, 4, 1));
  EXPECT_FALSE(decodedRunLength(good, 5, 2));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(decodedRunLength(std::span(good).first(length), 4, 2)) << length;
  }
  EXPECT_FALSE(decodedRunLength(good, 0, 2));
  EXPECT_FALSE(decodedRunLength(good, std::size_t{1} << 60, 2)) << "not even allocated";
  std::mt19937 random(1);
  for (int n = 0; n < 20000; ++n) {
    Bytes bad = good;
    bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
    const auto words = decodedRunLength(bad, 4, 2);
    EXPECT_TRUE(!words || words->size() == 8);
  }
}

}  // namespace
}  // namespace argand::dicom
