// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/preprocess.h"
#include "core/train/dataset.h"

#include <vector>

namespace argand::train {

// A pair as the network sees it, kept in memory for the whole training.
struct TrainingCase {
  std::string id;
  infer::NetworkGrid grid;         // padded to the network's alignment
  std::vector<float> image;        // normalised, i fastest, without the padding
  std::vector<LabelValue> labels;  // on the network's grid
  std::vector<LabelValue> source;  // on the source's grid: what validation compares with
};

[[nodiscard]] Result<TrainingCase> loadCase(const Case& pair,
                                            const infer::ModelCard& card,
                                            const engine::Extent& alignment,
                                            const std::stop_token& stop = {});

// The image with 0 behind it along each axis, as inference pads.
[[nodiscard]] std::vector<float> padded(const std::vector<float>& image,
                                        const Size3& size,
                                        const engine::Extent& extent);

}  // namespace argand::train
