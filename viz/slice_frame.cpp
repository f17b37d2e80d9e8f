// SPDX-License-Identifier: Apache-2.0
#include "viz/slice_frame.h"

#include "core/base/assert.h"
#include "core/volume/slice_point.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace argand::viz {

namespace {

// Columns of the LPS order (0 left, 1 posterior, 2 superior) that a plane
// spreads to the right and down, and the one it walks through.
struct Roles {
  int right;
  int down;
  int slice;
  bool upwards;  // `down` goes against the axis: towards the feet
};

Roles rolesOf(ViewPlane plane) {
  switch (plane) {
    case ViewPlane::Sagittal:
      return {1, 2, 0, true};
    case ViewPlane::Coronal:
      return {0, 2, 1, true};
    case ViewPlane::Axial:
      break;
  }
  return {0, 1, 2, false};
}

Vec3 unit(int axis, double sign) {
  Vec3 vector;
  vector[axis] = sign;
  return vector;
}

const double kStraightCosine = std::cos(0.5 * 3.14159265358979323846 / 180.0);

}  // namespace

std::string_view toString(ViewPlane plane) {
  switch (plane) {
    case ViewPlane::Sagittal:
      return "Sagittal";
    case ViewPlane::Coronal:
      return "Coronal";
    case ViewPlane::Axial:
      break;
  }
  return "Axial";
}

SliceFrame::SliceFrame(const Geometry& geometry, ViewPlane plane)
    : m_plane(plane), m_geometry(geometry), m_indexer(geometry) {
  const auto order = orderTo(geometry, "LPS");
  ARGAND_ASSERT(order.has_value());
  const Roles roles = rolesOf(plane);
  const auto at = [](int axis) { return static_cast<std::size_t>(axis); };
  m_columnAxis = order->source[at(roles.right)];
  m_rowAxis = order->source[at(roles.down)];
  m_sliceAxis = order->source[at(roles.slice)];
  m_stepSign = order->flipped[at(roles.slice)] ? -1 : 1;

  // Unit vectors of the grid, pointing the way the screen does.
  const double columnSign = order->flipped[at(roles.right)] ? -1.0 : 1.0;
  const double rowSign = (order->flipped[at(roles.down)] != roles.upwards) ? -1.0 : 1.0;
  const Vec3 across = geometry.direction(m_columnAxis) * columnSign;
  const Vec3 along = geometry.direction(m_rowAxis) * rowSign;
  const Vec3 anatomicalRight = unit(roles.right, 1.0);
  const Vec3 anatomicalDown = unit(roles.down, roles.upwards ? -1.0 : 1.0);

  // A sheared plane keeps straight the axis that is nearer to the patient's.
  m_sheared = std::abs(dot(across, along)) > 1e-3;
  if (dot(across, anatomicalRight) >= dot(along, anatomicalDown)) {
    m_right = across;
    m_down = normalized(along - across * dot(along, across));
  } else {
    m_down = along;
    m_right = normalized(across - along * dot(across, along));
  }
  const Vec3 column = geometry.lpsFromIndex.column(m_columnAxis);
  const Vec3 row = geometry.lpsFromIndex.column(m_rowAxis);
  m_columnMm = {dot(column, m_right), dot(column, m_down)};
  m_rowMm = {dot(row, m_right), dot(row, m_down)};
  const Vec3 normal = cross(m_right, m_down);
  m_spacingMm = std::abs(dot(geometry.lpsFromIndex.column(m_sliceAxis), normal));
  m_pixelMm = std::min(length(column), length(row));
  m_oblique = dot(m_right, anatomicalRight) < kStraightCosine ||
              dot(m_down, anatomicalDown) < kStraightCosine;
}

Point2 SliceFrame::planeFromIndex(const Point2& index) const {
  return {index.x * m_columnMm.x + index.y * m_rowMm.x,
          index.x * m_columnMm.y + index.y * m_rowMm.y};
}

Point2 SliceFrame::indexFromPlane(const Point2& planeMm) const {
  const double determinant = m_columnMm.x * m_rowMm.y - m_rowMm.x * m_columnMm.y;
  return {(planeMm.x * m_rowMm.y - planeMm.y * m_rowMm.x) / determinant,
          (planeMm.y * m_columnMm.x - planeMm.x * m_columnMm.y) / determinant};
}

Point2 SliceFrame::planeFromLps(const Vec3& lpsMm) const {
  const Vec3 index = m_indexer.indexAt(lpsMm);
  return planeFromIndex({index[m_columnAxis], index[m_rowAxis]});
}

double SliceFrame::sliceFromLps(const Vec3& lpsMm) const {
  return m_indexer.indexAt(lpsMm)[m_sliceAxis];
}

std::int64_t SliceFrame::nearestSlice(const Vec3& lpsMm) const {
  const double slice = std::round(sliceFromLps(lpsMm));
  const double last = static_cast<double>(std::max<std::int64_t>(slices(), 1) - 1);
  return static_cast<std::int64_t>(std::clamp(slice, 0.0, last));
}

Vec3 SliceFrame::lpsFromPlane(const Point2& planeMm, double slice) const {
  const Point2 inPlane = indexFromPlane(planeMm);
  Vec3 index;
  index[m_columnAxis] = inPlane.x;
  index[m_rowAxis] = inPlane.y;
  index[m_sliceAxis] = slice;
  return acquiredPoint(m_geometry, index);
}

SliceFrame::Letters SliceFrame::letters() const {
  return {orientationLetters(m_right * -1.0),
          orientationLetters(m_right),
          orientationLetters(m_down * -1.0),
          orientationLetters(m_down)};
}

SliceFrame::Extent SliceFrame::extentMm() const {
  const double lastColumn = static_cast<double>(columns()) - 0.5;
  const double lastRow = static_cast<double>(rows()) - 0.5;
  const std::array corners{planeFromIndex({-0.5, -0.5}),
                           planeFromIndex({lastColumn, -0.5}),
                           planeFromIndex({-0.5, lastRow}),
                           planeFromIndex({lastColumn, lastRow})};
  Extent extent{corners[0], corners[0]};
  for (const Point2& corner : corners) {
    extent.minimum.x = std::min(extent.minimum.x, corner.x);
    extent.minimum.y = std::min(extent.minimum.y, corner.y);
    extent.maximum.x = std::max(extent.maximum.x, corner.x);
    extent.maximum.y = std::max(extent.maximum.y, corner.y);
  }
  return extent;
}

Point2 SliceCamera::screenFromPlane(const Point2& planeMm) const {
  return {(planeMm.x - centerMm.x) / mmPerPixel + 0.5 * width,
          (planeMm.y - centerMm.y) / mmPerPixel + 0.5 * height};
}

Point2 SliceCamera::planeFromScreen(const Point2& screen) const {
  return {centerMm.x + (screen.x - 0.5 * width) * mmPerPixel,
          centerMm.y + (screen.y - 0.5 * height) * mmPerPixel};
}

void SliceCamera::pan(double dx, double dy) {
  centerMm.x -= dx * mmPerPixel;
  centerMm.y -= dy * mmPerPixel;
}

void SliceCamera::zoom(double factor, const Point2& screen) {
  const Point2 kept = planeFromScreen(screen);
  mmPerPixel /= factor;
  const Point2 moved = planeFromScreen(screen);
  centerMm.x += kept.x - moved.x;
  centerMm.y += kept.y - moved.y;
}

SliceCamera fitted(const SliceFrame& frame, int width, int height) {
  const SliceFrame::Extent extent = frame.extentMm();
  SliceCamera camera;
  camera.width = std::max(width, 1);
  camera.height = std::max(height, 1);
  camera.centerMm = {0.5 * (extent.minimum.x + extent.maximum.x),
                     0.5 * (extent.minimum.y + extent.maximum.y)};
  camera.mmPerPixel = std::max((extent.maximum.x - extent.minimum.x) / camera.width,
                               (extent.maximum.y - extent.minimum.y) / camera.height);
  if (camera.mmPerPixel <= 0.0) {
    camera.mmPerPixel = 1.0;  // a grid without voxels
  }
  return camera;
}

}  // namespace argand::viz
