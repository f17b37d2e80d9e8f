// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/infer/model_card.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace argand::train {

// An image and its label map.
struct Case {
  std::string id;  // the file name without its ending
  std::filesystem::path image;
  std::filesystem::path labels;
};

struct Finding {
  std::string caseId;
  std::string text;     // a sentence that names the file
  bool refuses = true;  // the case cannot be used; false: a warning
};

// What was found in a folder of pairs (DIR/images/X.nii.gz with DIR/labels/X.nii.gz).
struct DatasetReport {
  std::vector<Case> cases;  // those that can be used, sorted by id
  std::vector<Finding>
      findings;  // image without label, other grid, label not in the model, repairs, duplicates...
  std::vector<LabelValue> values;  // label values that occur
  Vec3 largestExtentMm;            // in the card's axis order
};

// Reads every pair and checks it against `card` (label values, grids, modality cannot be told).
[[nodiscard]] Result<DatasetReport> checkDataset(const std::filesystem::path& folder,
                                                 const infer::ModelCard& card,
                                                 const std::stop_token& stop = {},
                                                 const ProgressFn& progress = {});

// Which cases train and which validate; stored beside the model.
struct Split {
  std::vector<std::string> training;
  std::vector<std::string> validation;
};

// By a fixed shuffle of the ids with `seed`; at least one case on each side.
[[nodiscard]] Result<Split> splitCases(const std::vector<Case>& cases,
                                       double validationShare,
                                       std::uint64_t seed);

// A split stored as {"training": [ids], "validation": [ids]}; every id must be
// one of `cases`, and stand once.
[[nodiscard]] Result<Split> readSplit(const std::filesystem::path& path,
                                      const std::vector<Case>& cases);
[[nodiscard]] Json toJson(const Split& split);

}  // namespace argand::train
