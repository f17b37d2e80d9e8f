// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/winograd.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace argand::engine::kernels {
namespace {

struct Case {
  std::int64_t in;
  std::int64_t out;
  std::int64_t height;
  std::int64_t width;
  std::int64_t padding;
  std::int64_t depthTaps;
};

std::vector<float> normal(std::int64_t count, unsigned seed, float scale) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0.0F, scale);
  std::vector<float> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return distribution(random); });
  return values;
}

// The sum itself, in double.
double convolved(const Case& c,
                 const std::vector<float>& weight,
                 const std::vector<float>& input,
                 std::int64_t d,
                 std::int64_t h,
                 std::int64_t w,
                 std::int64_t out) {
  double sum = 0.0;
  for (std::int64_t kd = 0; kd < c.depthTaps; ++kd) {
    for (std::int64_t kh = 0; kh < 3; ++kh) {
      for (std::int64_t kw = 0; kw < 3; ++kw) {
        const std::int64_t ih = h - c.padding + kh;
        const std::int64_t iw = w - c.padding + kw;
        if (ih < 0 || iw < 0 || ih >= c.height || iw >= c.width) {
          continue;
        }
        for (std::int64_t n = 0; n < c.in; ++n) {
          const std::int64_t voxel = ((d + kd) * c.height + ih) * c.width + iw;
          const std::int64_t tap = ((out * c.in + n) * c.depthTaps + kd) * 9 + kh * 3 + kw;
          sum += static_cast<double>(input[static_cast<std::size_t>(voxel * c.in + n)]) *
                 static_cast<double>(weight[static_cast<std::size_t>(tap)]);
        }
      }
    }
  }
  return sum;
}

class Winograd : public testing::TestWithParam<Case> {};

TEST_P(Winograd, IsTheSumWhereverATileFallsOffThePlane) {
  const Case c = GetParam();
  constexpr std::int64_t kRows = 4;
  WinogradConv op;
  op.depthTaps = c.depthTaps;
  op.inChannels = c.in;
  op.outChannels = c.out;
  op.paddingH = op.paddingW = c.padding;
  op.inSize = {0, c.height, c.width};
  op.outSize = {0, c.height + 2 * c.padding - 2, c.width + 2 * c.padding - 2};
  const auto weight = normal(c.out * c.in * c.depthTaps * 9, 1, 0.1F);
  const auto bias = normal(c.out, 2, 1.0F);
  const auto input = normal((kRows + c.depthTaps - 1) * c.height * c.width * c.in, 3, 1.0F);
  std::vector<float> packed(static_cast<std::size_t>(winogradElements(c.depthTaps, c.in, c.out)));
  packWinograd(weight.data(), c.depthTaps, c.in, c.out, packed.data());
  op.packed = packed.data();
  op.bias = bias.data();
  const std::int64_t plane = op.outSize.h * op.outSize.w * c.out;
  const auto computed = [&](std::int64_t first, std::int64_t rows) {
    // What is not written, and scratch that is not, shows.
    std::vector<float> scratch(static_cast<std::size_t>(winogradScratch(c.depthTaps, c.in, c.out)),
                               std::nanf(""));
    std::vector<float> to(static_cast<std::size_t>(rows * plane), std::nanf(""));
    for (std::int64_t band = 0; band < winogradBands(op); ++band) {
      winogradBand(op,
                   input.data() + first * c.height * c.width * c.in,
                   rows,
                   band,
                   scratch.data(),
                   to.data());
    }
    return to;
  };
  const std::vector<float> whole = computed(0, kRows);
  double worst = 0.0;
  double largest = 0.0;
  for (std::int64_t n = 0; n < kRows * plane; ++n) {
    const std::int64_t voxel = n / c.out;
    const double truth = convolved(c,
                                   weight,
                                   input,
                                   voxel / (op.outSize.h * op.outSize.w),
                                   voxel / op.outSize.w % op.outSize.h,
                                   voxel % op.outSize.w,
                                   n % c.out) +
                         static_cast<double>(bias[static_cast<std::size_t>(n % c.out)]);
    const double error = std::abs(static_cast<double>(whole[static_cast<std::size_t>(n)]) - truth);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    largest = std::max(largest, std::abs(truth));
  }
  EXPECT_LT(worst / largest, 4e-6);

  // A row's bits do not depend on the rows that are computed with it.
  for (std::int64_t row = 0; row < kRows; ++row) {
    const std::vector<float> alone = computed(row, 1);
    EXPECT_TRUE(std::equal(
        alone.begin(), alone.end(), whole.begin() + static_cast<std::ptrdiff_t>(row * plane)))
        << fmt::format("row {}", row);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         Winograd,
                         testing::Values(Case{16, 16, 9, 12, 1, 3},
                                         Case{32, 16, 7, 35, 1, 3},
                                         Case{16, 32, 13, 130, 0, 1},
                                         Case{48, 64, 10, 9, 1, 3},
                                         Case{16, 16, 6, 300, 1, 3},
                                         Case{64, 128, 5, 6, 2, 2},
                                         Case{128, 48, 3, 3, 0, 3}));

}  // namespace
}  // namespace argand::engine::kernels
