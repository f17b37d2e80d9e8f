// SPDX-License-Identifier: Apache-2.0
#include "core/train/augment.h"

#include <gmock/gmock.h>

#include <cmath>

namespace argand::train {

namespace {

constexpr Size3 kSize{7, 6, 5};

std::vector<float> ramp() {
  std::vector<float> image;
  for (std::int64_t k = 0; k < kSize.k; ++k) {
    for (std::int64_t j = 0; j < kSize.j; ++j) {
      for (std::int64_t i = 0; i < kSize.i; ++i) {
        image.push_back(static_cast<float>(i + 10 * j + 100 * k));
      }
    }
  }
  return image;
}

std::vector<LabelValue> labelsOf(const std::vector<float>& image) {
  return {image.begin(), image.end()};
}

TEST(Transformed, LeavesAllAsItIsUnderTheIdentity) {
  const auto image = ramp();
  const Sample same = transformed(image, labelsOf(image), kSize, Affine{});
  EXPECT_EQ(same.image, image);
  EXPECT_EQ(same.labels, labelsOf(image));
}

TEST(Transformed, FollowsARampExactlyInsideTheField) {
  const auto image = ramp();
  Affine affine;
  affine.linear = {{{0.9, 0.1, 0.0}, {-0.1, 0.8, 0.05}, {0.0, -0.05, 0.7}}};
  affine.offset = {0.3137, 0.6171, 0.7113};
  const Sample moved = transformed(image, labelsOf(image), kSize, affine);
  std::size_t n = 0;
  int inside = 0;
  for (std::int64_t k = 0; k < kSize.k; ++k) {
    for (std::int64_t j = 0; j < kSize.j; ++j) {
      for (std::int64_t i = 0; i < kSize.i; ++i, ++n) {
        const Vec3 at =
            affine.apply({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        if (at.x < 0 || at.y < 0 || at.z < 0 || at.x > 6 || at.y > 5 || at.z > 4) {
          continue;
        }
        ++inside;
        EXPECT_NEAR(moved.image[n], at.x + 10 * at.y + 100 * at.z, 1e-3);
        EXPECT_EQ(
            moved.labels[n],
            std::floor(at.x + 0.5) + 10 * std::floor(at.y + 0.5) + 100 * std::floor(at.z + 0.5));
      }
    }
  }
  EXPECT_GT(inside, 100);
}

TEST(Transformed, HasTheEdgesValueAndNoLabelOutsideTheField) {
  const std::vector<float> image(static_cast<std::size_t>(kSize.voxels()), 4.0F);
  Affine away;
  away.offset = {100.0, 0.0, 0.0};
  const Sample sample = transformed(image, labelsOf(image), kSize, away);
  EXPECT_THAT(sample.image, ::testing::Each(4.0F));
  EXPECT_THAT(sample.labels, ::testing::Each(0));
}

TEST(RandomAffine, StaysWithinItsRangesAndMirrorsHalfOfThem) {
  CounterRandom random{1, 2, 3};
  int mirrored = 0;
  for (int n = 0; n < 400; ++n) {
    const Affine affine = randomAffine({40, 50, 36}, {1, 1, 1}, 0, random);
    const double determinant = affine.determinant();
    mirrored += determinant < 0.0 ? 1 : 0;
    EXPECT_GT(std::abs(determinant), std::exp(-0.8));
    EXPECT_LT(std::abs(determinant), std::exp(0.8));
    const Vec3 middle{19.5, 24.5, 17.5};
    const Vec3 moved = affine.apply(middle) - middle;
    EXPECT_LE(std::abs(moved.x), 2.0 + 1e-9);
    EXPECT_LE(std::abs(moved.y), 2.5 + 1e-9);
    EXPECT_LE(std::abs(moved.z), 1.8 + 1e-9);
  }
  EXPECT_NEAR(mirrored, 200, 50);
  EXPECT_GT(randomAffine({40, 50, 36}, {1, 1, 1}, std::nullopt, random).determinant(), 0.0);
}

TEST(CounterRandom, GivesTheNumbersOfItsKeyAndNoOthers) {
  CounterRandom a{1, 2, 3};
  CounterRandom b{1, 2, 3};
  CounterRandom c{1, 3, 2};
  double mean = 0.0;
  double squares = 0.0;
  for (int n = 0; n < 10000; ++n) {
    const double x = a.normal();
    EXPECT_EQ(x, b.normal());
    mean += x / 10000.0;
    squares += x * x / 10000.0;
  }
  EXPECT_NEAR(mean, 0.0, 0.04);
  EXPECT_NEAR(squares, 1.0, 0.06);
  EXPECT_NE(a.next(), c.next());
}

TEST(ChangeIntensities, KeepsTheOrderOfValuesWhereThereIsNoNoise) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<float> image;
    for (int n = 0; n < 100; ++n) {
      image.push_back(static_cast<float>(n) / 25.0F - 2.0F);
    }
    CounterRandom random{seed};
    changeIntensities(image, random);
    EXPECT_THAT(image,
                ::testing::Each(::testing::AllOf(::testing::Gt(-6.0F), ::testing::Lt(6.0F))));
    EXPECT_LT(image.front(), image.back());
  }
}

}  // namespace

}  // namespace argand::train
