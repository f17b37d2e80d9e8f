// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

namespace argand::test {

// The size and spacing of the grid that the shapes are made for.
inline constexpr Size3 kNineShapesSize{256, 224, 40};
inline constexpr Vec3 kNineShapesSpacingMm{0.977, 0.977, 3.0};

// Nine structures that contour writers and readers get wrong, on a grid of that
// size, each in a layer of its own: spheres of 45, 6 and 3.2 mm radius, a 5 mm
// shell, a shell with an island, a winding 2 mm tube, a block at the image
// border, a noisy blob of hundreds of parts, isolated and diagonal voxels.
[[nodiscard]] Segmentation nineShapes(const Geometry& geometry);

}  // namespace argand::test
