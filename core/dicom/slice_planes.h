// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/contours.h"
#include "core/volume/geometry.h"
#include "core/volume/source_series.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace argand::dicom {

// The acquired image planes of a grid: continuous pixel indices of slice k to
// LPS mm and back, by each slice's own Image Position and the series' Image
// Orientation (PS3.3 C.7.6.2.1.1), not by the regular grid that fits best.
class SlicePlanes {
 public:
  // Where `source` has no slices (its image is no DICOM series) the planes are
  // those of `geometry`. Fails where the two do not describe the same slices.
  [[nodiscard]] static Result<SlicePlanes> create(const Geometry& geometry,
                                                  const SourceSeries& source);

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(m_origins.size()); }

  [[nodiscard]] Vec3 toLps(const Point2& pixel, std::int64_t k) const;
  [[nodiscard]] Point2 toPixel(const Vec3& lpsMm, std::int64_t k) const;

  // Of a point along the common normal of the planes.
  [[nodiscard]] double heightMm(const Vec3& lpsMm) const;

  [[nodiscard]] double heightOf(std::int64_t k) const {
    return heightMm(m_origins[static_cast<std::size_t>(k)]);
  }

  // The slices in the order of their heights.
  [[nodiscard]] std::vector<std::int64_t> byHeight() const;

  // The slice at this height: the nearest one (of two equally near the lower), if it
  // is no further than half the gap to its nearer neighbour (so nothing falls into a
  // missing slice).
  [[nodiscard]] std::optional<std::int64_t> nearest(double heightMm) const;

  // Half the smallest gap between neighbours.
  [[nodiscard]] double halfGapMm() const { return m_halfGapMm; }

  // Distances of pixel centres along a row and down a column.
  [[nodiscard]] double columnSpacingMm() const { return m_columnSpacingMm; }

  [[nodiscard]] double rowSpacingMm() const { return m_rowSpacingMm; }

 private:
  SlicePlanes() = default;
  void sortHeights(double thicknessMm);

  Vec3 m_row;     // along i
  Vec3 m_column;  // along j
  Vec3 m_normal;
  double m_columnSpacingMm = 1.0;
  double m_rowSpacingMm = 1.0;
  std::vector<Vec3> m_origins;  // the centre of pixel (0, 0), by k

  struct Level {
    double heightMm = 0.0;
    double reachMm = 0.0;
    std::int64_t k = 0;
  };

  std::vector<Level> m_levels;  // by height
  double m_halfGapMm = 0.0;
};

}  // namespace argand::dicom
