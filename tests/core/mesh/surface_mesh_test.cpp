// SPDX-License-Identifier: Apache-2.0
#include "core/mesh/surface_mesh.h"

#include "core/mesh/cell_loops.h"
#include "core/volume/phantom.h"
#include "tests/support/grids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <utility>

namespace argand::mesh {
namespace {

using Edge = std::pair<std::uint32_t, std::uint32_t>;

// Every edge is walked once in each direction: closed, oriented, and nowhere three sheets meet.
::testing::AssertionResult isWatertight(const TriangleMesh& mesh) {
  std::set<Edge> walked;
  for (const auto& triangle : mesh.triangles) {
    for (std::size_t n = 0; n < 3; ++n) {
      const Edge edge{triangle[n], triangle[(n + 1) % 3]};
      if (edge.first == edge.second || !walked.insert(edge).second) {
        return ::testing::AssertionFailure() << "edge " << edge.first << " to " << edge.second;
      }
    }
  }
  for (const auto& [a, b] : walked) {
    if (!walked.contains({b, a})) {
      return ::testing::AssertionFailure() << "a hole at edge " << a << " to " << b;
    }
  }
  return ::testing::AssertionSuccess();
}

// Points - edges + triangles: 2 for each ball, 0 for a ring.
std::int64_t eulerCharacteristic(const TriangleMesh& mesh) {
  return static_cast<std::int64_t>(mesh.pointsMm.size()) -
         static_cast<std::int64_t>(mesh.triangles.size()) / 2;
}

struct Made {
  Segmentation segmentation;
  StructureId id = 0;
};

Made maskOf(const Geometry& geometry, const std::function<bool(const Index3&)>& inside) {
  Made made{Segmentation(geometry), 0};
  made.id = made.segmentation.add({});
  const Size3& size = geometry.size;
  std::vector<std::uint8_t> mask;
  for (std::int64_t k = 0; k < size.k; ++k) {
    for (std::int64_t j = 0; j < size.j; ++j) {
      for (std::int64_t i = 0; i < size.i; ++i) {
        mask.push_back(inside({i, j, k}) ? 1 : 0);
      }
    }
  }
  made.segmentation.assign(made.id, geometry.box(), mask);
  return made;
}

TriangleMesh meshOf(const Made& made) {
  return surfaceMesh(made.segmentation, made.id).value();
}

TEST(CellLoops, CrossEachCutEdgeOnceInAll256Cells) {
  for (unsigned inside = 0; inside < 256; ++inside) {
    std::multiset<int> crossed;
    for (const Loop& loop : cellLoops()[inside]) {
      EXPECT_GE(loop.size(), 3U) << inside;
      crossed.insert(loop.begin(), loop.end());
    }
    std::multiset<int> cut;
    for (int edge = 0; edge < 12; ++edge) {
      const CellEdge& along = cellEdges()[static_cast<std::size_t>(edge)];
      const int from = along.begin[0] + 2 * along.begin[1] + 4 * along.begin[2];
      const int to = from | 1 << along.axis;
      if ((inside >> from & 1U) != (inside >> to & 1U)) {
        cut.insert(edge);
      }
    }
    EXPECT_EQ(crossed, cut) << inside;
  }
}

TEST(SurfaceMesh, MakesAnOctahedronOfOneVoxel) {
  const Made made = maskOf(phantom::grid({5, 5, 5}, {2, 3, 4}), [](const Index3& at) {
    return at == Index3{2, 2, 2};
  });
  const TriangleMesh mesh = meshOf(made);
  EXPECT_EQ(mesh.pointsMm.size(), 6U);
  EXPECT_EQ(mesh.triangles.size(), 8U);
  EXPECT_TRUE(isWatertight(mesh));
  EXPECT_NEAR(mesh.volumeMl(), 2.0 * 3.0 * 4.0 / 6.0 / 1000.0, 1e-12);
  for (const Vec3& point : mesh.pointsMm) {
    EXPECT_NEAR(
        std::abs(point.x) / 1.0 + std::abs(point.y) / 1.5 + std::abs(point.z) / 2.0, 1.0, 1e-12);
  }
}

TEST(SurfaceMesh, CutsTheEdgesAndCornersOfABoxAndNoMore) {
  const Made made = maskOf(phantom::grid({14, 13, 12}, {1, 1, 1}), [](const Index3& at) {
    return at.i >= 2 && at.i < 12 && at.j >= 2 && at.j < 10 && at.k >= 2 && at.k < 8;
  });
  const TriangleMesh mesh = meshOf(made);
  EXPECT_TRUE(isWatertight(mesh));
  EXPECT_EQ(eulerCharacteristic(mesh), 2);
  // A prism of 1/8 is lost along each edge, from half a voxel behind one end to half before the
  // other.
  const double edges = 4.0 * ((10 - 1) + (8 - 1) + (6 - 1)) / 8.0;
  // Of the eighth of a voxel at each corner only a tetrahedron is kept, as of a lone voxel.
  const double corners = 8.0 * (1.0 / 8.0 - 1.0 / 48.0);
  EXPECT_NEAR(mesh.volumeMl() * 1000.0, 10.0 * 8.0 * 6.0 - edges - corners, 1e-9);
}

TEST(SurfaceMesh, IsWatertightWhateverTheMask) {
  std::mt19937 random(7);
  for (const unsigned oneIn : {2U, 3U, 5U, 20U}) {
    for (int round = 0; round < 5; ++round) {
      const Made made = maskOf(phantom::grid({9, 8, 7}, {1, 1.5, 2}),
                               [&](const Index3&) { return random() % oneIn == 0; });
      const TriangleMesh mesh = meshOf(made);
      EXPECT_TRUE(isWatertight(mesh)) << oneIn;
      EXPECT_GT(mesh.volumeMl(), 0.0);
    }
  }
}

TEST(SurfaceMesh, KeepsHolesAndParts) {
  const auto shell = phantom::shell("Shell", {0, 0, 0}, 18.0, 9.0);
  const Segmentation hollow = phantom::rasterized(phantom::grid({48, 48, 48}, {1, 1, 1}), {shell});
  const TriangleMesh mesh = surfaceMesh(hollow, hollow.structures()[0].id).value();
  EXPECT_TRUE(isWatertight(mesh));
  EXPECT_EQ(eulerCharacteristic(mesh), 4);  // two spheres, one in the other
  EXPECT_NEAR(mesh.volumeMl() / shell.volumeMl, 1.0, 0.02);

  const Made ring = maskOf(phantom::grid({12, 12, 5}, {1, 1, 1}), [](const Index3& at) {
    const bool outer = at.i >= 2 && at.i < 10 && at.j >= 2 && at.j < 10;
    const bool inner = at.i >= 5 && at.i < 7 && at.j >= 5 && at.j < 7;
    return outer && !inner && at.k >= 1 && at.k < 4;
  });
  EXPECT_TRUE(isWatertight(meshOf(ring)));
  EXPECT_EQ(eulerCharacteristic(meshOf(ring)), 0);
}

TEST(SurfaceMesh, LiesOnTheGridWhateverItsAxesShearAndSlices) {
  const auto ball = phantom::ellipsoid("Ball", {3, -4, 2}, {22, 17, 20});
  const Geometry base = phantom::grid({60, 56, 26}, {1.0, 1.1, 2.5});
  std::vector<Geometry> grids{test::oblique(base, 25.0),
                              test::tilted(phantom::grid({60, 90, 26}, {1.0, 1.1, 2.5}), 20.0),
                              test::uneven(phantom::grid({60, 56, 20}, {1.0, 1.1, 2.0}))};
  for (const std::string& codes : test::allAxisCodes()) {
    grids.push_back(phantom::grid({56, 52, 50}, {1.1, 1.2, 1.3}, codes));
  }
  for (const Geometry& geometry : grids) {
    const Segmentation segmentation = phantom::rasterized(geometry, {ball});
    const StructureId id = segmentation.structures()[0].id;
    const TriangleMesh mesh = surfaceMesh(segmentation, id).value();
    EXPECT_TRUE(isWatertight(mesh));
    EXPECT_EQ(eulerCharacteristic(mesh), 2);
    EXPECT_GT(mesh.volumeMl(), 0.0) << axisCodes(geometry);  // normals point outwards
    EXPECT_NEAR(mesh.volumeMl() / segmentation.volumeMl(id), 1.0, 0.02) << axisCodes(geometry);
    // On the ellipsoid to within half a voxel's diagonal; the uneven slices are up to 6 mm thick.
    const double within = geometry.evenlySpaced() ? 0.11 : 0.2;
    for (const Vec3& point : mesh.pointsMm) {
      const Vec3 at = point - ball.centroidMm;
      const double radius = std::sqrt(at.x * at.x / 484 + at.y * at.y / 289 + at.z * at.z / 400);
      ASSERT_NEAR(radius, 1.0, within) << axisCodes(geometry);
    }
  }
}

TEST(SurfaceMesh, ReachesTheOuterFacesOfTheGrid) {
  const Geometry geometry = test::uneven(phantom::grid({6, 6, 5}, {1, 1, 2}));
  const Made made = maskOf(geometry, [](const Index3&) { return true; });
  const TriangleMesh mesh = meshOf(made);
  EXPECT_TRUE(isWatertight(mesh));
  const auto [low, high] = std::minmax_element(
      mesh.pointsMm.begin(), mesh.pointsMm.end(), [](const Vec3& a, const Vec3& b) {
        return a.z < b.z;
      });
  const auto& slices = geometry.sliceOrigins;
  EXPECT_NEAR(low->z, slices[0].z - (slices[1].z - slices[0].z) / 2.0, 1e-9);
  EXPECT_NEAR(high->z, slices[4].z + (slices[4].z - slices[3].z) / 2.0, 1e-9);
}

TEST(SurfaceMesh, IsEmptyForAnEmptyStructureAndStopsWhenAsked) {
  const Made none =
      maskOf(phantom::grid({4, 4, 4}, {1, 1, 1}), [](const Index3&) { return false; });
  EXPECT_TRUE(meshOf(none).triangles.empty());
  EXPECT_EQ(meshOf(none).volumeMl(), 0.0);
  const Made some = maskOf(phantom::grid({4, 4, 4}, {1, 1, 1}), [](const Index3&) { return true; });
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(surfaceMesh(some.segmentation, some.id, stop.get_token()).error().code,
            ErrorCode::Cancelled);
}

}  // namespace
}  // namespace argand::mesh
