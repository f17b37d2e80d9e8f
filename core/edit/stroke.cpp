// SPDX-License-Identifier: Apache-2.0
#include "core/base/assert.h"
#include "core/edit/paint.h"
#include "core/edit/tools.h"

#include <algorithm>
#include <cmath>

namespace argand::edit {

namespace {

// All points within a radius of a line segment, in LPS mm.
struct Capsule {
  Vec3 from;
  Vec3 to;
  double radiusMm = 0.0;

  [[nodiscard]] bool contains(const Vec3& point) const {
    const Vec3 along = to - from;
    const Vec3 offset = point - from;
    const double squared = dot(along, along);
    const double share = squared > 0.0 ? std::clamp(dot(offset, along) / squared, 0.0, 1.0) : 0.0;
    const Vec3 apart = offset - along * share;
    return dot(apart, apart) <= radiusMm * radiusMm;
  }
};

// The smallest whole numbers that cover [low, high], as a half-open range.
std::pair<std::int64_t, std::int64_t> covering(double low, double high) {
  return {static_cast<std::int64_t>(std::ceil(low)),
          static_cast<std::int64_t>(std::floor(high)) + 1};
}

// A box with every voxel of `within` whose centre the capsule holds.
Box boundsOf(const Capsule& capsule, const Geometry& geometry, const Box& within) {
  Affine lpsFromLocal;  // in-plane indices and millimetres along the normal
  lpsFromLocal.setColumn(0, geometry.lpsFromIndex.column(0));
  lpsFromLocal.setColumn(1, geometry.lpsFromIndex.column(1));
  lpsFromLocal.setColumn(2, geometry.sliceNormal());
  const Affine localFromLps = lpsFromLocal.inverse();
  Vec3 reach;  // of the radius along each local axis
  for (int axis = 0; axis < 3; ++axis) {
    const auto& row = localFromLps.linear[static_cast<std::size_t>(axis)];
    reach[axis] = capsule.radiusMm * length({row[0], row[1], row[2]});
  }
  Box bounds;
  for (std::int64_t k = within.begin.k; k < within.end.k; ++k) {
    const Vec3 origin = geometry.sliceToLps(0.0, 0.0, k);
    const Vec3 a = localFromLps.applyLinear(capsule.from - origin);
    const Vec3 b = localFromLps.applyLinear(capsule.to - origin);
    if (std::min(a.z, b.z) > reach.z || std::max(a.z, b.z) < -reach.z) {
      continue;
    }
    const auto rangeOf = [&](int axis) {
      return covering(std::min(a[axis], b[axis]) - reach[axis],
                      std::max(a[axis], b[axis]) + reach[axis]);
    };
    const auto [beginI, endI] = rangeOf(0);
    const auto [beginJ, endJ] = rangeOf(1);
    bounds = united(bounds, intersection({{beginI, beginJ, k}, {endI, endJ, k + 1}}, within));
  }
  return bounds;
}

// Where a disc that is at `point` paints: the slice nearest to it, and the point in its plane.
struct OnSlice {
  std::int64_t slice = 0;
  Vec3 point;
};

OnSlice projected(const Geometry& geometry, int sliceAxis, const Vec3& point) {
  const Vec3 index = SliceIndexer(geometry).indexAt(point);
  Vec3 on = index;
  on[sliceAxis] = std::round(index[sliceAxis]);
  const auto slice = static_cast<std::int64_t>(on[sliceAxis]);
  if (slice < 0 || slice >= geometry.size[sliceAxis]) {
    return {slice, point};
  }
  const std::int64_t k = std::clamp<std::int64_t>(std::llround(on.z), 0, geometry.size.k - 1);
  const Vec3 inPlane = geometry.sliceToLps(on.x, on.y, k);
  const Vec3 normal = normalized(cross(geometry.lpsFromIndex.column((sliceAxis + 1) % 3),
                                       geometry.lpsFromIndex.column((sliceAxis + 2) % 3)));
  return {slice, point - normal * dot(point - inPlane, normal)};
}

std::vector<std::uint8_t> coverage(const Capsule& capsule,
                                   const Geometry& geometry,
                                   const Box& box) {
  std::vector<std::uint8_t> covered;
  covered.reserve(static_cast<std::size_t>(box.size().voxels()));
  const Vec3 step = geometry.lpsFromIndex.column(0);
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
      const Vec3 first =
          geometry.sliceToLps(static_cast<double>(box.begin.i), static_cast<double>(j), k);
      for (std::int64_t i = 0; i < box.end.i - box.begin.i; ++i) {
        const Vec3 center = first + step * static_cast<double>(i);
        covered.push_back(static_cast<std::uint8_t>(capsule.contains(center)));
      }
    }
  }
  return covered;
}

}  // namespace

Stroke::Stroke(Segmentation& segmentation,
               StructureId structure,
               const Brush& brush,
               const Volume* image)
    : m_segmentation(&segmentation),
      m_before(segmentation),
      m_structure(structure),
      m_brush(brush),
      m_image(image) {}

Result<Stroke> Stroke::begin(Segmentation& segmentation,
                             StructureId structure,
                             const Brush& brush,
                             const Volume* image) {
  ARGAND_ASSERT(brush.sliceAxis >= 0 && brush.sliceAxis < 3);
  ARGAND_TRY(checkChangeable(segmentation, structure));
  if (!(brush.radiusMm > 0.0)) {
    return fail(ErrorCode::Usage, "The brush needs a radius above 0 mm.");
  }
  if (brush.limit) {
    ARGAND_ASSERT(image != nullptr);
    ARGAND_TRY(checkImageFits(segmentation, *image));
  }
  return Stroke(segmentation, structure, brush, image);
}

Box Stroke::moveTo(const Vec3& lpsMm) {
  const Geometry& geometry = m_segmentation->geometry();
  Capsule capsule{m_last.value_or(lpsMm), lpsMm, m_brush.radiusMm};
  Box within = geometry.box();
  if (m_brush.shape == BrushShape::Disc) {
    const int axis = m_brush.sliceAxis;
    const OnSlice to = projected(geometry, axis, lpsMm);
    const OnSlice from = projected(geometry, axis, capsule.from);
    // A stroke that comes from another slice begins anew in this one.
    capsule.from = from.slice == to.slice ? from.point : to.point;
    capsule.to = to.point;
    Box slice = geometry.box();
    slice.begin[axis] = to.slice;
    slice.end[axis] = to.slice + 1;
    within = intersection(within, slice);
  }
  m_last = lpsMm;
  const Box box = boundsOf(capsule, geometry, within);
  if (box.empty()) {
    return {};
  }
  auto mask = coverage(capsule, geometry, box);
  if (m_brush.limit) {
    keepWithin(mask, box, *m_image, m_brush.limit->lower, m_brush.limit->upper);
  }
  return paint(*m_segmentation, m_structure, box, mask, m_brush.erase, m_touched);
}

Edit Stroke::finish() {
  markEdited(*m_segmentation, m_touched);
  const std::string& name = m_segmentation->find(m_structure)->name;
  return difference(
      m_before, *m_segmentation, fmt::format("{} {}", m_brush.erase ? "Erase" : "Paint", name));
}

void Stroke::cancel() {
  *m_segmentation = m_before;
}

}  // namespace argand::edit
