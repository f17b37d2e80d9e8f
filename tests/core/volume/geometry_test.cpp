// SPDX-License-Identifier: Apache-2.0
#include "core/volume/geometry.h"

#include "core/volume/slice_point.h"
#include "tests/support/grids.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace argand {
namespace {

using test::allAxisCodes;
using test::oblique;
using test::tilted;
using test::uneven;

Geometry sample() {
  return phantom::grid({7, 5, 4}, {0.9, 1.1, 2.5});
}

void expectNear(const Vec3& a, const Vec3& b, double tolerance = 1e-9) {
  EXPECT_LE(length(a - b), tolerance)
      << a.x << " " << a.y << " " << a.z << " against " << b.x << " " << b.y << " " << b.z;
}

TEST(Geometry, NamesAll48AxisOrders) {
  const auto codes = allAxisCodes();
  EXPECT_EQ(std::set<std::string>(codes.begin(), codes.end()).size(), 48U);
  for (const std::string& code : codes) {
    const Geometry geometry = phantom::grid({4, 5, 6}, {1.0, 2.0, 3.0}, code);
    EXPECT_EQ(axisCodes(geometry), code);
    EXPECT_EQ(axisCodes(oblique(geometry, 20.0)), code);
    expectNear(geometry.centerMm(), {0.0, 0.0, 0.0});
  }
}

TEST(Geometry, KeepsObliqueAnglesWhenReordered) {
  const Geometry geometry = tilted(oblique(sample(), 17.0), 12.0);
  for (const std::string& code : allAxisCodes()) {
    const auto order = orderTo(geometry, code);
    ASSERT_TRUE(order) << order.error().message;
    const Geometry now = reordered(geometry, *order);
    EXPECT_EQ(axisCodes(now), code);
    // Every corner voxel is found at the same point under its new index.
    for (const Index3 index : {Index3{0, 0, 0}, Index3{6, 1, 3}, Index3{2, 4, 0}}) {
      Vec3 to;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const int source = order->source[axis];
        const std::int64_t at = index[source];
        to[static_cast<int>(axis)] =
            static_cast<double>(order->flipped[axis] ? geometry.size[source] - 1 - at : at);
      }
      const Vec3 from{
          static_cast<double>(index.i), static_cast<double>(index.j), static_cast<double>(index.k)};
      expectNear(now.lpsFromIndex.apply(to), geometry.lpsFromIndex.apply(from));
    }
    const Geometry back = reordered(now, order->inverse());
    EXPECT_EQ(back.size, geometry.size);
    EXPECT_TRUE(sameGrid(back, geometry, 1e-9));
  }
}

TEST(Geometry, RefusesCodesThatDoNotNameEachAxisOnce) {
  for (const std::string code : {"", "LP", "LPSX", "LPP", "LRS", "lps", "LPH"}) {
    EXPECT_FALSE(orderTo(sample(), code)) << code;
  }
}

TEST(Geometry, RefusesGridsWithoutVolumeOrPlace) {
  EXPECT_TRUE(sample().check());
  EXPECT_TRUE(tilted(sample(), 30.0).check());
  Geometry empty = sample();
  empty.size.j = 0;
  EXPECT_FALSE(empty.check());
  Geometry flat = sample();
  flat.lpsFromIndex.setColumn(2, flat.lpsFromIndex.column(0));
  EXPECT_FALSE(flat.check());
  Geometry nowhere = sample();
  nowhere.lpsFromIndex.offset.y = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(nowhere.check());
  Geometry endless = sample();
  endless.lpsFromIndex.linear[0][0] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(endless.check());
  Geometry huge = sample();
  huge.size = {1 << 20, 1 << 20, 1 << 20};
  EXPECT_FALSE(huge.check());
}

TEST(Geometry, RefusesSliceOriginsThatDoNotRise) {
  Geometry geometry = uneven(sample());
  EXPECT_TRUE(geometry.check());
  EXPECT_TRUE(reordered(geometry, orderTo(geometry, "RAI").value()).check());
  std::swap(geometry.sliceOrigins[1], geometry.sliceOrigins[2]);
  EXPECT_FALSE(geometry.check());
  geometry.sliceOrigins.pop_back();
  EXPECT_FALSE(geometry.check());
}

TEST(Geometry, TellsRightAnglesFromTilt) {
  EXPECT_TRUE(oblique(sample(), 33.0).orthogonal());
  EXPECT_FALSE(tilted(sample(), 1.0).orthogonal());
}

TEST(Geometry, MapsUnevenSlicesBothWays) {
  for (const Geometry& base : {sample(), tilted(oblique(sample(), 25.0), 10.0)}) {
    for (const Geometry& geometry :
         {uneven(base), reordered(uneven(base), AxisOrder{{0, 1, 2}, {true, false, true}})}) {
      const SliceIndexer indexer(geometry);
      for (std::int64_t k = 0; k < geometry.size.k; ++k) {
        expectNear(indexer.indexAt(geometry.sliceToLps(2.5, 1.25, k)),
                   {2.5, 1.25, static_cast<double>(k)});
      }
      const Vec3 first = geometry.sliceToLps(1.0, 2.0, 0);
      const Vec3 second = geometry.sliceToLps(1.0, 2.0, 1);
      expectNear(indexer.indexAt(first * 0.75 + second * 0.25), {1.0, 2.0, 0.25});
      expectNear(indexer.indexAt(first * 1.5 - second * 0.5), {1.0, 2.0, -0.5});
      const Vec3 last = geometry.sliceToLps(1.0, 2.0, 3);
      const Vec3 before = geometry.sliceToLps(1.0, 2.0, 2);
      expectNear(indexer.indexAt(last * 2.0 - before), {1.0, 2.0, 4.0});
      for (const double k : {-1.25, -0.5, 0.0, 0.25, 1.5, 3.0, 3.75}) {
        expectNear(indexer.indexAt(acquiredPoint(geometry, {2.5, 1.25, k})), {2.5, 1.25, k});
      }
      expectNear(acquiredPoint(geometry, {2.5, 1.25, 2.0}), geometry.sliceToLps(2.5, 1.25, 2));
    }
  }
}

TEST(Geometry, GivesEachSliceItsShareOfTheVolume) {
  const Geometry geometry = uneven(sample());  // gaps of 1, 1.1 and 1.2 spacings
  const double regular = geometry.voxelVolumeMl();
  EXPECT_NEAR(regular, 0.9 * 1.1 * 2.5 / 1000.0, 1e-12);
  const std::vector<double> shares{1.0, 1.05, 1.15, 1.2};
  for (std::int64_t k = 0; k < 4; ++k) {
    EXPECT_NEAR(geometry.voxelVolumeMl(k), regular * shares[static_cast<std::size_t>(k)], 1e-12);
  }
  EXPECT_NEAR(sample().voxelVolumeMl(2), regular, 1e-15);
}

TEST(Geometry, ComparesGridsByTheirCorners) {
  const Geometry geometry = oblique(sample(), 10.0);
  for (const auto& [share, same] : {std::pair{0.009, true}, std::pair{0.011, false}}) {
    Geometry moved = geometry;
    moved.lpsFromIndex.offset.z += 0.9 * share;  // of the smallest voxel side
    EXPECT_EQ(sameGrid(geometry, moved), same) << share;
  }
  Geometry stretched = geometry;
  stretched.lpsFromIndex.setColumn(0, geometry.lpsFromIndex.column(0) * 1.002);  // 1.2 % at the end
  EXPECT_FALSE(sameGrid(geometry, stretched));
  EXPECT_FALSE(sameGrid(geometry, reordered(geometry, AxisOrder{{0, 1, 2}, {true, false, false}})));
  Geometry table = uneven(geometry);
  EXPECT_TRUE(sameGrid(geometry, table));
  Geometry other = table;
  other.sliceOrigins[1].x += 0.1;
  EXPECT_FALSE(sameGrid(table, other));
}

TEST(Geometry, FindsWhetherGridsShareAPoint) {
  const Geometry cube = phantom::grid({10, 10, 10}, {1.0, 1.0, 1.0});
  const auto moved = [](Geometry geometry, const Vec3& by) {
    geometry.lpsFromIndex.offset = geometry.lpsFromIndex.offset + by;
    return geometry;
  };
  EXPECT_TRUE(gridsOverlap(cube, moved(cube, {9.9, 9.9, 9.9})));
  EXPECT_FALSE(gridsOverlap(cube, moved(cube, {10.1, 0.0, 0.0})));
  EXPECT_TRUE(gridsOverlap(cube, phantom::grid({1, 1, 1}, {1.0, 1.0, 1.0})));
  // Corner to corner under 45 degrees: the bounding boxes meet, the grids do not.
  Geometry turned = cube;
  turned.lpsFromIndex.linear = {
      {{std::sqrt(0.5), -std::sqrt(0.5), 0}, {std::sqrt(0.5), std::sqrt(0.5), 0}, {0, 0, 1}}};
  turned.lpsFromIndex.offset = turned.lpsFromIndex.applyLinear({4.5, 4.5, 4.5}) * -1.0;
  EXPECT_FALSE(gridsOverlap(cube, moved(turned, {8.7, 8.7, 0.0})));
  EXPECT_TRUE(gridsOverlap(cube, moved(turned, {8.4, 8.4, 0.0})));
}

TEST(Geometry, KeepsPointsWhenCropped) {
  const Geometry geometry = uneven(tilted(oblique(sample(), 15.0), 5.0));
  const Geometry part = cropped(geometry, {{2, 1, 1}, {5, 4, 3}});
  EXPECT_EQ(part.size, (Size3{3, 3, 2}));
  expectNear(part.sliceToLps(1.0, 2.0, 1), geometry.sliceToLps(3.0, 3.0, 2));
  expectNear(part.lpsFromIndex.apply({0, 0, 0}), geometry.lpsFromIndex.apply({2, 1, 1}));
}

TEST(Geometry, KeepsExtentAndCentreWhenRespaced) {
  const Geometry geometry = oblique(phantom::grid({40, 31, 7}, {0.9, 1.1, 5.0}), 22.0);
  for (const Vec3 spacing : {Vec3{1, 1, 1}, Vec3{3, 0.5, 2.2}, Vec3{500, 500, 500}}) {
    const Geometry now = respaced(geometry, spacing);
    expectNear(now.centerMm(), geometry.centerMm());
    expectNear(now.spacingMm(), spacing);
    for (int axis = 0; axis < 3; ++axis) {
      const double before = static_cast<double>(geometry.size[axis]) * geometry.spacingMm()[axis];
      const double after = static_cast<double>(now.size[axis]) * spacing[axis];
      EXPECT_TRUE(std::abs(before - after) <= spacing[axis] / 2 + 1e-9 || now.size[axis] == 1);
    }
  }
}

TEST(Geometry, WritesOrientationLetters) {
  EXPECT_EQ(orientationLetters({1, 0, 0}), "L");
  EXPECT_EQ(orientationLetters({-1, 0, 0}), "R");
  EXPECT_EQ(orientationLetters({0, 1, 0}), "P");
  EXPECT_EQ(orientationLetters({0, 0, -2}), "F");
  EXPECT_EQ(orientationLetters({0.5, 0, 0.8}), "HL");
  EXPECT_EQ(orientationLetters({-0.3, 0.8, -0.5}), "PFR");
  EXPECT_EQ(orientationLetters({0.05, 0.999, 0}), "P");
  EXPECT_EQ(orientationLetters({0, 0, 0}), "?");
}

}  // namespace
}  // namespace argand
