// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/affine.h"

#include <array>
#include <string>
#include <vector>

namespace argand {

// Where the voxels of a grid lie in the patient.
//
// `lpsFromIndex` maps the continuous index (i, j, k) of a voxel's CENTRE to
// LPS millimetres (DICOM PS3.3 C.7.6.2.1.1). Its columns are the steps of one
// voxel; they need not be orthogonal (gantry tilt) nor right-handed (a NIfTI
// file stored in any axis order keeps that order).
//
// A series whose slices are not evenly spaced keeps where each slice really
// lies in `sliceOrigins` (the centre of voxel (0, 0, k), one per k; empty for a
// regular grid). lpsFromIndex is then the regular grid that fits best, which
// is what the network and the renderer see; masks and contours live on the
// acquired slices, whose points `sliceToLps` gives.
struct Geometry {
  Size3 size;
  Affine lpsFromIndex;
  std::vector<Vec3> sliceOrigins;

  // Fails where there is no voxel, a number is not finite, the columns lie in
  // one plane, or the slice origins are not one per k in strictly rising order.
  [[nodiscard]] Result<void> check() const;

  [[nodiscard]] Vec3 spacingMm() const;          // lengths of the columns
  [[nodiscard]] Vec3 direction(int axis) const;  // unit column
  [[nodiscard]] Vec3 sliceNormal() const;        // unit, direction(0) x direction(1)
  [[nodiscard]] double voxelVolumeMl() const;    // |determinant| / 1000
  // Of a voxel of acquired slice k: it reaches half way to the slices beside it.
  [[nodiscard]] double voxelVolumeMl(std::int64_t k) const;
  [[nodiscard]] Affine indexFromLps() const;

  [[nodiscard]] Box box() const { return {{0, 0, 0}, size}; }

  [[nodiscard]] Vec3 centerMm() const;

  // The point (i, j), in continuous indices, of the acquired slice k.
  [[nodiscard]] Vec3 sliceToLps(double i, double j, std::int64_t k) const;

  // Columns at right angles to 1e-3 (of the cosine).
  [[nodiscard]] bool orthogonal() const;

  [[nodiscard]] bool evenlySpaced() const { return sliceOrigins.empty(); }

  bool operator==(const Geometry&) const = default;
};

// Continuous indices of points on the acquired slices: the inverse of
// Geometry::sliceToLps, linear between neighbouring slices and continued at the
// outermost distance beyond the ends. For a regular grid it is indexFromLps().
class SliceIndexer {
 public:
  explicit SliceIndexer(const Geometry& geometry);

  [[nodiscard]] Vec3 indexAt(const Vec3& lpsMm) const { return resolved(m_local.apply(lpsMm)); }

  // The linear part of indexAt, for points along a line: resolved(local(p)) is indexAt(p).
  [[nodiscard]] const Affine& local() const { return m_local; }

  [[nodiscard]] Vec3 resolved(const Vec3& local) const;

 private:
  Affine m_local;  // for uneven slices: in-plane indices and height along the normal
  std::vector<Vec3> m_sliceOrigins;  // in those coordinates, by k; empty for a regular grid
  double m_direction = 1.0;          // of the height with k
};

// True where the eight corners of both grids lie within `tolerance` of the
// smaller voxel side of each other and the sizes are equal. Where both have
// slice origins these are compared too; where one has none (a label map in a file
// that cannot hold them) the regular grids decide.
[[nodiscard]] bool sameGrid(const Geometry& a, const Geometry& b, double tolerance = 0.01);

// True where the boxes that the two grids fill in space share a point.
[[nodiscard]] bool gridsOverlap(const Geometry& a, const Geometry& b);

// The grid of `box` cut out of `geometry`.
[[nodiscard]] Geometry cropped(const Geometry& geometry, const Box& box);

// Which source axis each new axis takes, and whether it is walked backwards.
struct AxisOrder {
  std::array<int, 3> source{0, 1, 2};
  std::array<bool, 3> flipped{false, false, false};

  [[nodiscard]] bool identity() const;
  [[nodiscard]] AxisOrder inverse() const;
  bool operator==(const AxisOrder&) const = default;
};

// The anatomical axis codes of a grid's columns, as in "LPS" or "RAS": the
// letter names the direction in which the index grows (L R, P A, S I). The
// assignment of axes is the one of greatest total cosine, so an oblique grid
// has a code too.
[[nodiscard]] std::string axisCodes(const Geometry& geometry);

// How to reorder `geometry` so that its codes become `codes`; oblique angles
// are kept. Fails where `codes` does not name each pair once.
[[nodiscard]] Result<AxisOrder> orderTo(const Geometry& geometry, const std::string& codes);

// The grid after reordering; every voxel stays where it is in space. Slice
// origins are kept where k stays the slice axis; otherwise the regular grid is
// what remains (resample from the acquired grid where that matters).
[[nodiscard]] Geometry reordered(const Geometry& geometry, const AxisOrder& order);

// A regular grid over the same extent with another spacing: the outer FACES of
// the corner voxels coincide up to half a new voxel, and the grids are centred on
// each other. Sizes are rounded, at least 1.
[[nodiscard]] Geometry respaced(const Geometry& geometry, const Vec3& spacingMm);

// The letters of the patient direction `lps`, heaviest first, up to three
// ("L", "LH", "PFR"); components below `threshold` of the length are left out.
// Uses H and F for the z axis, as DICOM does. "?" for a zero vector.
[[nodiscard]] std::string orientationLetters(const Vec3& lps, double threshold = 0.1);

}  // namespace argand
