// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/volume/label_table.h"
#include "core/volume/segmentation.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace argand::metrics {

// Returns 2|A n B| / (|A| + |B|); nothing where both are empty.
[[nodiscard]] std::optional<double> dice(std::int64_t intersection, std::int64_t a, std::int64_t b);

struct EvaluateOptions {
  double toleranceMm = 1.0;  // of the surface Dice; not below 0
};

// Figures of one label that at least one of the maps has; definitions() says each.
// Distances have no value where either mask is empty.
struct LabelScore {
  LabelValue value = 0;
  std::string name;
  double dice = 0.0;
  double jaccard = 0.0;
  std::optional<double> hdMm;
  std::optional<double> hd95Mm;
  std::optional<double> meanSurfaceDistanceMm;
  double surfaceDice = 0.0;
  double volumeMl = 0.0;
  double referenceVolumeMl = 0.0;
  double volumeDifferenceMl = 0.0;
  std::optional<double> volumeDifferencePercent;  // nothing where the reference is empty
};

struct Evaluation {
  std::vector<LabelScore> labels;  // every non-zero value in either map
  std::optional<double> meanDice;  // over these; nothing where there are none
  double toleranceMm = 0.0;
};

// For a file: null where there is no figure.
[[nodiscard]] Json jsonOrNull(const std::optional<double>& figure);

// How each figure is defined, one sentence per key, to be printed beside the figures.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> definitions();

// Scores per label of two maps on one grid. Distances are in LPS mm between the centres
// of surface voxels on the acquired slices, exact for tilted and uneven series too.
//
// Fails with InputRefused where the grids differ, with Usage where the tolerance is no
// distance, and with Cancelled.
[[nodiscard]] Result<Evaluation> evaluate(const LabelMap& labels,
                                          const LabelMap& reference,
                                          const LabelTable& names = {},
                                          const EvaluateOptions& options = {},
                                          const std::stop_token& stop = {});

}  // namespace argand::metrics
