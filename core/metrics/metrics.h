// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/volume/label_table.h"
#include "core/volume/segmentation.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace argand::metrics {

// 2|A n B| / (|A| + |B|); 1 where both are empty.
[[nodiscard]] double dice(std::int64_t intersection, std::int64_t a, std::int64_t b);

struct LabelScore {
  LabelValue value = 0;
  std::string name;
  double dice = 0.0;
  // Nothing where either mask is empty: a distance to nothing has no value.
  std::optional<double> hd95Mm;
  std::optional<double> meanSurfaceDistanceMm;
  double volumeMl = 0.0;
  double referenceVolumeMl = 0.0;
};

struct Evaluation {
  std::vector<LabelScore> labels;  // every non-zero value in either map
  double meanDice = 0.0;
};

// How each figure is defined, one sentence per key, to be printed beside the figures.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> definitions();

// Scores per label of two maps on one grid.
//
// Surface voxels are voxels of a mask with a 6-neighbour outside it (or on the
// border of the grid). hd95Mm is the larger of the two directed 95th percentiles
// (linear interpolation) of the distances from surface voxel centres of one mask
// to the nearest surface voxel centre of the other; meanSurfaceDistanceMm is
// the mean over both directions' distances together. Distances in LPS mm.
[[nodiscard]] Result<Evaluation> evaluate(const LabelMap& labels,
                                          const LabelMap& reference,
                                          const LabelTable& names = {},
                                          const std::stop_token& stop = {});

}  // namespace argand::metrics
