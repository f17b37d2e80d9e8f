// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/train/random.h"
#include "core/volume/segmentation.h"

#include <optional>
#include <vector>

namespace argand::train {

// One image and its labels on one grid, i fastest.
struct Sample {
  Size3 size;
  std::vector<float> image;
  std::vector<LabelValue> labels;
};

// A place in the source for each place of the result, in voxel indices.
[[nodiscard]] Affine randomAffine(const Size3& size,
                                  const Vec3& spacingMm,
                                  std::optional<int> mirrorAxis,
                                  CounterRandom& random);

// The image by trilinear interpolation (beyond the outermost centres the value
// there), the labels by the nearest voxel (background outside).
[[nodiscard]] Sample transformed(const std::vector<float>& image,
                                 const std::vector<LabelValue>& labels,
                                 const Size3& size,
                                 const Affine& sourceFromResult);

// Gain, offset, gamma and noise on an image of mean 0 and deviation 1.
void changeIntensities(std::vector<float>& image, CounterRandom& random);

}  // namespace argand::train
