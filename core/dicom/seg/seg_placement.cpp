// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/seg_placement.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

namespace argand::dicom {

namespace {

// Centres closer than this are the same pixel, heights closer than this part of the
// slice distance the same slice: files round positions.
constexpr double kSamePixel = 0.1;
constexpr double kSameSlice = 0.1;

// Slices this much finer or coarser than the reference's are other slices.
constexpr double kOtherSpacing = 1.5;

constexpr std::int64_t kMostSlices = 65535;

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

std::array<double, 2> apply(const PixelMap& map, double x, double y) {
  const auto& m = map.m;
  return {m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]};
}

Vec3 pointOf(const ParsedFrame& frame, const Vec3& position, double x, double y) {
  return position + frame.rowCosine * (x * frame.columnSpacingMm) +
         frame.columnCosine * (y * frame.rowSpacingMm);
}

class Placer {
 public:
  Placer(const ParsedSeg& seg,
         const Geometry& geometry,
         const SlicePlanes& planes,
         const SourceSeries& source)
      : m_seg(seg),
        m_geometry(geometry),
        m_planes(planes),
        m_gapMm(2.0 * planes.halfGapMm()),
        m_right(static_cast<double>(seg.columns - 1)),
        m_bottom(static_cast<double>(seg.rows - 1)) {
    for (std::size_t k = 0; k < source.slices.size(); ++k) {
      m_slicesByImage[source.slices[k].sopInstanceUid].push_back(
          {source.slices[k].frame, static_cast<std::int64_t>(k)});
    }
  }

  Result<Placement> run() {
    for (const ParsedFrame& frame : m_seg.frames) {
      ARGAND_ASSIGN(FramePlace place, placeOf(frame));
      m_result.places.push_back(place);
    }
    if (m_turned || m_finer || coarser()) {
      ARGAND_TRY(takeOwnGrid());
      return std::move(m_result);
    }
    describe();
    return std::move(m_result);
  }

 private:
  struct Named {
    int frame = 0;
    std::int64_t k = 0;
  };

  // The one slice whose image the frame names; nothing where it names none or several.
  [[nodiscard]] std::optional<std::int64_t> sliceOfImages(const ParsedFrame& frame) const {
    std::optional<std::int64_t> slice;
    for (const SourceImage& image : frame.images) {
      const auto found = m_slicesByImage.find(image.sopInstanceUid);
      if (found == m_slicesByImage.end()) {
        continue;
      }
      for (const Named& named : found->second) {
        const bool same = named.frame == 0 ? image.frame <= 1 : named.frame == image.frame;
        const bool only = image.frame == 0 && found->second.size() == 1;
        if (!same && !only) {
          continue;
        }
        if (slice && *slice != named.k) {
          return std::nullopt;
        }
        slice = named.k;
      }
    }
    return slice;
  }

  Result<FramePlace> placeOf(const ParsedFrame& frame) {
    const auto byImage = sliceOfImages(frame);
    m_allByImage = m_allByImage && byImage.has_value();
    if (!frame.positionMm) {
      return placeWithoutPosition(byImage);
    }
    const Vec3& position = *frame.positionMm;
    double low = HUGE_VAL;
    double high = -HUGE_VAL;
    for (const double x : {0.0, m_right}) {
      for (const double y : {0.0, m_bottom}) {
        const double height = m_planes.heightMm(pointOf(frame, position, x, y));
        low = std::min(low, height);
        high = std::max(high, height);
      }
    }
    FramePlace place;
    if (!(high - low <= m_planes.halfGapMm())) {
      m_turned = true;
      return place;
    }
    const double height = (low + high) / 2.0;
    m_levels.insert(std::round(height * 1e3) * 1e-3);
    place.k = m_planes.nearest(height);
    m_contradicted += byImage && place.k != byImage ? 1 : 0;
    if (!place.k) {
      ++m_onNoSlice;
      return place;
    }
    const double away = height - m_planes.heightMm(m_planes.toLps({0.0, 0.0}, *place.k));
    m_mostAwayMm = std::max(m_mostAwayMm, std::abs(away));
    lookForOthers(frame.segment, *place.k, height);
    place.map = mapOf(frame, position, *place.k);
    m_inexact += place.map.exact ? 0 : 1;
    return place;
  }

  Result<FramePlace> placeWithoutPosition(const std::optional<std::int64_t>& byImage) const {
    if (!byImage) {
      return refused("A frame has no Image Position and names no image of this series.");
    }
    if (m_seg.columns != m_geometry.size.i || m_seg.rows != m_geometry.size.j) {
      return refused(
          fmt::format("Its frames of {} x {} pixels have no position, and the images are {} x {}.",
                      m_seg.columns,
                      m_seg.rows,
                      m_geometry.size.i,
                      m_geometry.size.j));
    }
    return FramePlace{byImage, {}};
  }

  // Two frames of one segment on one slice: at one height they are one, else the
  // segmentation has finer slices.
  void lookForOthers(int segment, std::int64_t k, double heightMm) {
    const auto [other, first] = m_heights.try_emplace({segment, k}, heightMm);
    if (first) {
      return;
    }
    if (std::abs(other->second - heightMm) > kSameSlice * m_gapMm) {
      m_finer = true;
    } else {
      ++m_twice;
    }
  }

  PixelMap mapOf(const ParsedFrame& frame, const Vec3& position, std::int64_t k) const {
    const Point2 origin = m_planes.toPixel(position, k);
    const Point2 right = m_planes.toPixel(pointOf(frame, position, 1.0, 0.0), k);
    const Point2 below = m_planes.toPixel(pointOf(frame, position, 0.0, 1.0), k);
    PixelMap map{{right.x - origin.x,
                  below.x - origin.x,
                  origin.x,
                  right.y - origin.y,
                  below.y - origin.y,
                  origin.y},
                 false};
    PixelMap whole = map;
    std::transform(
        map.m.begin(), map.m.end(), whole.m.begin(), [](double v) { return std::round(v); });
    const auto& m = whole.m;
    if (std::abs(m[0]) + std::abs(m[1]) != 1.0 || std::abs(m[3]) + std::abs(m[4]) != 1.0 ||
        std::abs(m[0]) + std::abs(m[3]) != 1.0) {
      return map;
    }
    for (const double x : {0.0, m_right}) {
      for (const double y : {0.0, m_bottom}) {
        const auto a = apply(map, x, y);
        const auto b = apply(whole, x, y);
        if (!(std::abs(a[0] - b[0]) <= kSamePixel && std::abs(a[1] - b[1]) <= kSamePixel)) {
          return map;
        }
      }
    }
    whole.exact = true;
    return whole;
  }

  // The distance of the segmentation's own slices.
  [[nodiscard]] double ownGapMm(const std::vector<double>& heights) const {
    if (m_seg.spacingBetweenSlicesMm > 0.0) {
      return m_seg.spacingBetweenSlicesMm;
    }
    double gap = m_seg.sliceThicknessMm > 0.0 ? m_seg.sliceThicknessMm : m_gapMm;
    for (std::size_t n = 1; n < heights.size(); ++n) {
      gap = std::min(gap, heights[n] - heights[n - 1]);
    }
    return gap;
  }

  // Frames that lie on every second slice or so of the reference would leave holes. Where
  // the file does not say how far apart its slices are, that is so only if its frames are
  // as thick as they are apart: between thinner ones empty frames may have been left out.
  [[nodiscard]] bool coarser() const {
    if (m_allByImage || !m_geometry.evenlySpaced() || m_geometry.size.k < 2) {
      return false;
    }
    const double limitMm = kOtherSpacing * m_gapMm;
    if (m_seg.spacingBetweenSlicesMm > 0.0) {
      return m_seg.spacingBetweenSlicesMm > limitMm;
    }
    double nearestMm = HUGE_VAL;
    for (auto height = m_levels.begin(); height != m_levels.end(); ++height) {
      const auto next = std::next(height);
      nearestMm = next == m_levels.end() ? nearestMm : std::min(nearestMm, *next - *height);
    }
    return nearestMm > limitMm &&
           std::abs(nearestMm - m_seg.sliceThicknessMm) < kSameSlice * nearestMm;
  }

  Result<void> takeOwnGrid() {
    const ParsedFrame& first = m_seg.frames.front();
    const Vec3 normal = normalized(cross(first.rowCosine, first.columnCosine));
    std::vector<double> heights;
    for (const ParsedFrame& frame : m_seg.frames) {
      const bool same = length(frame.rowCosine - first.rowCosine) < 1e-3 &&
                        length(frame.columnCosine - first.columnCosine) < 1e-3 &&
                        frame.columnSpacingMm == first.columnSpacingMm &&
                        frame.rowSpacingMm == first.rowSpacingMm;
      if (!frame.positionMm || !same) {
        return refused("Its frames lie on other planes than the images and not all alike.");
      }
      heights.push_back(dot(*frame.positionMm, normal));
    }
    std::vector<double> sorted = heights;
    std::sort(sorted.begin(), sorted.end());
    const double base = sorted.front();
    const double tinyMm = 1e-3;
    sorted.erase(
        std::unique(
            sorted.begin(), sorted.end(), [&](double a, double b) { return b - a < tinyMm; }),
        sorted.end());
    const double gap = ownGapMm(sorted);
    const double deepest = std::round((sorted.back() - base) / gap);
    if (!(deepest < static_cast<double>(kMostSlices))) {
      return refused(fmt::format("Its frames lie {:.0f} mm apart.", sorted.back() - base));
    }
    Geometry grid;
    grid.size = {m_seg.columns, m_seg.rows, static_cast<std::int64_t>(deepest) + 1};
    const auto lowest = static_cast<std::size_t>(std::min_element(heights.begin(), heights.end()) -
                                                 heights.begin());
    const auto highest = static_cast<std::size_t>(std::max_element(heights.begin(), heights.end()) -
                                                  heights.begin());
    const Vec3 origin = *m_seg.frames[lowest].positionMm;
    const Vec3 step = deepest > 0.0 ? (*m_seg.frames[highest].positionMm - origin) * (1.0 / deepest)
                                    : normal * gap;
    grid.lpsFromIndex.setColumn(0, first.rowCosine * first.columnSpacingMm);
    grid.lpsFromIndex.setColumn(1, first.columnCosine * first.rowSpacingMm);
    grid.lpsFromIndex.setColumn(2, step);
    grid.lpsFromIndex.offset = origin;
    for (std::size_t n = 0; n < heights.size(); ++n) {
      const double k = std::round((heights[n] - base) / gap);
      const double awayMm = length(*m_seg.frames[n].positionMm - origin - step * k);
      const double limitMm =
          kSamePixel * std::max({first.columnSpacingMm, first.rowSpacingMm, gap});
      if (!(awayMm <= limitMm)) {
        return refused(
            "Its frames lie on other slices than the images and not equally far "
            "apart, so what lies between them is unknown.");
      }
      m_result.places[n] = {static_cast<std::int64_t>(k), {}};
    }
    ARGAND_TRY(grid.check());
    if (!gridsOverlap(grid, m_geometry)) {
      return refused("It lies elsewhere in the patient than the images.");
    }
    m_result.ownGrid = grid;
    m_result.warnings.push_back(
        {WarningCode::Resampled,
         fmt::format("The segments are on other slices ({:.2f} mm apart) than the images; each "
                     "voxel took the label of the nearest one.",
                     gap)});
    return {};
  }

  void describe() {
    Warnings& warnings = m_result.warnings;
    const auto frames = [](std::int64_t count) {
      return fmt::format("{} frame{}", count, count > 1 ? "s" : "");
    };
    if (m_inexact > 0) {
      warnings.push_back({WarningCode::Resampled,
                          fmt::format("The pixels of {} do not meet those of the images; each "
                                      "voxel took the label of the nearest one.",
                                      frames(m_inexact))});
    }
    if (m_mostAwayMm > kSameSlice * m_gapMm) {
      warnings.push_back({WarningCode::Resampled,
                          fmt::format("Frames lie up to {:.2f} mm beside the slices of the images "
                                      "and were taken to the nearest.",
                                      m_mostAwayMm)});
    }
    if (m_onNoSlice > 0) {
      warnings.push_back(
          {WarningCode::OutsideImage,
           fmt::format("{} left out because no image slice lies there.", frames(m_onNoSlice))});
    }
    if (m_contradicted > 0) {
      warnings.push_back({WarningCode::OtherReference,
                          fmt::format("{} named another image than the one at their position, "
                                      "which was followed: check their place.",
                                      frames(m_contradicted))});
    }
    if (m_twice > 0) {
      warnings.push_back({WarningCode::Duplicate,
                          fmt::format("{} lay where another of the same segment lies; they were "
                                      "united.",
                                      frames(m_twice))});
    }
  }

  const ParsedSeg& m_seg;
  const Geometry& m_geometry;
  const SlicePlanes& m_planes;
  double m_gapMm;
  double m_right;  // of a frame's last column and row
  double m_bottom;
  std::map<std::string, std::vector<Named>> m_slicesByImage;
  std::map<std::pair<int, std::int64_t>, double> m_heights;  // by segment and slice
  std::set<double> m_levels;  // heights of the frames, to a thousandth of a millimetre
  bool m_turned = false;
  bool m_finer = false;
  bool m_allByImage = true;
  std::int64_t m_inexact = 0;
  std::int64_t m_onNoSlice = 0;
  std::int64_t m_contradicted = 0;
  std::int64_t m_twice = 0;
  double m_mostAwayMm = 0.0;
  Placement m_result;
};

}  // namespace

Result<Placement> placed(const ParsedSeg& seg,
                         const Geometry& geometry,
                         const SlicePlanes& planes,
                         const SourceSeries& source) {
  return Placer(seg, geometry, planes, source).run();
}

std::int64_t moveToSlice(std::span<const std::uint16_t> frame,
                         std::int64_t columns,
                         std::int64_t rows,
                         const PixelMap& map,
                         std::int64_t width,
                         std::int64_t height,
                         std::vector<std::uint16_t>& slice) {
  const bool identity = map.exact && map.m == PixelMap{}.m && columns == width && rows == height;
  if (identity) {
    slice.assign(frame.begin(), frame.end());
    return 0;
  }
  slice.assign(static_cast<std::size_t>(width * height), 0);
  std::int64_t lost = 0;
  for (std::int64_t y = 0; y < rows; ++y) {
    for (std::int64_t x = 0; x < columns; ++x) {
      const std::uint16_t value = frame[static_cast<std::size_t>(y * columns + x)];
      if (value == 0) {
        continue;
      }
      const auto to = apply(map, static_cast<double>(x), static_cast<double>(y));
      const double i = std::round(to[0]);
      const double j = std::round(to[1]);
      if (!(i >= 0.0 && j >= 0.0 && i < static_cast<double>(width) &&
            j < static_cast<double>(height))) {
        ++lost;
      } else if (map.exact) {
        slice[static_cast<std::size_t>(j) * static_cast<std::size_t>(width) +
              static_cast<std::size_t>(i)] = value;
      }
    }
  }
  if (map.exact) {
    return lost;
  }
  const auto& m = map.m;
  const double determinant = m[0] * m[4] - m[1] * m[3];
  for (std::int64_t j = 0; j < height; ++j) {
    for (std::int64_t i = 0; i < width; ++i) {
      const double u = static_cast<double>(i) - m[2];
      const double v = static_cast<double>(j) - m[5];
      const double x = std::round((m[4] * u - m[1] * v) / determinant);
      const double y = std::round((m[0] * v - m[3] * u) / determinant);
      if (x >= 0.0 && y >= 0.0 && x < static_cast<double>(columns) &&
          y < static_cast<double>(rows)) {
        slice[static_cast<std::size_t>(j * width + i)] =
            frame[static_cast<std::size_t>(y) * static_cast<std::size_t>(columns) +
                  static_cast<std::size_t>(x)];
      }
    }
  }
  return lost;
}

}  // namespace argand::dicom
