// SPDX-License-Identifier: Apache-2.0
#include "core/infer/preprocess.h"

#include "core/volume/phantom.h"
#include "core/volume/segmentation.h"
#include "tests/core/infer/fake_models.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace argand::infer {

namespace {

ModelCard clippingCard() {
  ModelCard card = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
  card.inputs = {{Modality::Ct, "CT", Normalization::ClipAndScale, 0.0, 100.0}};
  card.axisCodes = "LPS";
  return card;
}

// Values that differ everywhere, no two voxels alike along any axis.
Volume numbered(const Geometry& geometry) {
  std::vector<float> voxels(static_cast<std::size_t>(geometry.size.voxels()));
  for (std::size_t n = 0; n < voxels.size(); ++n) {
    voxels[n] = static_cast<float>(std::sin(0.7 * static_cast<double>(n)) * 50.0);
  }
  return Volume::create(geometry, std::move(voxels)).value();
}

std::vector<float> inputOf(const Volume& volume, const ModelCard& card, std::int64_t alignment) {
  const auto grid = networkGrid(volume.geometry(),
                                volume.geometry().box(),
                                card,
                                engine::Extent{alignment, alignment, alignment})
                        .value();
  return networkInput({std::make_shared<const Volume>(volume)}, grid, card).value();
}

Geometry oblique(const Size3& size, const Vec3& spacing) {
  Geometry geometry = phantom::grid(size, spacing, "LPS");
  const double c = std::cos(0.3);
  const double s = std::sin(0.3);
  Affine turn;
  turn.linear = {{{c, -s, 0}, {s, c * c, -s * c}, {0, s, c}}};
  for (int axis = 0; axis < 3; ++axis) {
    geometry.lpsFromIndex.setColumn(
        axis, normalized(turn.applyLinear(geometry.direction(axis))) * spacing[axis]);
  }
  return geometry;
}

TEST(NetworkInput, ClipsAndScalesAndPadsWithZeros) {
  const Geometry geometry = phantom::grid({3, 2, 2}, {1, 1, 1}, "LPS");
  const Volume volume =
      Volume::create(geometry,
                     std::vector<std::int16_t>{-50, 0, 25, 50, 75, 100, 150, 1000, 10, 20, 30, 40})
          .value();
  const std::vector<float> input = inputOf(volume, clippingCard(), 4);
  ASSERT_EQ(input.size(), 64U);
  const std::vector<float> firstSlice{0.0F,
                                      0.0F,
                                      0.25F,
                                      0.0F,
                                      0.5F,
                                      0.75F,
                                      1.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F,
                                      0.0F};
  for (std::size_t n = 0; n < 16; ++n) {
    EXPECT_FLOAT_EQ(input[n], firstSlice[n]) << n;
  }
  EXPECT_FLOAT_EQ(input[16 + 0], 1.0F);
  EXPECT_FLOAT_EQ(input[16 + 4], 0.2F);
  EXPECT_EQ(std::count(input.begin() + 32, input.end(), 0.0F), 32);
}

TEST(NetworkInput, HasMeanZeroAndDeviationOneByItsOwnVoxels) {
  ModelCard card = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
  const std::vector<float> input =
      inputOf(numbered(phantom::grid({7, 5, 6}, {1, 1, 1}, "RAS")), card, 1);
  double sum = 0.0;
  double squares = 0.0;
  for (const float voxel : input) {
    sum += voxel;
    squares += static_cast<double>(voxel) * voxel;
  }
  const auto count = static_cast<double>(input.size());
  EXPECT_NEAR(sum / count, 0.0, 1e-6);
  EXPECT_NEAR(squares / count, 1.0, 1e-5);
}

TEST(NetworkInput, OfOneValueIsZero) {
  ModelCard card = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
  const Geometry geometry = phantom::grid({4, 4, 4}, {1, 1, 1}, "RAS");
  const Volume flat = Volume::create(geometry, std::vector<std::int16_t>(64, 700)).value();
  EXPECT_THAT(inputOf(flat, card, 1), ::testing::Each(0.0F));
}

TEST(NetworkInput, TakesWhatIsNoNumberAsBackground) {
  const Geometry geometry = phantom::grid({2, 1, 1}, {1, 1, 1}, "LPS");
  Volume volume =
      Volume::create(geometry, std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 50.0F})
          .value();
  volume.backgroundValue = 20.0;
  EXPECT_THAT(inputOf(volume, clippingCard(), 1), ::testing::ElementsAre(0.2F, 0.5F));
}

TEST(NetworkInput, IsTheSameArrayForAll48AxisOrders) {
  for (const bool respaces : {false, true}) {
    ModelCard card = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
    card.spacingMm = respaces ? Vec3{1.3, 0.9, 1.1} : Vec3{0.8, 1.0, 1.25};
    const Volume volume = numbered(oblique({9, 7, 6}, {0.8, 1.0, 1.25}));
    const std::vector<float> expected = inputOf(volume, card, 4);
    for (const AxisOrder& order : test::allAxisOrders()) {
      EXPECT_EQ(inputOf(reordered(volume, order), card, 4), expected);
    }
  }
}

TEST(NetworkInput, OfARampKeepsItsSlopeInMillimetres) {
  ModelCard card = clippingCard();
  card.spacingMm = {1.0, 1.0, 1.0};
  const Geometry geometry = phantom::grid({12, 10, 8}, {2.0, 1.5, 1.0}, "LPS");
  std::vector<float> voxels;
  for (std::int64_t k = 0; k < 8; ++k) {
    for (std::int64_t j = 0; j < 10; ++j) {
      for (std::int64_t i = 0; i < 12; ++i) {
        const Vec3 at = geometry.lpsFromIndex.apply(
            {static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        voxels.push_back(static_cast<float>(50.0 + at.x + 0.5 * at.y - at.z));
      }
    }
  }
  const Volume volume = Volume::create(geometry, voxels).value();
  const auto grid = networkGrid(geometry, geometry.box(), card, engine::Extent{1, 1, 1}).value();
  EXPECT_EQ(grid.size, (Size3{24, 15, 8}));
  EXPECT_EQ(grid.padded, (engine::Extent{8, 15, 24}));
  const auto input = networkInput({std::make_shared<const Volume>(volume)}, grid, card).value();
  for (std::int64_t j = 1; j < 14; ++j) {
    for (std::int64_t i = 1; i < 23; ++i) {
      const Vec3 at =
          grid.geometry.lpsFromIndex.apply({static_cast<double>(i), static_cast<double>(j), 3.0});
      EXPECT_NEAR(input[static_cast<std::size_t>((3 * 15 + j) * 24 + i)],
                  (50.0 + at.x + 0.5 * at.y - at.z) / 100.0,
                  1e-5);
    }
  }
}

TEST(NetworkInput, OfARegionIsNormalisedByTheRegionAlone) {
  ModelCard card = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
  const Volume volume = numbered(phantom::grid({12, 11, 10}, {1, 1, 1}, "RAS"));
  const Box box{{2, 3, 4}, {9, 8, 9}};
  const engine::Extent one{1, 1, 1};
  const auto grid = networkGrid(volume.geometry(), box, card, one).value();
  EXPECT_EQ(networkInput({std::make_shared<const Volume>(volume)}, grid, card).value(),
            inputOf(cropped(volume, box), card, 1));
}

TEST(NetworkInput, ResamplesFurtherChannelsToTheFirst) {
  ModelCard card = clippingCard();
  card.inputs.push_back(card.inputs.front());
  const auto first = std::make_shared<const Volume>(
      Volume::create(phantom::grid({4, 4, 4}, {2, 2, 2}, "LPS"), std::vector<float>(64, 10.0F))
          .value());
  const auto second = std::make_shared<const Volume>(
      Volume::create(phantom::grid({8, 8, 8}, {1, 1, 1}, "RAI"), std::vector<float>(512, 40.0F))
          .value());
  const auto grid =
      networkGrid(first->geometry(), first->geometry().box(), card, engine::Extent{1, 1, 1})
          .value();
  const auto input = networkInput({first, second}, grid, card).value();
  ASSERT_EQ(input.size(), 2U * static_cast<std::size_t>(grid.size.voxels()));
  EXPECT_FLOAT_EQ(input.front(), 0.1F);
  EXPECT_FLOAT_EQ(input.back(), 0.4F);
}

}  // namespace

}  // namespace argand::infer
