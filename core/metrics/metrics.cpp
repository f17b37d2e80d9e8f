// SPDX-License-Identifier: Apache-2.0
#include "core/metrics/metrics.h"

#include "core/metrics/point_tree.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace argand::metrics {

namespace {

constexpr std::size_t kValues = std::size_t{1} << 16U;
constexpr double kRoundingMm = 1e-6;

// What one pass over a map tells of each of its values.
struct Tally {
  std::vector<std::int64_t> voxels = std::vector<std::int64_t>(kValues, 0);
  std::vector<double> volumeMl = std::vector<double>(kValues, 0.0);
  std::vector<Box> bounds = std::vector<Box>(kValues);
};

Result<Tally> tallyOf(const LabelMap& map, const std::stop_token& stop) {
  Tally tally;
  const Size3& size = map.geometry.size;
  const LabelValue* row = map.voxels.data();
  for (std::int64_t k = 0; k < size.k; ++k) {
    ARGAND_TRY(checkStop(stop));
    const double voxelMl = map.geometry.voxelVolumeMl(k);
    for (std::int64_t j = 0; j < size.j; ++j, row += size.i) {
      for (std::int64_t i = 0; i < size.i;) {
        const LabelValue value = row[i];
        const std::int64_t begin = i;
        while (i < size.i && row[i] == value) {
          ++i;
        }
        if (value != 0) {
          tally.voxels[value] += i - begin;
          tally.volumeMl[value] += static_cast<double>(i - begin) * voxelMl;
          tally.bounds[value] = united(tally.bounds[value], {{begin, j, k}, {i, j + 1, k + 1}});
        }
      }
    }
  }
  return tally;
}

std::vector<std::int64_t> intersections(const LabelMap& a, const LabelMap& b) {
  std::vector<std::int64_t> counts(kValues, 0);
  for (std::size_t n = 0; n < a.voxels.size(); ++n) {
    counts[a.voxels[n]] += static_cast<std::int64_t>(a.voxels[n] == b.voxels[n]);
  }
  return counts;
}

// Centres, in LPS mm, of the voxels of `value` with a 6-neighbour of another value or none.
std::vector<Vec3> surfaceOf(const LabelMap& map, LabelValue value, const Box& bounds) {
  const Size3& size = map.geometry.size;
  const std::array<std::int64_t, 3> strides{1, size.i, size.i * size.j};
  std::vector<Vec3> points;
  for (std::int64_t k = bounds.begin.k; k < bounds.end.k; ++k) {
    for (std::int64_t j = bounds.begin.j; j < bounds.end.j; ++j) {
      for (std::int64_t i = bounds.begin.i; i < bounds.end.i; ++i) {
        const LabelValue* voxel = map.voxels.data() + (k * size.j + j) * size.i + i;
        if (*voxel != value) {
          continue;
        }
        const Index3 at{i, j, k};
        bool inside = true;
        for (int axis = 0; axis < 3 && inside; ++axis) {
          const std::int64_t stride = strides[static_cast<std::size_t>(axis)];
          inside = at[axis] > 0 && at[axis] + 1 < size[axis] && voxel[-stride] == value &&
                   voxel[stride] == value;
        }
        if (!inside) {
          points.push_back(
              map.geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k));
        }
      }
    }
  }
  return points;
}

std::vector<double> distancesTo(const PointTree& target, const std::vector<Vec3>& points) {
  std::vector<double> distances;
  distances.reserve(points.size());
  double bound = std::numeric_limits<double>::infinity();
  for (std::size_t n = 0; n < points.size(); ++n) {
    if (n > 0) {  // points follow each other along rows: the last distance bounds the next
      bound = distances.back() + length(points[n] - points[n - 1]);
    }
    distances.push_back(std::sqrt(target.nearestSquared(points[n], bound * bound)));
  }
  return distances;
}

// With linear interpolation between ranks, as NumPy's default.
double percentile(std::vector<double> values, double share) {
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto low = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), low, values.end());
  const double fraction = rank - std::floor(rank);
  if (fraction <= 0.0) {
    return *low;
  }
  const double next = *std::min_element(low + 1, values.end());
  return *low + fraction * (next - *low);
}

void scoreSurfaces(LabelScore& score,
                   std::vector<Vec3> a,
                   std::vector<Vec3> b,
                   double toleranceMm) {
  const auto fromA = distancesTo(PointTree(b), a);
  const auto fromB = distancesTo(PointTree(std::move(a)), b);
  // Points lie at multiples of the spacing: a distance that equals the tolerance but
  // for rounding is within it.
  const double within = toleranceMm + kRoundingMm;
  double sum = 0.0;
  std::int64_t near = 0;
  for (const auto* distances : {&fromA, &fromB}) {
    for (const double distance : *distances) {
      sum += distance;
      near += distance <= within ? 1 : 0;
    }
  }
  const auto count = static_cast<double>(fromA.size() + fromB.size());
  score.meanSurfaceDistanceMm = sum / count;
  score.surfaceDice = static_cast<double>(near) / count;
  score.hdMm = std::max(*std::max_element(fromA.begin(), fromA.end()),
                        *std::max_element(fromB.begin(), fromB.end()));
  score.hd95Mm = std::max(percentile(fromA, 0.95), percentile(fromB, 0.95));
}

Result<void> checkGrids(const LabelMap& labels, const LabelMap& reference) {
  for (const LabelMap* map : {&labels, &reference}) {
    ARGAND_TRY(map->geometry.check());
    if (static_cast<std::int64_t>(map->voxels.size()) != map->geometry.size.voxels()) {
      return fail(ErrorCode::InputRefused, "A label map does not hold one value for each voxel.");
    }
  }
  if (!sameGrid(labels.geometry, reference.geometry)) {
    return fail(ErrorCode::InputRefused,
                "The labels and the reference do not lie on one grid; bring the labels to the "
                "reference's grid first.");
  }
  return {};
}

}  // namespace

std::optional<double> dice(std::int64_t intersection, std::int64_t a, std::int64_t b) {
  if (a + b == 0) {
    return std::nullopt;
  }
  return 2.0 * static_cast<double>(intersection) / static_cast<double>(a + b);
}

Json jsonOrNull(const std::optional<double>& figure) {
  return figure ? Json(*figure) : Json(nullptr);
}

std::vector<std::pair<std::string, std::string>> definitions() {
  return {
      {"dice",
       "Twice the voxels that both masks have, over the sum of the voxels of each. A label that "
       "neither map has is not listed and has no value."},
      {"jaccard", "The voxels that both masks have, over those that at least one has."},
      {"hd_mm",
       "Hausdorff distance: the largest of the distances, in mm and in both directions, from the "
       "centre of each surface voxel of one mask to the nearest centre of a surface voxel of the "
       "other. A surface voxel is a voxel of the mask with one of its six neighbours outside the "
       "mask or outside the grid. No value where a mask is empty."},
      {"hd95_mm",
       "The larger of the two 95th percentiles of the same distances, one per direction, linear "
       "between ranks (NumPy's default). No value where a mask is empty."},
      {"mean_surface_distance_mm",
       "The mean of the same distances, both directions pooled. No value where a mask is empty."},
      {"surface_dice",
       "The share of the surface voxels of both masks, counted together, whose distance is at most "
       "the tolerance (tolerance_mm); 0 where one mask is empty."},
      {"volume_ml", "The voxels of the label times the volume of each, as thick as its slice is."},
      {"reference_volume_ml", "The same of the reference."},
      {"volume_difference_ml", "volume_ml less reference_volume_ml."},
      {"volume_difference_percent",
       "volume_difference_ml in percent of reference_volume_ml; no value where that is 0."},
      {"mean_dice",
       "The mean of dice over the labels that at least one of the maps has; no value where there "
       "are none."},
  };
}

Result<Evaluation> evaluate(const LabelMap& labels,
                            const LabelMap& reference,
                            const LabelTable& names,
                            const EvaluateOptions& options,
                            const std::stop_token& stop) {
  if (!std::isfinite(options.toleranceMm) || options.toleranceMm < 0.0) {
    return fail(ErrorCode::Usage,
                "The tolerance of the surface Dice is a distance in mm, 0 or more.");
  }
  ARGAND_TRY(checkGrids(labels, reference));
  ARGAND_ASSIGN(const Tally found, tallyOf(labels, stop));
  ARGAND_ASSIGN(const Tally expected, tallyOf(reference, stop));
  const auto common = intersections(labels, reference);
  Evaluation evaluation;
  evaluation.toleranceMm = options.toleranceMm;
  double sum = 0.0;
  for (std::size_t n = 1; n < kValues; ++n) {
    const std::int64_t voxels = found.voxels[n];
    const std::int64_t referenceVoxels = expected.voxels[n];
    const auto overlap = dice(common[n], voxels, referenceVoxels);
    if (!overlap) {
      continue;
    }
    ARGAND_TRY(checkStop(stop));
    LabelScore score;
    score.value = static_cast<LabelValue>(n);
    score.name = names.nameOf(score.value);
    score.dice = *overlap;
    score.jaccard =
        static_cast<double>(common[n]) / static_cast<double>(voxels + referenceVoxels - common[n]);
    score.volumeMl = found.volumeMl[n];
    score.referenceVolumeMl = expected.volumeMl[n];
    score.volumeDifferenceMl = score.volumeMl - score.referenceVolumeMl;
    if (referenceVoxels > 0) {
      score.volumeDifferencePercent = 100.0 * score.volumeDifferenceMl / score.referenceVolumeMl;
    }
    if (voxels > 0 && referenceVoxels > 0) {
      scoreSurfaces(score,
                    surfaceOf(labels, score.value, found.bounds[n]),
                    surfaceOf(reference, score.value, expected.bounds[n]),
                    options.toleranceMm);
    }
    sum += score.dice;
    evaluation.labels.push_back(std::move(score));
  }
  if (!evaluation.labels.empty()) {
    evaluation.meanDice = sum / static_cast<double>(evaluation.labels.size());
  }
  return evaluation;
}

}  // namespace argand::metrics
