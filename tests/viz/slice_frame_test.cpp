// SPDX-License-Identifier: Apache-2.0
#include "viz/slice_frame.h"

#include "core/volume/phantom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace argand::viz {
namespace {

constexpr std::array kPlanes{ViewPlane::Axial, ViewPlane::Sagittal, ViewPlane::Coronal};
constexpr double kDegree = 3.14159265358979323846 / 180.0;

// All 48 ways to store a grid.
std::vector<std::string> allCodes() {
  std::vector<std::string> codes;
  const std::array<std::string, 3> pairs{"LR", "PA", "SI"};
  for (const auto& order : std::vector<std::array<std::size_t, 3>>{
           {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    for (std::size_t bits = 0; bits < 8; ++bits) {
      std::string code;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        code += pairs[order[axis]][(bits >> axis) & 1U];
      }
      codes.push_back(code);
    }
  }
  return codes;
}

// Turns the patient's grid by `degrees` about an axis of LPS through the origin.
Geometry turned(Geometry geometry, int axis, double degrees) {
  Affine turn;
  const double c = std::cos(degrees * kDegree);
  const double s = std::sin(degrees * kDegree);
  const auto a = static_cast<std::size_t>((axis + 1) % 3);
  const auto b = static_cast<std::size_t>((axis + 2) % 3);
  turn.linear[a][a] = c;
  turn.linear[b][b] = c;
  turn.linear[a][b] = -s;
  turn.linear[b][a] = s;
  geometry.lpsFromIndex = turn * geometry.lpsFromIndex;
  return geometry;
}

// A gantry tilt: every slice is shifted along y by `shear` of its height.
Geometry tilted(Geometry geometry, double shear) {
  Affine tilt;
  tilt.linear[1][2] = shear;
  geometry.lpsFromIndex = tilt * geometry.lpsFromIndex;
  return geometry;
}

char heaviest(const std::string& letters) {
  return letters.at(0);
}

TEST(SliceFrame, PutsTheRadiologicalLettersAtTheEdgesInAllAxisOrders) {
  for (const std::string& code : allCodes()) {
    for (const double degrees : {0.0, 17.0, -31.0}) {
      for (int axis = 0; axis < 3; ++axis) {
        const Geometry grid =
            turned(phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, code), axis, degrees);
        const std::array<std::string, 3> expected{"RLAP", "APHF", "RLHF"};
        for (std::size_t n = 0; n < kPlanes.size(); ++n) {
          const auto letters = SliceFrame(grid, kPlanes[n]).letters();
          const std::string seen{heaviest(letters.left),
                                 heaviest(letters.right),
                                 heaviest(letters.top),
                                 heaviest(letters.bottom)};
          EXPECT_EQ(seen, expected[n]) << code << " turned by " << degrees << " about " << axis;
        }
      }
    }
  }
}

TEST(SliceFrame, NamesTheSecondDirectionOfAnObliquePlane) {
  // Head turned by 20 degrees about the left-right axis: up is head and some anterior.
  const Geometry grid = turned(phantom::grid({20, 20, 20}, {1, 1, 1}, "LPS"), 0, 20.0);
  EXPECT_EQ(SliceFrame(grid, ViewPlane::Coronal).letters().top, "HA");
  EXPECT_EQ(SliceFrame(grid, ViewPlane::Coronal).letters().left, "R");
  EXPECT_TRUE(SliceFrame(grid, ViewPlane::Axial).oblique());
  EXPECT_FALSE(SliceFrame(phantom::grid({9, 9, 9}, {1, 1, 1}, "RAS"), ViewPlane::Axial).oblique());
}

TEST(SliceFrame, ViewsThePatientFromTheFeetFromTheLeftAndFromTheFront) {
  for (const std::string& code : allCodes()) {
    const Geometry grid = phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, code);
    const std::array<Vec3, 3> into{{{0, 0, 1}, {-1, 0, 0}, {0, 1, 0}}};
    for (std::size_t n = 0; n < kPlanes.size(); ++n) {
      const SliceFrame frame(grid, kPlanes[n]);
      EXPECT_NEAR(dot(cross(frame.right(), frame.down()), into[n]), 1.0, 1e-12) << code;
    }
  }
}

TEST(SliceFrame, FindsTheWayBackFromPlaneToPatientAndIndex) {
  const std::vector<Geometry> grids{
      phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, "PIR"),
      turned(phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, "RAS"), 2, 40.0),
      tilted(phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, "LPS"), 0.3)};
  for (const Geometry& grid : grids) {
    for (const ViewPlane plane : kPlanes) {
      const SliceFrame frame(grid, plane);
      const Vec3 lps = grid.lpsFromIndex.apply({3.25, 17.5, 11.0});
      const Vec3 back = frame.lpsFromPlane(frame.planeFromLps(lps), frame.sliceFromLps(lps));
      EXPECT_LT(length(back - lps), 1e-9);
      const Point2 index = frame.indexFromPlane(frame.planeFromIndex({4.5, 7.25}));
      EXPECT_NEAR(index.x, 4.5, 1e-9);
      EXPECT_NEAR(index.y, 7.25, 1e-9);
    }
  }
}

// What is drawn as slice k is acquired slice k, so its points lie there and not on the
// regular grid that fits best.
TEST(SliceFrame, PutsThePointsOfAnUnevenSeriesOnItsAcquiredSlices) {
  Geometry grid = phantom::grid({20, 24, 12}, {1.0, 1.5, 2.5}, "LPS");
  double z = -30.0;
  for (std::int64_t k = 0; k < grid.size.k; ++k) {
    grid.sliceOrigins.push_back({-10.0, -18.0, z});
    z += k < 6 ? 2.5 : 10.0;
  }
  for (const ViewPlane plane : kPlanes) {
    const SliceFrame frame(grid, plane);
    for (std::int64_t k = 0; k < grid.size.k; ++k) {
      const Vec3 lps = grid.sliceToLps(7.0, 9.0, k);
      const Vec3 index{7.0, 9.0, static_cast<double>(k)};
      EXPECT_NEAR(frame.sliceFromLps(lps), index[frame.sliceAxis()], 1e-9);
      const Vec3 back = frame.lpsFromPlane(frame.planeFromLps(lps), frame.sliceFromLps(lps));
      EXPECT_LT(length(back - lps), 1e-9) << toString(plane) << " " << k;
    }
  }
}

TEST(SliceFrame, KeepsLengthsAndAnglesOfATiltedGrid) {
  const Geometry grid = tilted(phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, "LPS"), 0.3);
  for (const ViewPlane plane : kPlanes) {
    const SliceFrame frame(grid, plane);
    const Vec3 a = frame.lpsFromPlane({0, 0}, 5);
    const Vec3 b = frame.lpsFromPlane({30, 0}, 5);
    const Vec3 c = frame.lpsFromPlane({0, 30}, 5);
    EXPECT_NEAR(length(b - a), 30.0, 1e-9);
    EXPECT_NEAR(length(c - a), 30.0, 1e-9);
    EXPECT_NEAR(dot(b - a, c - a), 0.0, 1e-9);
  }
  EXPECT_TRUE(SliceFrame(grid, ViewPlane::Sagittal).sheared());
  EXPECT_FALSE(SliceFrame(grid, ViewPlane::Axial).sheared());
  // The acquired rows stay level.
  EXPECT_EQ(SliceFrame(grid, ViewPlane::Sagittal).letters().left, "A");
}

TEST(SliceFrame, KeepsTheNearestSliceInsideTheGrid) {
  const Geometry grid = phantom::grid({20, 24, 28}, {1.0, 1.5, 2.5}, "LPS");
  const SliceFrame frame(grid, ViewPlane::Axial);
  EXPECT_EQ(frame.slices(), 28);
  EXPECT_EQ(frame.nearestSlice(grid.lpsFromIndex.apply({0, 0, 12.4})), 12);
  EXPECT_EQ(frame.nearestSlice(grid.lpsFromIndex.apply({0, 0, 400})), 27);
  EXPECT_EQ(frame.nearestSlice(grid.lpsFromIndex.apply({0, 0, -3})), 0);
  EXPECT_DOUBLE_EQ(frame.spacingMm(), 2.5);
}

TEST(SliceCamera, ShowsTheWholeSliceWithTrueAspect) {
  const SliceFrame frame(phantom::grid({100, 50, 10}, {1.0, 1.0, 5.0}, "LPS"), ViewPlane::Axial);
  const SliceCamera camera = fitted(frame, 400, 400);
  EXPECT_DOUBLE_EQ(camera.mmPerPixel, 0.25);
  const Point2 corner = camera.screenFromPlane(frame.planeFromIndex({-0.5, -0.5}));
  EXPECT_NEAR(corner.x, 0.0, 1e-9);
  EXPECT_NEAR(corner.y, 100.0, 1e-9);
}

TEST(SliceCamera, KeepsThePointUnderTheCursorWhileZoomingAndFollowsThePan) {
  const SliceFrame frame(phantom::grid({64, 64, 10}, {1, 1, 1}, "LPS"), ViewPlane::Axial);
  SliceCamera camera = fitted(frame, 300, 200);
  const Point2 at{71.0, 42.0};
  const Point2 before = camera.planeFromScreen(at);
  camera.zoom(3.7, at);
  const Point2 after = camera.planeFromScreen(at);
  EXPECT_NEAR(after.x, before.x, 1e-9);
  EXPECT_NEAR(after.y, before.y, 1e-9);
  camera.pan(10, -5);
  const Point2 moved = camera.screenFromPlane(before);
  EXPECT_NEAR(moved.x, 81.0, 1e-9);
  EXPECT_NEAR(moved.y, 37.0, 1e-9);
}

}  // namespace
}  // namespace argand::viz
