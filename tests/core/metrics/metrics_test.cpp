// SPDX-License-Identifier: Apache-2.0
#include "core/metrics/metrics.h"

#include "core/volume/phantom.h"
#include "tests/support/grids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

namespace argand::metrics {
namespace {

LabelMap emptyMap(const Geometry& geometry) {
  return {geometry, std::vector<LabelValue>(static_cast<std::size_t>(geometry.size.voxels()), 0)};
}

LabelMap boxMap(const Geometry& geometry, const Box& box, LabelValue value = 1) {
  LabelMap map = emptyMap(geometry);
  const Size3& size = geometry.size;
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
      for (std::int64_t i = box.begin.i; i < box.end.i; ++i) {
        map.voxels[static_cast<std::size_t>((k * size.j + j) * size.i + i)] = value;
      }
    }
  }
  return map;
}

std::vector<Vec3> surface(const LabelMap& map) {
  const Size3& size = map.geometry.size;
  const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    return map.geometry.box().contains({i, j, k}) &&
           map.voxels[static_cast<std::size_t>((k * size.j + j) * size.i + i)] == 1;
  };
  std::vector<Vec3> points;
  for (std::int64_t k = 0; k < size.k; ++k) {
    for (std::int64_t j = 0; j < size.j; ++j) {
      for (std::int64_t i = 0; i < size.i; ++i) {
        const bool inside = at(i - 1, j, k) && at(i + 1, j, k) && at(i, j - 1, k) &&
                            at(i, j + 1, k) && at(i, j, k - 1) && at(i, j, k + 1);
        if (at(i, j, k) && !inside) {
          points.push_back(
              map.geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k));
        }
      }
    }
  }
  return points;
}

// Each pair of points compared.
std::vector<double> allNearest(const std::vector<Vec3>& from, const std::vector<Vec3>& to) {
  std::vector<double> distances;
  for (const Vec3& a : from) {
    double nearest = 1e9;
    for (const Vec3& b : to) {
      nearest = std::min(nearest, length(a - b));
    }
    distances.push_back(nearest);
  }
  std::sort(distances.begin(), distances.end());
  return distances;
}

double percentile95(const std::vector<double>& sorted) {
  const double rank = 0.95 * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(rank);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (rank - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

TEST(Metrics, MeetsBruteForceOnAnyGrid) {
  std::mt19937 random(4);
  const Geometry base = phantom::grid({17, 15, 13}, {0.7, 1.3, 3.1});
  for (const Geometry& geometry : {base,
                                   test::oblique(base, 25.0),
                                   test::tilted(base, 30.0),
                                   test::uneven(test::tilted(base, 12.0))}) {
    for (const unsigned oneIn : {2U, 6U, 60U}) {
      LabelMap a = emptyMap(geometry);
      LabelMap b = boxMap(geometry, {{4, 3, 2}, {12, 11, 9}});
      for (LabelValue& voxel : a.voxels) {
        voxel = random() % oneIn == 0 ? 1 : 0;
      }
      const auto scores = evaluate(a, b).value().labels;
      ASSERT_EQ(scores.size(), 1U);
      const auto fromA = allNearest(surface(a), surface(b));
      const auto fromB = allNearest(surface(b), surface(a));
      double sum = 0.0;
      for (const double distance : fromA) {
        sum += distance;
      }
      for (const double distance : fromB) {
        sum += distance;
      }
      EXPECT_NEAR(*scores[0].hdMm, std::max(fromA.back(), fromB.back()), 1e-6);
      const auto near = [](const std::vector<double>& distances) {
        return std::upper_bound(distances.begin(), distances.end(), 1.0 + 1e-6) - distances.begin();
      };
      EXPECT_NEAR(scores[0].surfaceDice,
                  static_cast<double>(near(fromA) + near(fromB)) /
                      static_cast<double>(fromA.size() + fromB.size()),
                  1e-12);
      EXPECT_NEAR(*scores[0].hd95Mm, std::max(percentile95(fromA), percentile95(fromB)), 1e-6);
      EXPECT_NEAR(*scores[0].meanSurfaceDistanceMm,
                  sum / static_cast<double>(fromA.size() + fromB.size()),
                  1e-6);
    }
  }
}

TEST(Metrics, ScoresEqualMasksAsPerfect) {
  const LabelMap map =
      boxMap(phantom::grid({10, 10, 10}, {1, 2, 3}), {{0, 1, 2}, {6, 7, 10}}, 40000);
  LabelTable names;
  names.set(40000, {"Liver", {}, {}, Side::None});
  const Evaluation evaluation = evaluate(map, map, names).value();
  ASSERT_EQ(evaluation.labels.size(), 1U);
  EXPECT_EQ(evaluation.labels[0].name, "Liver");
  EXPECT_EQ(evaluation.labels[0].value, 40000);
  EXPECT_EQ(evaluation.labels[0].dice, 1.0);
  EXPECT_EQ(evaluation.meanDice, 1.0);
  EXPECT_NEAR(*evaluation.labels[0].hd95Mm, 0.0, 1e-5);
  EXPECT_NEAR(*evaluation.labels[0].meanSurfaceDistanceMm, 0.0, 1e-5);
  EXPECT_NEAR(evaluation.labels[0].volumeMl, 6 * 6 * 8 * 0.006, 1e-12);
}

TEST(Metrics, MeetsTheClosedFormOfPlatesApart) {
  // Two plates one voxel thick, three slices of 2.5 mm apart: every distance is 7.5 mm.
  const Geometry geometry = phantom::grid({12, 12, 12}, {0.8, 1.1, 2.5});
  const LabelMap a = boxMap(geometry, {{0, 0, 2}, {12, 12, 3}});
  const LabelMap b = boxMap(geometry, {{0, 0, 5}, {12, 12, 6}});
  const LabelScore score = evaluate(a, b).value().labels[0];
  EXPECT_EQ(score.dice, 0.0);
  EXPECT_NEAR(*score.hd95Mm, 7.5, 1e-9);
  EXPECT_NEAR(*score.meanSurfaceDistanceMm, 7.5, 1e-9);
}

TEST(Metrics, MeasuresTheShiftOfACube) {
  // A cube moved by 2 of its 10 voxels of 1.5 mm along i: Dice 0.8; the far side is 3 mm off.
  const Geometry geometry = phantom::grid({30, 30, 30}, {1.5, 1.0, 1.0});
  const LabelMap a = boxMap(geometry, {{5, 5, 5}, {15, 15, 15}});
  const LabelMap b = boxMap(geometry, {{7, 5, 5}, {17, 15, 15}});
  const LabelScore score = evaluate(a, b).value().labels[0];
  EXPECT_NEAR(score.dice, 0.8, 1e-12);
  EXPECT_NEAR(*score.hd95Mm, 3.0, 1e-9);
  EXPECT_NEAR(*score.hdMm, 3.0, 1e-9);
  EXPECT_NEAR(score.jaccard, 800.0 / 1200.0, 1e-12);
  EXPECT_NEAR(score.volumeDifferenceMl, 0.0, 1e-12);
  EXPECT_NEAR(*score.volumeDifferencePercent, 0.0, 1e-12);
}

TEST(Metrics, CountsTheSurfaceWithinTheTolerance) {
  // Two plates of one voxel, 3 mm apart along k: all of both is within the tolerance or none.
  const Geometry geometry = phantom::grid({12, 12, 12}, {0.7, 1.1, 1.0});
  const LabelMap a = boxMap(geometry, {{0, 0, 2}, {12, 12, 3}});
  const LabelMap b = boxMap(geometry, {{0, 0, 5}, {12, 12, 6}});
  for (const auto& [tolerance, share] :
       {std::pair{0.0, 0.0}, std::pair{2.999, 0.0}, std::pair{3.0, 1.0}, std::pair{9.0, 1.0}}) {
    const auto evaluation = evaluate(a, b, {}, {tolerance}).value();
    EXPECT_EQ(evaluation.labels[0].surfaceDice, share) << tolerance;
    EXPECT_EQ(evaluation.toleranceMm, tolerance);
  }
  // Equal masks agree everywhere, whatever the tolerance.
  EXPECT_EQ(evaluate(a, a, {}, {0.0}).value().labels[0].surfaceDice, 1.0);
  for (const double wrong : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(evaluate(a, b, {}, {wrong}).error().code, ErrorCode::Usage);
  }
}

TEST(Metrics, TellsVolumesApart) {
  const Geometry geometry = test::uneven(phantom::grid({10, 10, 6}, {2, 2, 5}));
  const LabelScore score =
      evaluate(boxMap(geometry, {{0, 0, 0}, {5, 4, 6}}), boxMap(geometry, {{0, 0, 0}, {4, 4, 6}}))
          .value()
          .labels[0];
  EXPECT_NEAR(*score.volumeDifferencePercent, 25.0, 1e-9);
  EXPECT_NEAR(score.volumeDifferenceMl, score.referenceVolumeMl / 4.0, 1e-9);
  EXPECT_NEAR(score.jaccard, 0.8, 1e-12);
}

TEST(Metrics, MeasuresTheGapBetweenSpheres) {
  const Geometry geometry = phantom::grid({80, 80, 80}, {1, 1, 1});
  const auto mapOf = [&](double radius) {
    return flattened(phantom::rasterized(geometry, {phantom::sphere("S", {0, 0, 0}, radius)}))
        .value();
  };
  const LabelScore score = evaluate(mapOf(30.0), mapOf(25.0)).value().labels[0];
  // Voxel centres of the surface lie up to a voxel inside the sphere.
  EXPECT_NEAR(*score.meanSurfaceDistanceMm, 5.0, 0.3);
  EXPECT_NEAR(*score.hd95Mm, 5.0, 0.6);
  const double inner = 25.0 * 25.0 * 25.0;
  const double outer = 30.0 * 30.0 * 30.0;
  EXPECT_NEAR(score.dice, 2.0 * inner / (inner + outer), 0.005);
  EXPECT_NEAR(score.volumeMl, 4.0 / 3.0 * std::numbers::pi * outer / 1000.0, 0.5);
}

TEST(Metrics, HasNoDistanceToNothing) {
  const Geometry geometry = phantom::grid({8, 8, 8}, {1, 1, 1});
  const LabelMap none = emptyMap(geometry);
  const LabelMap some = boxMap(geometry, {{1, 1, 1}, {2, 2, 2}}, 3);
  for (const auto& [labels, reference] : {std::pair{none, some}, std::pair{some, none}}) {
    const Evaluation evaluation = evaluate(labels, reference).value();
    ASSERT_EQ(evaluation.labels.size(), 1U);
    const LabelScore& score = evaluation.labels[0];
    EXPECT_EQ(score.dice, 0.0);
    EXPECT_EQ(score.jaccard, 0.0);
    EXPECT_EQ(score.surfaceDice, 0.0);
    EXPECT_FALSE(score.hdMm);
    EXPECT_FALSE(score.hd95Mm);
    EXPECT_NEAR(score.volumeDifferenceMl, score.volumeMl - score.referenceVolumeMl, 1e-12);
    EXPECT_EQ(score.volumeDifferencePercent.has_value(), score.referenceVolumeMl > 0.0);
    EXPECT_EQ(score.volumeDifferencePercent.value_or(-100.0), -100.0);
    EXPECT_FALSE(evaluation.labels[0].meanSurfaceDistanceMm);
    EXPECT_EQ(evaluation.labels[0].name, "Label_3");
  }
  EXPECT_TRUE(evaluate(none, none).value().labels.empty());
  EXPECT_EQ(evaluate(none, none).value().meanDice, std::nullopt);
  EXPECT_EQ(dice(0, 0, 0), std::nullopt);
}

TEST(Metrics, RefusesAnotherGridAndStopsWhenAsked) {
  const LabelMap a = emptyMap(phantom::grid({8, 8, 8}, {1, 1, 1}));
  const LabelMap b = emptyMap(phantom::grid({8, 8, 8}, {1, 1, 1.1}));
  EXPECT_FALSE(evaluate(a, b));
  LabelMap shorter = a;
  shorter.voxels.pop_back();
  EXPECT_FALSE(evaluate(shorter, a));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(evaluate(a, a, {}, {}, stop.get_token()).error().code, ErrorCode::Cancelled);
}

TEST(Metrics, ExplainsEveryFigure) {
  const auto sentences = definitions();
  EXPECT_EQ(sentences.size(), 11U);
  for (const auto& [key, sentence] : sentences) {
    EXPECT_FALSE(key.empty());
    EXPECT_EQ(sentence.back(), '.');
  }
}

}  // namespace
}  // namespace argand::metrics
