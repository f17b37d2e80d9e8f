// SPDX-License-Identifier: Apache-2.0
#include "viz/surface.h"

#include "core/volume/phantom.h"

#include <gtest/gtest.h>

#include <cmath>

namespace argand::viz {
namespace {

constexpr double kPi = 3.14159265358979323846;

// An oblique, sheared, anisotropic grid of 1.0 x 1.2 x 2.0 mm about a point.
Geometry obliqueGrid(const std::string& codes) {
  Geometry grid = phantom::grid({96, 80, 52}, {1.0, 1.2, 2.0}, codes);
  Affine bent;
  const double c = std::cos(0.35);
  const double s = std::sin(0.35);
  bent.linear = {{{c, -s, 0.0}, {s, c, 0.25}, {0.0, 0.0, 1.0}}};
  bent.offset = {30, -20, 110};
  grid.lpsFromIndex = bent * grid.lpsFromIndex;
  return grid;
}

TEST(Surface, EnclosesTheVolumeAndAreaOfABallOnAnObliqueGrid) {
  const double radius = 26.0;
  for (const char* codes : {"LPS", "RAS", "LPI", "SRA"}) {
    const Vec3 center{30, -20, 110};
    const Segmentation segmentation =
        phantom::rasterized(obliqueGrid(codes), {phantom::sphere("Ball", center, radius)});
    const auto mesh = surfaceOf(segmentation, segmentation.structures()[0].id);
    ASSERT_TRUE(mesh.has_value());
    const double volume = 4.0 / 3.0 * kPi * radius * radius * radius / 1000.0;
    const double area = 4.0 * kPi * radius * radius;
    EXPECT_NEAR(mesh->volumeMl() / volume, 1.0, 0.01) << codes;
    EXPECT_NEAR(mesh->areaMm2() / area, 1.0, 0.02) << codes;
    // Every vertex near the sphere, every normal away from the centre.
    for (std::size_t n = 0; n < mesh->points.size(); n += 3) {
      const Vec3 from{mesh->points[n] - center.x,
                      mesh->points[n + 1] - center.y,
                      mesh->points[n + 2] - center.z};
      ASSERT_NEAR(length(from), radius, 1.6);
      const Vec3 normal{mesh->normals[n], mesh->normals[n + 1], mesh->normals[n + 2]};
      ASSERT_GT(dot(normalized(from), normal), 0.7);
    }
  }
}

TEST(Surface, ClosesAStructureThatTouchesTheBorderOfTheGrid) {
  const Geometry grid = phantom::grid({20, 20, 20}, {1, 1, 1}, "LPS");
  const Segmentation segmentation =
      phantom::rasterized(grid, {phantom::box("Block", {0, 0, 0}, {40, 40, 40})});
  const auto mesh = surfaceOf(segmentation, segmentation.structures()[0].id);
  ASSERT_TRUE(mesh.has_value());
  EXPECT_NEAR(mesh->volumeMl(), 8.0, 0.25);
}

TEST(Surface, HalvesWhatIsTooLargeAndKeepsItsPlaceAndSize) {
  const Vec3 center{30, -20, 110};
  const Segmentation segmentation =
      phantom::rasterized(obliqueGrid("LPS"), {phantom::sphere("Ball", center, 26.0)});
  SurfaceOptions options;
  options.maxVoxels = 20'000;
  options.maxTriangles = 4'000;
  const auto mesh = surfaceOf(segmentation, segmentation.structures()[0].id, {}, options);
  ASSERT_TRUE(mesh.has_value());
  EXPECT_NEAR(mesh->volumeMl() / (4.0 / 3.0 * kPi * 26.0 * 26.0 * 26.0 / 1000.0), 1.0, 0.03);
  EXPECT_LE(mesh->triangles.size(), 3 * 4'000U + 30U);
  Vec3 sum;
  for (std::size_t n = 0; n < mesh->points.size(); n += 3) {
    sum = sum + Vec3{mesh->points[n], mesh->points[n + 1], mesh->points[n + 2]};
  }
  EXPECT_LT(length(sum * (3.0 / static_cast<double>(mesh->points.size())) - center), 0.6);
}

TEST(Surface, OffersFarFewerTrianglesForWhileTheViewMoves) {
  const Segmentation segmentation =
      phantom::rasterized(obliqueGrid("LPS"), {phantom::sphere("Ball", {30, -20, 110}, 26.0)});
  const auto mesh = surfaceOf(segmentation, segmentation.structures()[0].id);
  ASSERT_TRUE(mesh.has_value());
  EXPECT_FALSE(mesh->coarse.empty());
  EXPECT_LT(2 * mesh->coarse.size(), mesh->triangles.size());
}

TEST(Surface, IsEmptyForAnEmptyStructureAndStopsWhenAsked) {
  Segmentation segmentation(phantom::grid({8, 8, 8}, {1, 1, 1}));
  const StructureId id = segmentation.add(Structure{});
  const auto empty = surfaceOf(segmentation, id);
  ASSERT_TRUE(empty.has_value());
  EXPECT_TRUE(empty->empty());
  segmentation.layer(0).set({4, 4, 4}, segmentation.structures()[0].label);
  std::stop_source source;
  source.request_stop();
  const auto stopped = surfaceOf(segmentation, id, source.get_token());
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace argand::viz
