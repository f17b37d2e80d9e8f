// SPDX-License-Identifier: Apache-2.0
#include "viz/volume_scene.h"

#include "core/volume/phantom.h"
#include "viz/offscreen.h"

#include <gtest/gtest.h>

#include <array>

namespace argand::viz {
namespace {

constexpr int kSide = 300;

// A picture's pixels of one strong colour: their number and middle.
struct Patch {
  int count = 0;
  double x = 0.0;
  double y = 0.0;
};

Patch patchOf(const SliceImage& image, std::uint32_t strongShift) {
  Patch patch;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const std::uint32_t pixel = image.at(x, y);
      const auto channel = [&](std::uint32_t shift) {
        return static_cast<int>((pixel >> shift) & 0xffU);
      };
      int others = 0;
      for (const std::uint32_t shift : {0U, 8U, 16U}) {
        others += shift == strongShift ? 0 : channel(shift);
      }
      if (channel(strongShift) > 60 && channel(strongShift) > others) {
        ++patch.count;
        patch.x += x;
        patch.y += y;
      }
    }
  }
  if (patch.count > 0) {
    patch.x /= patch.count;
    patch.y /= patch.count;
  }
  return patch;
}

// A red ball to the patient's left near the head, a green one to the right near the feet.
class VolumeSceneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Geometry grid = phantom::grid({50, 50, 50}, {2, 2, 2}, "RAS");
    const std::vector<phantom::Shape> shapes{phantom::sphere("LeftHead", {28, 0, 28}, 14),
                                             phantom::sphere("RightFeet", {-28, 0, -28}, 14)};
    m_segmentation = phantom::rasterized(grid, shapes);
    m_scene.setVolume(
        std::make_shared<const Volume>(phantom::image(grid, shapes, {900.0, 900.0}, -1000.0)));
    const std::array<Color, 2> colors{{{255, 0, 0}, {0, 255, 0}}};
    for (std::size_t n = 0; n < 2; ++n) {
      const StructureId id = m_segmentation.structures()[n].id;
      m_scene.setSurface(id, *surfaceOf(m_segmentation, id));
      m_scene.setAppearance(id, colors[n], true);
    }
  }

  Segmentation m_segmentation;
  VolumeScene m_scene;
};

TEST_F(VolumeSceneTest, StartsFromTheFrontWithTheHeadUpAndLeftOnTheRight) {
  const SliceImage image = rendered(m_scene, kSide, kSide);
  const Patch red = patchOf(image, 16);
  const Patch green = patchOf(image, 8);
  ASSERT_GT(red.count, 500);
  ASSERT_GT(green.count, 500);
  EXPECT_GT(red.x, kSide / 2 + 20);
  EXPECT_LT(red.y, kSide / 2 - 20);
  EXPECT_LT(green.x, kSide / 2 - 20);
  EXPECT_GT(green.y, kSide / 2 + 20);
}

TEST_F(VolumeSceneTest, TurnsLeftAndRightRoundWhenSeenFromBehind) {
  m_scene.lookFrom(ViewDirection::Posterior);
  const Patch red = patchOf(rendered(m_scene, kSide, kSide), 16);
  EXPECT_LT(red.x, kSide / 2 - 20);
  EXPECT_LT(red.y, kSide / 2 - 20);
}

TEST_F(VolumeSceneTest, FollowsTheHandWhenTurnedAndMoved) {
  const Patch before = patchOf(rendered(m_scene, kSide, kSide), 16);
  m_scene.pan(30, 12);
  const Patch moved = patchOf(rendered(m_scene, kSide, kSide), 16);
  EXPECT_EQ(m_scene.surfaceCount(), 2U);
  EXPECT_GT(moved.count, before.count / 2);
  EXPECT_NEAR(moved.x - before.x, 30, 3);
  EXPECT_NEAR(moved.y - before.y, 12, 3);
  m_scene.resetCamera();
  m_scene.setMoving(true);
  m_scene.rotate(40, 0);
  const Patch coarse = patchOf(rendered(m_scene, kSide, kSide), 16);
  EXPECT_GT(coarse.count, before.count / 2);
  m_scene.setMoving(false);
}

TEST_F(VolumeSceneTest, HidesAndRemovesStructures) {
  m_scene.setAppearance(m_segmentation.structures()[0].id, {255, 0, 0}, false);
  EXPECT_LT(patchOf(rendered(m_scene, kSide, kSide), 16).count, 40);
  m_scene.removeSurface(m_segmentation.structures()[1].id);
  EXPECT_LT(patchOf(rendered(m_scene, kSide, kSide), 8).count, 40);
  EXPECT_EQ(m_scene.surfaceCount(), 1U);
}

TEST_F(VolumeSceneTest, CastsTheImageItselfWithAPreset) {
  m_scene.removeSurfaces();
  const SliceImage empty = rendered(m_scene, kSide, kSide);
  m_scene.setVolumePreset(VolumePreset::Bone);
  const SliceImage cast = rendered(m_scene, kSide, kSide);
  // The balls are at the same places, drawn from the image.
  const auto brightness = [](const SliceImage& image, int x, int y) {
    return (image.at(x, y) >> 16U) & 0xffU;
  };
  int brighter = 0;
  double x = 0.0;
  for (int row = 0; row < kSide / 2; ++row) {
    for (int column = 0; column < kSide; ++column) {
      if (brightness(cast, column, row) > brightness(empty, column, row) + 30) {
        ++brighter;
        x += column;
      }
    }
  }
  ASSERT_GT(brighter, 500);
  EXPECT_GT(x / brighter, kSide / 2 + 20);
}

}  // namespace
}  // namespace argand::viz
