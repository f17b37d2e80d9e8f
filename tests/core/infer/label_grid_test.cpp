// SPDX-License-Identifier: Apache-2.0
#include "core/infer/label_grid.h"

#include "core/volume/phantom.h"
#include "tests/core/infer/fake_models.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace argand::infer {

namespace {

constexpr std::int64_t kClasses = 4;

// Scores of the whole padded grid: (row, height, width, class).
std::vector<float> someScores(const NetworkGrid& grid) {
  std::vector<float> scores(static_cast<std::size_t>(grid.padded.voxels() * kClasses));
  for (std::size_t n = 0; n < scores.size(); ++n) {
    scores[n] = static_cast<float>(std::sin(12.9898 * static_cast<double>(n % 9973)));
  }
  return scores;
}

void feed(engine::LabelCollector& collector,
          const NetworkGrid& grid,
          const std::vector<float>& scores,
          std::vector<engine::RowRange> slabs) {
  const std::int64_t row = grid.padded.h * grid.padded.w * kClasses;
  for (const engine::RowRange& rows : slabs) {
    engine::ScoreSlab slab;
    slab.rows = rows;
    slab.height = grid.padded.h;
    slab.width = grid.padded.w;
    slab.classes = kClasses;
    slab.scores = std::span(scores).subspan(static_cast<std::size_t>(rows.begin * row),
                                            static_cast<std::size_t>(rows.count() * row));
    ASSERT_TRUE(collector.add(slab));
  }
}

// The same by definition: every voxel's place in space, all eight neighbours,
// in double.
std::vector<LabelValue> bruteForce(const NetworkGrid& grid,
                                   const Geometry& part,
                                   const std::vector<float>& scores) {
  const Affine networkFromLps = grid.geometry.indexFromLps();
  std::vector<LabelValue> labels;
  for (std::int64_t k = 0; k < part.size.k; ++k) {
    for (std::int64_t j = 0; j < part.size.j; ++j) {
      for (std::int64_t i = 0; i < part.size.i; ++i) {
        Vec3 at = networkFromLps.apply(
            part.sliceToLps(static_cast<double>(i), static_cast<double>(j), k));
        std::array<double, kClasses> sums{};
        for (int axis = 0; axis < 3; ++axis) {
          at[axis] = std::clamp(at[axis], 0.0, static_cast<double>(grid.size[axis] - 1));
        }
        for (std::int64_t d = 0; d < grid.size.k; ++d) {
          for (std::int64_t h = 0; h < grid.size.j; ++h) {
            for (std::int64_t w = 0; w < grid.size.i; ++w) {
              const double weight = std::max(0.0, 1.0 - std::abs(at.x - static_cast<double>(w))) *
                                    std::max(0.0, 1.0 - std::abs(at.y - static_cast<double>(h))) *
                                    std::max(0.0, 1.0 - std::abs(at.z - static_cast<double>(d)));
              const std::int64_t voxel = (d * grid.padded.h + h) * grid.padded.w + w;
              for (std::int64_t c = 0; weight > 0.0 && c < kClasses; ++c) {
                sums[static_cast<std::size_t>(c)] +=
                    weight * scores[static_cast<std::size_t>(voxel * kClasses + c)];
              }
            }
          }
        }
        labels.push_back(
            static_cast<LabelValue>(std::max_element(sums.begin(), sums.end()) - sums.begin()));
      }
    }
  }
  return labels;
}

ModelCard card(const Vec3& spacing) {
  ModelCard result = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
  result.axisCodes = "SAR";  // every axis moves
  result.spacingMm = spacing;
  return result;
}

std::vector<LabelValue> collected(const NetworkGrid& grid,
                                  const std::vector<float>& scores,
                                  std::vector<engine::RowRange> slabs) {
  engine::LabelCollector collector(labelGrid(grid));
  feed(collector, grid, scores, std::move(slabs));
  EXPECT_EQ(collector.rowsKept(), 0U);
  return collector.take();
}

// Slabs of several heights that arrive out of order.
std::vector<engine::RowRange> scattered(std::int64_t rows) {
  std::vector<engine::RowRange> slabs;
  for (std::int64_t begin = 0, height = 1; begin < rows; begin += height, height = height % 3 + 1) {
    slabs.push_back({begin, std::min(rows, begin + height)});
  }
  std::rotate(slabs.begin(), slabs.begin() + 2, slabs.end());
  std::reverse(slabs.begin() + 1, slabs.end());
  return slabs;
}

void compare(const Geometry& source, const Vec3& spacing) {
  const NetworkGrid grid =
      networkGrid(source, source.box(), card(spacing), engine::Extent{4, 4, 4}).value();
  const std::vector<float> scores = someScores(grid);
  const auto expected = bruteForce(grid, source, scores);
  EXPECT_EQ(collected(grid, scores, {{0, grid.padded.d}}), expected);
  EXPECT_EQ(collected(grid, scores, scattered(grid.padded.d)), expected);
}

Geometry turned(Geometry geometry) {
  const Vec3 spacing = geometry.spacingMm();
  geometry.lpsFromIndex.setColumn(0, normalized(Vec3{0.95, 0.25, 0.1}) * spacing.x);
  geometry.lpsFromIndex.setColumn(1, normalized(Vec3{-0.25, 0.95, 0.0}) * spacing.y);
  geometry.lpsFromIndex.setColumn(2, normalized(Vec3{-0.1, 0.05, 0.98}) * spacing.z);
  return geometry;  // not quite orthogonal: sheared
}

TEST(LabelGrid, TakesTheHighestScoreWhereGridsDifferByOrderAlone) {
  compare(phantom::grid({6, 7, 9}, {1.0, 2.0, 3.0}, "PIR"), {2.0, 1.0, 3.0});
  compare(phantom::grid({5, 9, 6}, {1.0, 1.0, 1.0}, "LPS"), {1.0, 1.0, 1.0});
}

TEST(LabelGrid, InterpolatesScoresOnAFinerSource) {
  compare(phantom::grid({11, 9, 13}, {0.7, 0.8, 0.6}, "LPS"), {1.5, 1.2, 1.3});
}

TEST(LabelGrid, InterpolatesScoresOnACoarserSource) {
  compare(phantom::grid({5, 6, 4}, {2.0, 1.5, 3.1}, "RAI"), {1.0, 1.0, 1.0});
}

TEST(LabelGrid, FollowsAnObliqueShearedSource) {
  compare(turned(phantom::grid({8, 7, 6}, {0.8, 0.9, 2.5}, "LPS")), {1.0, 1.0, 1.0});
}

TEST(LabelGrid, LabelsUnevenSlicesWhereTheyLie) {
  for (const char* codes : {"SAR", "RAS", "ASL"}) {
    Geometry source = turned(phantom::grid({6, 7, 5}, {1.0, 1.1, 2.0}, "LPS"));
    const std::array<double, 5> heights{0.0, 1.2, 4.4, 5.9, 8.1};
    for (std::size_t k = 0; k < heights.size(); ++k) {
      source.sliceOrigins.push_back(source.lpsFromIndex.offset +
                                    normalized(source.lpsFromIndex.column(2)) * heights[k] +
                                    source.direction(0) * (0.3 * static_cast<double>(k % 2)));
    }
    ModelCard uneven = card({1.0, 1.0, 1.0});
    uneven.axisCodes = codes;
    const NetworkGrid grid =
        networkGrid(source, source.box(), uneven, engine::Extent{1, 1, 1}).value();
    const std::vector<float> scores = someScores(grid);
    const auto expected = bruteForce(grid, source, scores);
    EXPECT_EQ(collected(grid, scores, {{0, grid.padded.d}}), expected) << codes;
    EXPECT_EQ(collected(grid, scores, scattered(grid.padded.d)), expected) << codes;
  }
}

TEST(LabelGrid, PrefersTheLowerClassOfEqualScores) {
  const Geometry source = phantom::grid({2, 2, 2}, {1, 1, 1}, "LPS");
  const NetworkGrid grid =
      networkGrid(source, source.box(), card({1, 1, 1}), engine::Extent{1, 1, 1}).value();
  const std::vector<float> scores(static_cast<std::size_t>(8 * kClasses), 0.5F);
  EXPECT_THAT(collected(grid, scores, {{0, 2}}), ::testing::Each(0));
}

TEST(LabelGrid, KeepsOnlyRowsAtBordersThatWait) {
  const Geometry source = phantom::grid({12, 12, 12}, {0.5, 0.5, 0.5}, "SAR");
  const NetworkGrid grid =
      networkGrid(source, source.box(), card({0.7, 0.7, 0.7}), engine::Extent{1, 1, 1}).value();
  const std::vector<float> scores = someScores(grid);
  engine::LabelCollector collector(labelGrid(grid));
  for (std::int64_t row = 0; row < grid.padded.d; ++row) {
    feed(collector, grid, scores, {{row, row + 1}});
    EXPECT_LE(collector.rowsKept(), 1U);
  }
  EXPECT_EQ(collector.rowsKept(), 0U);
}

}  // namespace

}  // namespace argand::infer
