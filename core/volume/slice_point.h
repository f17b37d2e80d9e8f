// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/geometry.h"

namespace argand {

// Returns the point (LPS, mm) at a continuous index among the acquired slices: the inverse
// of SliceIndexer::indexAt. For a regular grid it is lpsFromIndex; else linear between
// neighbouring slices and continued at the outermost distance beyond the ends.
[[nodiscard]] Vec3 acquiredPoint(const Geometry& geometry, const Vec3& index);

}  // namespace argand
