// SPDX-License-Identifier: Apache-2.0
#include "core/volume/slice_point.h"

#include <algorithm>
#include <cmath>

namespace argand {

Vec3 acquiredPoint(const Geometry& geometry, const Vec3& index) {
  if (geometry.sliceOrigins.size() < 2) {
    const Vec3 step = geometry.lpsFromIndex.column(2);
    return geometry.sliceOrigins.empty()
               ? geometry.lpsFromIndex.apply(index)
               : geometry.sliceToLps(index.x, index.y, 0) + step * index.z;
  }
  const double lastGap = static_cast<double>(geometry.size.k - 2);
  const double below = std::clamp(std::floor(index.z), 0.0, lastGap);
  const auto k = static_cast<std::int64_t>(below);
  const Vec3 from = geometry.sliceToLps(index.x, index.y, k);
  return from + (geometry.sliceToLps(index.x, index.y, k + 1) - from) * (index.z - below);
}

}  // namespace argand
