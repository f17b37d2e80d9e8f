// SPDX-License-Identifier: Apache-2.0
#include "core/edit/tools.h"

#include "core/volume/phantom.h"
#include "tests/support/grids.h"
#include "tests/support/matchers.h"

#include <gtest/gtest.h>

#include <random>

namespace argand::edit {
namespace {

Structure named(const std::string& name, Origin origin = Origin::Manual) {
  Structure structure;
  structure.name = name;
  structure.origin = origin;
  return structure;
}

void fill(Segmentation& segmentation, StructureId id, const Box& box) {
  segmentation.assign(
      id, box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.size().voxels()), 1));
}

double distanceToSegment(const Vec3& point, const Vec3& a, const Vec3& b) {
  const Vec3 along = b - a;
  const double squared = dot(along, along);
  const double share = squared > 0.0 ? std::clamp(dot(point - a, along) / squared, 0.0, 1.0) : 0.0;
  return length(point - a - along * share);
}

std::vector<Geometry> grids() {
  const Geometry base = phantom::grid({30, 26, 14}, {0.9, 1.2, 2.5});
  return {base,
          test::oblique(base, 27.0),
          test::tilted(base, 18.0),
          test::uneven(base),
          test::uneven(test::tilted(test::oblique(base, 12.0), 9.0)),
          reordered(base, AxisOrder{{2, 0, 1}, {true, false, true}})};
}

Vec3 randomPoint(const Geometry& geometry, std::mt19937& random) {
  std::uniform_real_distribution<double> share(-0.1, 1.1);
  return geometry.lpsFromIndex.apply({share(random) * static_cast<double>(geometry.size.i),
                                      share(random) * static_cast<double>(geometry.size.j),
                                      share(random) * static_cast<double>(geometry.size.k)});
}

TEST(Brush, CoversAsABallExactlyTheVoxelsWithinItsRadius) {
  std::mt19937 random(1);
  for (const Geometry& geometry : grids()) {
    for (const double radius : {0.4, 3.0, 9.5}) {
      Segmentation segmentation(geometry);
      const StructureId id = segmentation.add(named("A"));
      Brush brush;
      brush.shape = BrushShape::Ball;
      brush.radiusMm = radius;
      auto stroke = Stroke::begin(segmentation, id, brush).value();
      std::vector<Vec3> path{randomPoint(geometry, random)};
      Box changed = stroke.moveTo(path.front());
      for (int n = 0; n < 2; ++n) {
        path.push_back(randomPoint(geometry, random));
        changed = united(changed, stroke.moveTo(path.back()));
      }
      const LabelMap painted = flattened(segmentation).value();
      LabelMap expected = painted;
      std::size_t voxel = 0;
      for (std::int64_t k = 0; k < geometry.size.k; ++k) {
        for (std::int64_t j = 0; j < geometry.size.j; ++j) {
          for (std::int64_t i = 0; i < geometry.size.i; ++i, ++voxel) {
            const Vec3 at = geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k);
            double nearest = 1e9;
            for (std::size_t n = 1; n < path.size(); ++n) {
              nearest = std::min(nearest, distanceToSegment(at, path[n - 1], path[n]));
            }
            expected.voxels[voxel] = nearest <= radius ? 1 : 0;
          }
        }
      }
      EXPECT_THAT(painted, test::LabelsEqual(expected));
      EXPECT_EQ(changed, segmentation.boundsOf(id));
    }
  }
}

TEST(Brush, CoversAsADiscOneSliceAlongAnyAxis) {
  std::mt19937 random(2);
  for (const Geometry& geometry : grids()) {
    for (int axis = 0; axis < 3; ++axis) {
      if (!geometry.evenlySpaced() && axis != 2) {
        continue;  // its voxels do not lie in one plane there
      }
      Segmentation segmentation(geometry);
      const StructureId id = segmentation.add(named("A"));
      Brush brush;
      brush.radiusMm = 5.3;
      brush.sliceAxis = axis;
      auto stroke = Stroke::begin(segmentation, id, brush).value();
      // A path within half a voxel of a slice, not in its plane.
      const std::int64_t slice = geometry.size[axis] / 2;
      const auto pointAt = [&](double a, double b) {
        Vec3 index;
        index[axis] = static_cast<double>(slice);
        index[(axis + 1) % 3] = a;
        index[(axis + 2) % 3] = b;
        return geometry.sliceToLps(index.x, index.y, std::llround(index.z)) +
               geometry.lpsFromIndex.column(2) * (index.z - std::round(index.z));
      };
      const Vec3 a = pointAt(4.0, 5.0);
      const Vec3 b = pointAt(9.0, 8.0);
      const Vec3 normal = normalized(cross(geometry.lpsFromIndex.column((axis + 1) % 3),
                                           geometry.lpsFromIndex.column((axis + 2) % 3)));
      stroke.moveTo(a + normal * (0.2 * geometry.spacingMm()[axis]));
      stroke.moveTo(b - normal * (0.2 * geometry.spacingMm()[axis]));
      std::int64_t expected = 0;
      for (std::int64_t k = 0; k < geometry.size.k; ++k) {
        for (std::int64_t j = 0; j < geometry.size.j; ++j) {
          for (std::int64_t i = 0; i < geometry.size.i; ++i) {
            const Vec3 at = geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k);
            const bool inside =
                Index3{i, j, k}[axis] == slice && distanceToSegment(at, a, b) <= brush.radiusMm;
            ASSERT_EQ(segmentation.layer(0).at({i, j, k}), inside ? 1 : 0) << axis;
            expected += inside ? 1 : 0;
          }
        }
      }
      EXPECT_GT(expected, 10);
    }
  }
}

TEST(Brush, TakesFromOthersButNeverFromLockedOnes) {
  Segmentation segmentation(phantom::grid({20, 20, 20}, {1, 1, 1}));
  const StructureId liver = segmentation.add(named("Liver", Origin::Automatic));
  const StructureId spleen = segmentation.add(named("Spleen", Origin::Automatic));
  Structure heart = named("Heart");
  heart.locked = true;
  const StructureId locked = segmentation.add(heart);
  const StructureId far = segmentation.add(named("Far", Origin::Automatic));
  fill(segmentation, spleen, {{0, 0, 0}, {20, 10, 20}});
  fill(segmentation, locked, {{0, 10, 0}, {20, 20, 20}});
  fill(segmentation, far, {{0, 0, 0}, {1, 1, 1}});
  const Segmentation before = segmentation;
  Brush brush;
  brush.shape = BrushShape::Ball;
  brush.radiusMm = 4.0;
  auto stroke = Stroke::begin(segmentation, liver, brush).value();
  stroke.moveTo({0, 0, 0});
  const Edit edit = stroke.finish();
  EXPECT_EQ(edit.title, "Paint Liver");
  EXPECT_EQ(segmentation.voxelCount(locked), before.voxelCount(locked));
  EXPECT_LT(segmentation.voxelCount(spleen), before.voxelCount(spleen));
  EXPECT_TRUE(segmentation.find(liver)->edited);
  EXPECT_EQ(segmentation.find(liver)->origin, Origin::SemiAutomatic);
  EXPECT_TRUE(segmentation.find(spleen)->edited);
  EXPECT_FALSE(segmentation.find(locked)->edited);
  EXPECT_FALSE(segmentation.find(far)->edited);
  EXPECT_EQ(segmentation.find(far)->origin, Origin::Automatic);
  // The edit is applied already: recorded, it is undone and redone like any other.
  const Segmentation after = segmentation;
  History history;
  history.record(edit);
  ASSERT_TRUE(history.undo(segmentation));
  EXPECT_THAT(flattened(segmentation).value(), test::LabelsEqual(flattened(before).value()));
  EXPECT_EQ(segmentation.structures(), before.structures());
  ASSERT_TRUE(history.redo(segmentation));
  EXPECT_THAT(flattened(segmentation).value(), test::LabelsEqual(flattened(after).value()));
  EXPECT_FALSE(Stroke::begin(segmentation, locked, brush));
  EXPECT_FALSE(Stroke::begin(segmentation, 99, brush));
}

TEST(Brush, ErasesOnlyItsOwnStructure) {
  Segmentation segmentation(phantom::grid({20, 20, 20}, {1, 1, 1}));
  const StructureId a = segmentation.add(named("A"));
  const StructureId b = segmentation.add(named("B"));
  fill(segmentation, a, {{0, 0, 0}, {10, 20, 20}});
  fill(segmentation, b, {{10, 0, 0}, {20, 20, 20}});
  Brush brush;
  brush.radiusMm = 6.0;
  brush.erase = true;
  auto stroke = Stroke::begin(segmentation, a, brush).value();
  stroke.moveTo({0, 0, 0.1});
  EXPECT_EQ(stroke.finish().title, "Erase A");
  EXPECT_LT(segmentation.voxelCount(a), 4000);
  EXPECT_EQ(segmentation.voxelCount(b), 4000);
  EXPECT_FALSE(segmentation.find(b)->edited);
}

TEST(Brush, StaysWithinTheLimitOfTheImage) {
  const Geometry geometry = phantom::grid({20, 20, 20}, {1, 1, 1});
  const Volume image =
      phantom::image(geometry, {phantom::box("Box", {0, 0, 0}, {8, 8, 8})}, {100.0}, 0.0);
  Segmentation segmentation(geometry);
  const StructureId id = segmentation.add(named("A"));
  Brush brush;
  brush.shape = BrushShape::Ball;
  brush.radiusMm = 9.0;
  brush.limit = Brush::Limit{50.0, 150.0};
  auto stroke = Stroke::begin(segmentation, id, brush, &image).value();
  stroke.moveTo({0, 0, 0});
  EXPECT_EQ(segmentation.voxelCount(id), 512);
  const Volume other = phantom::image(phantom::grid({20, 20, 19}, {1, 1, 1}), {}, {}, 0.0);
  EXPECT_FALSE(Stroke::begin(segmentation, id, brush, &other));
}

TEST(Brush, LeavesNothingWhenCancelledAndAnEmptyEditWhenItMissed) {
  Segmentation segmentation(phantom::grid({20, 20, 20}, {1, 1, 1}));
  const StructureId id = segmentation.add(named("A"));
  Brush brush;
  auto stroke = Stroke::begin(segmentation, id, brush).value();
  stroke.moveTo({0, 0, 0});
  EXPECT_GT(segmentation.voxelCount(id), 0);
  stroke.cancel();
  EXPECT_EQ(segmentation.voxelCount(id), 0);
  auto missed = Stroke::begin(segmentation, id, brush).value();
  EXPECT_TRUE(missed.moveTo({500, 0, 0}).empty());
  EXPECT_TRUE(missed.moveTo({0, 0, 500}).empty());
  EXPECT_TRUE(missed.finish().empty());
  EXPECT_FALSE(segmentation.find(id)->edited);
}

TEST(Threshold, TakesTheVoxelsOfARangeInABox) {
  const Geometry geometry = phantom::grid({20, 20, 20}, {1, 1, 1});
  const Volume image =
      phantom::image(geometry, {phantom::box("Box", {0, 0, 0}, {8, 8, 8})}, {100.0}, 0.0);
  Segmentation segmentation(geometry);
  const StructureId id = segmentation.add(named("A"));
  const StructureId lockedId = segmentation.add(named("B"));
  fill(segmentation, id, {{0, 0, 0}, {2, 2, 2}});
  fill(segmentation, lockedId, {{6, 6, 6}, {8, 8, 8}});
  Structure lockedOne = *segmentation.find(lockedId);
  lockedOne.locked = true;
  segmentation.update(lockedOne);
  const Box within{{0, 0, 0}, {20, 20, 10}};
  const Edit joined = threshold(segmentation, id, image, within, 50.0, 200.0).value();
  Segmentation state = segmentation;
  ASSERT_TRUE(apply(state, joined));
  EXPECT_EQ(state.voxelCount(id), 8 + 8 * 8 * 4 - 8);
  EXPECT_EQ(state.voxelCount(lockedId), 8);
  EXPECT_TRUE(state.find(id)->edited);
  EXPECT_EQ(state.find(id)->origin, Origin::SemiAutomatic);
  const Edit replaced = threshold(segmentation, id, image, within, 50.0, 200.0, true).value();
  state = segmentation;
  ASSERT_TRUE(apply(state, replaced));
  EXPECT_EQ(state.voxelCount(id), 8 * 8 * 4 - 8);
  EXPECT_TRUE(threshold(segmentation, id, image, within, 150.0, 200.0).value().empty());
  EXPECT_FALSE(threshold(segmentation, id, image, within, 2.0, 1.0));
  EXPECT_FALSE(threshold(segmentation, lockedId, image, within, 50.0, 200.0));
}

}  // namespace
}  // namespace argand::edit
