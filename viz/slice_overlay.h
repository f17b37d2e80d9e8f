// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "viz/slice_renderer.h"

namespace argand::viz {

// Blends the structures of one slice over `image`, layer by layer: the inside of
// a structure with its fill, and the `style.borderPx` outermost pixels of it with
// its border. With `style.interpolate` a pixel takes the label that has the most
// weight among the four nearest voxels (linear weights), so that borders run
// where a contour at one half would, through voxel corners cut short; without,
// the label of its voxel. At voxel centres both are exact.
void blendStructures(const SliceFrame& frame,
                     std::int64_t slice,
                     const SliceCamera& camera,
                     const Segmentation& segmentation,
                     const SliceStyle& style,
                     SliceImage& image);

}  // namespace argand::viz
