// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/slice_planes.h"

#include "core/base/assert.h"

#include <algorithm>
#include <cmath>

namespace argand::dicom {

namespace {

// Cosines of the grid and of the file may differ by rounding to three decimals.
constexpr double kCosineTolerance = 2e-3;

// The regular grid that fits best may leave the acquired slices by this much.
constexpr double kShiftToleranceMm = 0.1;
constexpr double kShiftTolerancePx = 0.05;

Failure otherSlices(const std::string& why) {
  return fail(ErrorCode::InputRefused,
              fmt::format("The masks do not lie on the slices of the DICOM series ({}). Bring them "
                          "to the grid of the series first.",
                          why));
}

}  // namespace

Result<SlicePlanes> SlicePlanes::create(const Geometry& geometry, const SourceSeries& source) {
  ARGAND_TRY(geometry.check());
  SlicePlanes planes;
  const Vec3 spacing = geometry.spacingMm();
  planes.m_columnSpacingMm = spacing.x;
  planes.m_rowSpacingMm = spacing.y;
  planes.m_row = geometry.direction(0);
  planes.m_column = geometry.direction(1);
  const auto count = static_cast<std::size_t>(geometry.size.k);
  planes.m_origins.resize(count);
  for (std::size_t k = 0; k < count; ++k) {
    planes.m_origins[k] = geometry.sliceToLps(0.0, 0.0, static_cast<std::int64_t>(k));
  }
  if (!source.framesAreSlices) {
    return otherSlices("its axes were reordered");
  }
  if (!source.slices.empty()) {
    if (source.slices.size() != count) {
      return otherSlices(
          fmt::format("{} slices against {} of the series", count, source.slices.size()));
    }
    if (length(planes.m_row - source.rowCosine) > kCosineTolerance ||
        length(planes.m_column - source.columnCosine) > kCosineTolerance) {
      return otherSlices("another orientation");
    }
    planes.m_row = source.rowCosine;
    planes.m_column = source.columnCosine;
  }
  planes.m_normal = normalized(cross(planes.m_row, planes.m_column));
  for (std::size_t k = 0; k < source.slices.size(); ++k) {
    // A grid cut out of the series begins whole pixels away from its corner.
    const Vec3 position = source.slices[k].positionMm;
    const Vec3 away = planes.m_origins[k] - position;
    const double x = std::round(dot(away, planes.m_row) / spacing.x);
    const double y = std::round(dot(away, planes.m_column) / spacing.y);
    const Vec3 origin =
        position + planes.m_row * (x * spacing.x) + planes.m_column * (y * spacing.y);
    const double limit =
        std::max(kShiftToleranceMm, kShiftTolerancePx * std::max(spacing.x, spacing.z));
    if (!(length(planes.m_origins[k] - origin) <= limit)) {
      return otherSlices(
          fmt::format("slice {} lies {:.3f} mm away", k + 1, length(planes.m_origins[k] - origin)));
    }
    planes.m_origins[k] = origin;
  }
  planes.sortHeights(std::abs(dot(geometry.lpsFromIndex.column(2), planes.m_normal)));
  return planes;
}

void SlicePlanes::sortHeights(double thicknessMm) {
  m_levels.clear();
  for (std::size_t k = 0; k < m_origins.size(); ++k) {
    m_levels.push_back({heightMm(m_origins[k]), 0.0, static_cast<std::int64_t>(k)});
  }
  std::sort(m_levels.begin(), m_levels.end(), [](const Level& a, const Level& b) {
    return a.heightMm < b.heightMm;
  });
  m_halfGapMm = thicknessMm / 2.0;
  for (std::size_t n = 0; n < m_levels.size(); ++n) {
    double gap = m_levels.size() == 1 ? thicknessMm : HUGE_VAL;
    if (n > 0) {
      gap = std::min(gap, m_levels[n].heightMm - m_levels[n - 1].heightMm);
    }
    if (n + 1 < m_levels.size()) {
      gap = std::min(gap, m_levels[n + 1].heightMm - m_levels[n].heightMm);
    }
    m_levels[n].reachMm = gap / 2.0;
    m_halfGapMm = std::min(m_halfGapMm, m_levels[n].reachMm);
  }
}

Vec3 SlicePlanes::toLps(const Point2& pixel, std::int64_t k) const {
  return m_origins[static_cast<std::size_t>(k)] + m_row * (pixel.x * m_columnSpacingMm) +
         m_column * (pixel.y * m_rowSpacingMm);
}

Point2 SlicePlanes::toPixel(const Vec3& lpsMm, std::int64_t k) const {
  // Cosines in files are rounded, so neither their lengths nor their angle are exact.
  const Vec3 away = lpsMm - m_origins[static_cast<std::size_t>(k)];
  const double rr = dot(m_row, m_row);
  const double cc = dot(m_column, m_column);
  const double rc = dot(m_row, m_column);
  const double alongRow = dot(away, m_row);
  const double alongColumn = dot(away, m_column);
  const double determinant = rr * cc - rc * rc;
  return {(alongRow * cc - alongColumn * rc) / determinant / m_columnSpacingMm,
          (alongColumn * rr - alongRow * rc) / determinant / m_rowSpacingMm};
}

double SlicePlanes::heightMm(const Vec3& lpsMm) const {
  return dot(lpsMm, m_normal);
}

std::vector<std::int64_t> SlicePlanes::byHeight() const {
  std::vector<std::int64_t> slices;
  slices.reserve(m_levels.size());
  for (const Level& level : m_levels) {
    slices.push_back(level.k);
  }
  return slices;
}

std::optional<std::int64_t> SlicePlanes::nearest(double heightMm) const {
  constexpr double kRoundingMm = 1e-3;  // contours are written to a thousandth
  const auto above = std::lower_bound(
      m_levels.begin(), m_levels.end(), heightMm, [](const Level& level, double height) {
        return level.heightMm < height;
      });
  const Level* best = nullptr;
  for (auto level = above == m_levels.begin() ? above : above - 1;
       level != m_levels.end() && level <= above;
       ++level) {
    if (best == nullptr ||
        std::abs(level->heightMm - heightMm) + kRoundingMm < std::abs(best->heightMm - heightMm)) {
      best = &*level;
    }
  }
  if (best == nullptr || !(std::abs(best->heightMm - heightMm) <= best->reachMm + kRoundingMm)) {
    return std::nullopt;
  }
  return best->k;
}

}  // namespace argand::dicom
