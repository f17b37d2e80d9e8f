// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/contours.h"
#include "core/volume/geometry.h"

#include <cstdint>
#include <string>

namespace argand::viz {

enum class ViewPlane { Axial, Sagittal, Coronal };

[[nodiscard]] std::string_view toString(ViewPlane plane);

// How one of the three views shows a grid: which index axes it spreads over the
// screen, in which direction, and at what angle. Everything follows from
// lpsFromIndex: the plane is spanned by the two grid axes nearest to the
// anatomical ones, so that the patient's right is on screen left (axial,
// coronal), anterior is on screen left (sagittal), anterior or head is up.
//
// The plane has millimetre coordinates, x to the right and y down, with their
// origin at voxel (0, 0) of the slice. They are true lengths and angles, of a
// sheared grid too. Slices are numbered by the index along `sliceAxis`. Points of the
// patient are those of the acquired slices (core/volume/slice_point.h), also where these are
// not evenly spaced.
class SliceFrame {
 public:
  SliceFrame() = default;
  SliceFrame(const Geometry& geometry, ViewPlane plane);

  [[nodiscard]] ViewPlane plane() const { return m_plane; }

  [[nodiscard]] int columnAxis() const { return m_columnAxis; }

  [[nodiscard]] int rowAxis() const { return m_rowAxis; }

  [[nodiscard]] int sliceAxis() const { return m_sliceAxis; }

  [[nodiscard]] std::int64_t columns() const { return m_geometry.size[m_columnAxis]; }

  [[nodiscard]] std::int64_t rows() const { return m_geometry.size[m_rowAxis]; }

  [[nodiscard]] std::int64_t slices() const { return m_geometry.size[m_sliceAxis]; }

  // +1 or -1: the step of the slice index towards growing LPS (left, posterior, head).
  [[nodiscard]] int stepSign() const { return m_stepSign; }

  // Continuous (column, row) index <-> millimetres in the plane.
  [[nodiscard]] Point2 planeFromIndex(const Point2& index) const;
  [[nodiscard]] Point2 indexFromPlane(const Point2& planeMm) const;

  [[nodiscard]] Point2 planeFromLps(const Vec3& lpsMm) const;
  [[nodiscard]] double sliceFromLps(const Vec3& lpsMm) const;  // continuous index
  // The slice that holds a point, kept inside the grid.
  [[nodiscard]] std::int64_t nearestSlice(const Vec3& lpsMm) const;
  [[nodiscard]] Vec3 lpsFromPlane(const Point2& planeMm, double slice) const;

  // Unit LPS directions of the screen's axes.
  [[nodiscard]] const Vec3& right() const { return m_right; }

  [[nodiscard]] const Vec3& down() const { return m_down; }

  // The letters at the four edges of the screen.
  struct Letters {
    std::string left;
    std::string right;
    std::string top;
    std::string bottom;
  };

  [[nodiscard]] Letters letters() const;

  // The plane is more than half a degree off the anatomical one.
  [[nodiscard]] bool oblique() const { return m_oblique; }

  [[nodiscard]] bool sheared() const { return m_sheared; }

  // Distance between neighbouring slices, along the normal.
  [[nodiscard]] double spacingMm() const { return m_spacingMm; }

  // Side of a voxel in the plane, the smaller one.
  [[nodiscard]] double pixelMm() const { return m_pixelMm; }

  // The rectangle that the slice fills, faces of the outer voxels included.
  struct Extent {
    Point2 minimum;
    Point2 maximum;
  };

  [[nodiscard]] Extent extentMm() const;

 private:
  ViewPlane m_plane = ViewPlane::Axial;
  Geometry m_geometry;
  SliceIndexer m_indexer{Geometry{}};
  int m_columnAxis = 0;
  int m_rowAxis = 1;
  int m_sliceAxis = 2;
  int m_stepSign = 1;
  Vec3 m_right{1, 0, 0};
  Vec3 m_down{0, 1, 0};
  Point2 m_columnMm{1, 0};  // one step of the column index, in the plane
  Point2 m_rowMm{0, 1};
  double m_spacingMm = 1.0;
  double m_pixelMm = 1.0;
  bool m_oblique = false;
  bool m_sheared = false;
};

// What part of the plane a viewport shows. Screen coordinates are device
// pixels, x to the right and y down, continuous: the first pixel is [0, 1).
struct SliceCamera {
  Point2 centerMm;  // of the plane, at the middle of the viewport
  double mmPerPixel = 1.0;
  int width = 1;
  int height = 1;

  [[nodiscard]] Point2 screenFromPlane(const Point2& planeMm) const;
  [[nodiscard]] Point2 planeFromScreen(const Point2& screen) const;

  void pan(double dx, double dy);  // moves what is shown by so many pixels
  // Magnifies by `factor`; what is at `screen` stays there.
  void zoom(double factor, const Point2& screen);
};

// Shows the whole slice, in the middle.
[[nodiscard]] SliceCamera fitted(const SliceFrame& frame, int width, int height);

}  // namespace argand::viz
