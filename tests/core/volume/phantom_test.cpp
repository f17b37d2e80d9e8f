// SPDX-License-Identifier: Apache-2.0
#include "core/volume/phantom.h"

#include "tests/support/grids.h"

#include <gtest/gtest.h>

#include <numbers>

namespace argand {
namespace {

std::vector<phantom::Shape> allShapes() {
  return {phantom::sphere("Sphere", {2.3, -1.1, 0.7}, 17.0),
          phantom::ellipsoid("Ellipsoid", {-3.2, 2.4, 1.9}, {11.0, 16.0, 20.0}),
          phantom::box("Box", {1.4, -2.7, 3.1}, {21.3, 18.7, 25.9}),
          phantom::tube("Tube", {-9.0, -8.0, -12.0}, {10.0, 9.0, 11.0}, 8.0),
          phantom::shell("Shell", {0.9, 1.8, -2.2}, 19.0, 12.0)};
}

// Relative error of the volume and distance of the centroid, worst over oblique grids.
std::pair<double, double> errorsAt(const phantom::Shape& shape, double spacingMm) {
  const auto side = static_cast<std::int64_t>(64.0 / spacingMm);
  double volume = 0.0;
  double centroid = 0.0;
  for (const double degrees : {0.0, 13.0, 29.0}) {
    const Geometry geometry = test::oblique(
        phantom::grid({side, side, side}, {spacingMm, spacingMm, spacingMm}), degrees);
    const Segmentation segmentation = phantom::rasterized(geometry, {shape});
    volume = std::max(volume, std::abs(segmentation.volumeMl(1) / shape.volumeMl - 1.0));
    centroid = std::max(centroid, length(*segmentation.centroidMm(1) - shape.centroidMm));
  }
  return {volume, centroid};
}

TEST(Phantom, MeetsClosedFormVolumesAndCentroidsAsVoxelsShrink) {
  for (const phantom::Shape& shape : allShapes()) {
    const auto coarse = errorsAt(shape, 2.0);
    const auto fine = errorsAt(shape, 0.8);
    EXPECT_LT(coarse.first, 0.06) << shape.name;
    EXPECT_LT(fine.first, 0.02) << shape.name;
    EXPECT_LT(coarse.second, 0.35 * 2.0) << shape.name;
    EXPECT_LT(fine.second, 0.35 * 0.8) << shape.name;
  }
  EXPECT_NEAR(allShapes()[0].volumeMl, 4.0 / 3.0 * std::numbers::pi * 4.913, 1e-9);
  EXPECT_NEAR(allShapes()[2].volumeMl, 21.3 * 18.7 * 25.9 / 1000.0, 1e-9);
}

TEST(Phantom, HasATrioThatNoFlipOrSwapLeavesInPlace) {
  const auto trio = phantom::asymmetricTrio();
  const Geometry geometry = phantom::grid({100, 100, 100}, {1, 1, 1});
  const Segmentation segmentation = phantom::rasterized(geometry, trio);
  ASSERT_EQ(segmentation.structures().size(), 3U);
  for (std::size_t n = 0; n < 3; ++n) {  // none is cut off or covered by another
    const StructureId id = segmentation.structures()[n].id;
    EXPECT_NEAR(segmentation.volumeMl(id) / trio[n].volumeMl, 1.0, 0.02) << trio[n].name;
    EXPECT_LE(length(*segmentation.centroidMm(id) - trio[n].centroidMm), 0.45);
  }
  for (const std::string& code : test::allAxisCodes()) {
    const AxisOrder order = orderTo(geometry, code).value();
    double moved = 0.0;
    for (const phantom::Shape& shape : trio) {
      Vec3 now;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const double at = shape.centroidMm[order.source[axis]];
        now[static_cast<int>(axis)] = order.flipped[axis] ? -at : at;
      }
      moved = std::max(moved, length(now - shape.centroidMm));
    }
    EXPECT_TRUE(order.identity() || moved > 5.0) << code;
  }
}

TEST(Phantom, PaintsValuesWithTheLastShapeOnTop) {
  const Volume volume = phantom::image(
      phantom::grid({21, 21, 21}, {1, 1, 1}),
      {phantom::sphere("Outer", {0, 0, 0}, 8.0), phantom::sphere("Inner", {0, 0, 0}, 3.0)},
      {50.0, 90.0},
      -1000.0);
  EXPECT_EQ(volume.at({10, 10, 10}), 90.0);
  EXPECT_EQ(volume.at({10, 10, 16}), 50.0);
  EXPECT_EQ(volume.at({0, 0, 0}), -1000.0);
  EXPECT_EQ(volume.backgroundValue, -1000.0);
}

}  // namespace
}  // namespace argand
