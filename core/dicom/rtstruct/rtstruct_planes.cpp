// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct_planes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace argand::dicom {

namespace {

// Coordinates further away than 100 m from the origin are no patient.
constexpr double kFarthestMm = 1e5;

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// Why contours of one ROI were left out or taken with a doubt.
class Doubts {
 public:
  void count(const std::string& what) {
    const auto found = std::find_if(
        m_counts.begin(), m_counts.end(), [&](const auto& known) { return known.first == what; });
    if (found != m_counts.end()) {
      ++found->second;
    } else {
      m_counts.emplace_back(what, 1);
    }
  }

  void describe(const std::string& roi, Warnings& warnings) const {
    for (const auto& [what, times] : m_counts) {
      warnings.push_back(
          {WarningCode::Contour, fmt::format("'{}': {} {}.", roi, plural(times, "contour"), what)});
    }
  }

 private:
  std::vector<std::pair<std::string, std::size_t>> m_counts;
};

bool isXor(const std::string& type) {
  // The second is a common misspelling of the defined term of PS3.3 C.8.8.6.3.
  return type == "CLOSEDPLANAR_XOR" || type == "CLOSED_PLANAR_XOR";
}

struct PlacedContour {
  const ParsedContour* contour = nullptr;
  double heightMm = 0.0;
};

// All contours that were drawn on one plane.
struct DrawnPlane {
  double heightMm = 0.0;
  std::vector<const ParsedContour*> contours;
};

// The height of a contour, or nothing with the reason counted.
std::optional<double> heightOf(const ParsedContour& contour,
                               const SlicePlanes& planes,
                               Doubts& doubts) {
  const auto leftOut = [&](const std::string& reason) {
    doubts.count("left out because " + reason);
    return std::nullopt;
  };
  const auto absurd = [](const Vec3& p) {
    return !(std::max({std::abs(p.x), std::abs(p.y), std::abs(p.z)}) <= kFarthestMm);
  };
  if (!contour.readable || std::any_of(contour.pointsMm.begin(), contour.pointsMm.end(), absurd)) {
    return leftOut("the coordinates are not triples of numbers within 100 m");
  }
  if (contour.type == "POINT") {
    return leftOut("of the type POINT: single points enclose nothing");
  }
  if (contour.type == "OPEN_PLANAR" || contour.type == "OPEN_NONPLANAR") {
    return leftOut(fmt::format("of the type {}: open lines enclose nothing", contour.type));
  }
  if (contour.type != "CLOSED_PLANAR" && !isXor(contour.type)) {
    return leftOut(fmt::format("of the unknown type '{}'", contour.type));
  }
  if (contour.pointsMm.size() < 3) {
    return leftOut("they have fewer than three points");
  }
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (const Vec3& point : contour.pointsMm) {
    const double height = planes.heightMm(point);
    low = std::min(low, height);
    high = std::max(high, height);
  }
  if (!(high - low <= planes.halfGapMm())) {
    return leftOut("they do not lie parallel to the image slices");
  }
  if (contour.declaredPoints != static_cast<std::int64_t>(contour.pointsMm.size())) {
    doubts.count("with a wrong Number of Contour Points, read as they stand");
  }
  return (low + high) / 2.0;
}

std::vector<DrawnPlane> planesOf(std::vector<PlacedContour> contours, double toleranceMm) {
  // Stable, so that contours of one plane stay in the order of the file.
  std::stable_sort(
      contours.begin(), contours.end(), [](const PlacedContour& a, const PlacedContour& b) {
        return a.heightMm < b.heightMm;
      });
  std::vector<DrawnPlane> planes;
  double first = 0.0;
  for (const PlacedContour& placed : contours) {
    if (planes.empty() || placed.heightMm - first > toleranceMm) {
      first = placed.heightMm;
      planes.emplace_back();
    }
    planes.back().contours.push_back(placed.contour);
    planes.back().heightMm = (first + placed.heightMm) / 2.0;
  }
  return planes;
}

Ring ringOf(const ParsedContour& contour, const SlicePlanes& planes, std::int64_t k) {
  // Rounding noise of the projection must not decide on which side of a pixel
  // centre a vertex lies that the file puts on it.
  constexpr double kGrainPx = 1e-6;
  Ring ring;
  ring.reserve(contour.pointsMm.size());
  for (const Vec3& point : contour.pointsMm) {
    const Point2 pixel = planes.toPixel(point, k);
    ring.push_back(
        {std::round(pixel.x / kGrainPx) * kGrainPx, std::round(pixel.y / kGrainPx) * kGrainPx});
  }
  return ring;
}

struct Extent {
  double lowX = HUGE_VAL;
  double lowY = HUGE_VAL;
  double highX = -HUGE_VAL;
  double highY = -HUGE_VAL;

  [[nodiscard]] bool meets(const Extent& other) const {
    return lowX <= other.highX && other.lowX <= highX && lowY <= other.highY && other.lowY <= highY;
  }
};

Extent extentOf(const std::vector<Ring>& rings) {
  Extent extent;
  for (const Ring& ring : rings) {
    for (const Point2& point : ring) {
      extent.lowX = std::min(extent.lowX, point.x);
      extent.lowY = std::min(extent.lowY, point.y);
      extent.highX = std::max(extent.highX, point.x);
      extent.highY = std::max(extent.highY, point.y);
    }
  }
  return extent;
}

// How far an ROI reaches beyond the image, in mm, with the word for each side.
class Overhang {
 public:
  void beyond(std::string_view side, double mm) {
    const auto found = std::find_if(
        m_sides.begin(), m_sides.end(), [&](const auto& s) { return s.first == side; });
    if (found == m_sides.end()) {
      m_sides.emplace_back(side, mm);
    } else {
      found->second = std::max(found->second, mm);
    }
  }

  void describe(const std::string& roi, bool wholly, Warnings& warnings) const {
    if (m_sides.empty()) {
      return;
    }
    std::vector<std::string> words;
    for (const auto& [side, mm] : m_sides) {
      words.push_back(fmt::format("{:.1f} mm beyond the {}", mm, side));
    }
    warnings.push_back({WarningCode::OutsideImage,
                        fmt::format("'{}' lies {} outside the image: it reaches {}. What is "
                                    "outside was left out.",
                                    roi,
                                    wholly ? "wholly" : "partly",
                                    fmt::join(words, ", "))});
  }

 private:
  std::vector<std::pair<std::string, double>> m_sides;
};

// Sorts the planes to the slices; what has no slice is counted.
class Assignment {
 public:
  Assignment(const SlicePlanes& planes, const Size3& size)
      : m_planes(planes), m_size(size), m_order(planes.byHeight()) {}

  void add(const DrawnPlane& plane, Doubts& doubts, Overhang& overhang) {
    const auto k = m_planes.nearest(plane.heightMm);
    if (!k) {
      const double below = m_planes.heightOf(m_order.front()) - plane.heightMm;
      const double above = plane.heightMm - m_planes.heightOf(m_order.back());
      if (below > 0.0 || above > 0.0) {
        const std::int64_t end = below > 0.0 ? m_order.front() : m_order.back();
        overhang.beyond(m_order.size() == 1 ? "slice (k)"
                        : end == 0          ? "first slice (k)"
                                            : "last slice (k)",
                        std::max(below, above));
      }
      for (std::size_t n = 0; n < plane.contours.size(); ++n) {
        doubts.count("left out because no image slice lies there");
      }
      return;
    }
    constexpr double kRoundingMm = 1e-3;
    const auto away = [&](const DrawnPlane& drawn) {
      return std::abs(drawn.heightMm - m_planes.heightOf(*k));
    };
    const auto [at, isNew] = m_nearest.try_emplace(*k, &plane);
    if (isNew) {
      return;
    }
    const DrawnPlane* other = &plane;
    if (away(plane) + kRoundingMm < away(*at->second)) {
      std::swap(at->second, other);
    }
    ++m_unusedPlanes;
    m_unusedContours += other->contours.size();
  }

  [[nodiscard]] RingsBySlice rings() const {
    RingsBySlice slices;
    for (const auto& [k, plane] : m_nearest) {
      for (const ParsedContour* contour : plane->contours) {
        slices[k].push_back(ringOf(*contour, m_planes, k));
      }
    }
    return slices;
  }

  void describeUnused(const std::string& roi, Warnings& warnings) const {
    if (m_unusedPlanes > 0) {
      warnings.push_back(
          {WarningCode::Contour,
           fmt::format("'{}': {} on {} between the image slices left out: each slice takes the "
                       "plane that is nearest to it.",
                       roi,
                       plural(m_unusedContours, "contour"),
                       plural(m_unusedPlanes, "plane"))});
    }
  }

  // Names slices without a contour between two slices whose contours lie over one
  // another: most likely not every slice was drawn on.
  void describeGaps(const std::string& roi, const RingsBySlice& slices, Warnings& warnings) const {
    std::vector<std::string> gaps;
    std::vector<std::int64_t> empty;
    std::optional<Extent> last;
    for (const std::int64_t k : m_order) {
      const auto found = slices.find(k);
      if (found == slices.end()) {
        empty.push_back(k);
        continue;
      }
      const Extent extent = extentOf(found->second);
      if (last && last->meets(extent)) {
        for (const std::int64_t gap : empty) {
          gaps.push_back(std::to_string(gap + 1));
        }
      }
      last = extent;
      empty.clear();
    }
    if (gaps.empty()) {
      return;
    }
    constexpr std::size_t kNamed = 12;
    const std::size_t count = gaps.size();
    gaps.resize(std::min(count, kNamed));
    warnings.push_back({WarningCode::Gap,
                        fmt::format("'{}': {} between contours {} no contour and stay{} empty "
                                    "(number {}{}); nothing is interpolated.",
                                    roi,
                                    plural(count, "slice"),
                                    count == 1 ? "has" : "have",
                                    count == 1 ? "s" : "",
                                    fmt::join(gaps, ", "),
                                    count > kNamed ? " and others" : "")});
  }

  // Whether any of the rings reaches a pixel centre's row and column; the parts
  // beyond the image are measured. Half a pixel more is the image's own edge.
  [[nodiscard]] bool measure(const RingsBySlice& slices, Overhang& overhang) const {
    constexpr double kEdgePx = 1.0;
    bool within = false;
    const double lastI = static_cast<double>(m_size.i - 1);
    const double lastJ = static_cast<double>(m_size.j - 1);
    for (const auto& [k, rings] : slices) {
      const Extent extent = extentOf(rings);
      const auto beyond = [&](std::string_view side, double px, double spacingMm) {
        if (px >= kEdgePx) {
          overhang.beyond(side, (px - 0.5) * spacingMm);
        }
      };
      beyond("first column (i)", -extent.lowX, m_planes.columnSpacingMm());
      beyond("last column (i)", extent.highX - lastI, m_planes.columnSpacingMm());
      beyond("first row (j)", -extent.lowY, m_planes.rowSpacingMm());
      beyond("last row (j)", extent.highY - lastJ, m_planes.rowSpacingMm());
      within = within || extent.meets({0.0, 0.0, lastI, lastJ});
    }
    return within;
  }

 private:
  const SlicePlanes& m_planes;
  Size3 m_size;
  std::vector<std::int64_t> m_order;
  std::map<std::int64_t, const DrawnPlane*> m_nearest;
  std::size_t m_unusedPlanes = 0;
  std::size_t m_unusedContours = 0;
};

}  // namespace

DrawnRoi drawnOn(const SlicePlanes& planes,
                 const Size3& size,
                 const ParsedRoi& roi,
                 const std::string& name,
                 Warnings& warnings) {
  DrawnRoi drawn;
  Doubts doubts;
  std::vector<PlacedContour> placed;
  for (const ParsedContour& contour : roi.contours) {
    if (const auto height = heightOf(contour, planes, doubts)) {
      placed.push_back({&contour, *height});
      drawn.exclusive = drawn.exclusive || isXor(contour.type);
    }
  }
  const double toleranceMm = std::clamp(0.1 * planes.halfGapMm(), 1e-3, 0.1);
  const std::vector<DrawnPlane> drawnPlanes = planesOf(std::move(placed), toleranceMm);
  Assignment assignment(planes, size);
  Overhang overhang;
  for (const DrawnPlane& plane : drawnPlanes) {
    assignment.add(plane, doubts, overhang);
  }
  drawn.slices = assignment.rings();
  doubts.describe(name, warnings);
  assignment.describeUnused(name, warnings);
  assignment.describeGaps(name, drawn.slices, warnings);
  const bool within = assignment.measure(drawn.slices, overhang);
  overhang.describe(name, !within, warnings);
  return drawn;
}

}  // namespace argand::dicom
