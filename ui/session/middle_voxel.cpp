// SPDX-License-Identifier: Apache-2.0
#include "ui/session/middle_voxel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace argand::ui {

// The search goes out from the slice of the centroid and ends where a whole slice is
// farther away than the nearest voxel found.
std::optional<Index3> middleVoxel(const Segmentation& segmentation, StructureId id) {
  const auto centroid = segmentation.centroidMm(id);
  if (!centroid) {
    return std::nullopt;
  }
  const Geometry& geometry = segmentation.geometry();
  const Vec3 spacing = geometry.spacingMm();
  const Vec3 middle = SliceIndexer(geometry).indexAt(*centroid);
  const Box box = segmentation.boundsOf(id);
  std::vector<std::int64_t> slices;
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    slices.push_back(k);
  }
  const auto apart = [&](int axis, std::int64_t at) {
    return std::abs(static_cast<double>(at) - middle[axis]) * spacing[axis];
  };
  std::sort(slices.begin(), slices.end(), [&](std::int64_t a, std::int64_t b) {
    return apart(2, a) < apart(2, b);
  });
  Index3 nearest = box.begin;
  double nearestMm = std::numeric_limits<double>::infinity();
  for (const std::int64_t k : slices) {
    if (apart(2, k) >= nearestMm) {
      break;
    }
    const Box slice{{box.begin.i, box.begin.j, k}, {box.end.i, box.end.j, k + 1}};
    const auto mask = segmentation.mask(id, slice);
    std::size_t n = 0;
    for (std::int64_t j = slice.begin.j; j < slice.end.j; ++j) {
      for (std::int64_t i = slice.begin.i; i < slice.end.i; ++i, ++n) {
        const double mm = std::hypot(apart(0, i), apart(1, j), apart(2, k));
        if (mask[n] != 0 && mm < nearestMm) {
          nearestMm = mm;
          nearest = {i, j, k};
        }
      }
    }
  }
  return nearest;
}

}  // namespace argand::ui
