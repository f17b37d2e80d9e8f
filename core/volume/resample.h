// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <stop_token>

namespace argand {

enum class Interpolation { Nearest, Linear };

// Brings `volume` to `target` (any affine, oblique or sheared on either side):
// each target voxel takes the value at its centre. Outside the source's voxel
// centres by more than half a voxel: backgroundValue; between the outermost
// centre and the face, the edge value. The result is float32 for Linear, the
// source's type for Nearest. A source of uneven slices is sampled from where
// its slices lie.
[[nodiscard]] Result<Volume> resampled(const Volume& volume,
                                       const Geometry& target,
                                       Interpolation interpolation,
                                       const std::stop_token& stop = {});

// A label map on another grid: each voxel takes the value of the nearest source
// voxel, background outside.
[[nodiscard]] Result<LabelMap> resampledLabels(const LabelMap& labels,
                                               const Geometry& target,
                                               const std::stop_token& stop = {});

}  // namespace argand
