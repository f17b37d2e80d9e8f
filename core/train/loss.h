// SPDX-License-Identifier: Apache-2.0
// Internal to the trainer: brings Torch in.
#pragma once

#include "core/engine/training/differentiable.h"
#include "core/train/trainer.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace argand::train {

// 1 - the mean over the classes present (background left out) of soft Dice,
// plus the mean over voxels of cross-entropy, or of focal loss with gamma 2
// (Lin et al. 2017). A class that the labels lack has no Dice: its false voxels
// are left to the other term. `labels` are those of `size`; scores of the
// padding behind it do not count. One sample. Summed slab by slab in double, so
// no device has more than its slab of the classes; beside the scores only their
// gradient is made. A label must be below the number of classes.
[[nodiscard]] at::Tensor segmentationLoss(const engine::SlabScores& scores,
                                          const std::vector<LabelValue>& labels,
                                          const Size3& size,
                                          RegionLoss kind);

}  // namespace argand::train
