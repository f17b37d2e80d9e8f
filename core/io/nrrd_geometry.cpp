// SPDX-License-Identifier: Apache-2.0
#include "core/io/formats.h"
#include "core/io/header_text.h"
#include "core/io/nrrd_header.h"

#include <algorithm>
#include <cmath>

namespace argand::io::nrrd {

namespace fs = std::filesystem;

namespace {

// Millimetres of a length's unit; nothing for a unit that is not known. No unit and "???"
// are millimetres, as every writer of medical images means them.
std::optional<double> millimetresOf(std::string_view unit) {
  struct Unit {
    std::string_view name;
    double millimetres;
  };

  static constexpr std::array<Unit, 29> kUnits{{{"", 1.0},
                                                {"???", 1.0},
                                                {"mm", 1.0},
                                                {"millimeter", 1.0},
                                                {"millimeters", 1.0},
                                                {"millimetre", 1.0},
                                                {"millimetres", 1.0},
                                                {"cm", 10.0},
                                                {"centimeter", 10.0},
                                                {"centimeters", 10.0},
                                                {"centimetre", 10.0},
                                                {"centimetres", 10.0},
                                                {"m", 1000.0},
                                                {"meter", 1000.0},
                                                {"meters", 1000.0},
                                                {"metre", 1000.0},
                                                {"metres", 1000.0},
                                                {"um", 0.001},
                                                {"micron", 0.001},
                                                {"microns", 0.001},
                                                {"micrometer", 0.001},
                                                {"micrometers", 0.001},
                                                {"micrometre", 0.001},
                                                {"micrometres", 0.001},
                                                {"\u00b5m", 0.001},  // micro sign
                                                {"\u03bcm", 0.001},  // Greek letter mu
                                                {"nm", 1e-6},
                                                {"nanometer", 1e-6},
                                                {"nanometre", 1e-6}}};
  const std::string name = lowered(trimmed(unit));
  const auto known = std::find_if(
      kUnits.begin(), kUnits.end(), [&](const Unit& candidate) { return candidate.name == name; });
  return known == kUnits.end() ? std::nullopt : std::optional(known->millimetres);
}

Result<double> factorOf(const std::string& unit, const fs::path& path, Warnings& warnings) {
  const auto factor = millimetresOf(unit);
  if (!factor) {
    return refused(path,
                   fmt::format("gives lengths in '{}', a unit that is not known; millimetres (mm) "
                               "are expected.",
                               unit));
  }
  const Warning converted{WarningCode::ValueRepaired,
                          fmt::format("{} gives lengths in {}; they were converted to millimetres.",
                                      displayed(path.filename()),
                                      unit)};
  if (*factor != 1.0 && std::find(warnings.begin(), warnings.end(), converted) == warnings.end()) {
    warnings.push_back(converted);
  }
  return *factor;
}

// Axes of these kinds are axes of space; an axis of no kind is one too.
bool mayBeSpatial(const Axis& axis) {
  return axis.kind.empty() || axis.kind == "domain" || axis.kind == "space";
}

// What the three axes of the named space are in LPS: 1 or -1.
Result<Vec3> lpsSigns(const Header& header, const fs::path& path, Warnings& warnings) {
  const std::string& space = header.space;
  if (space.starts_with("right-anterior-superior") || space.starts_with("ras")) {
    return Vec3{-1.0, -1.0, 1.0};
  }
  if (space.starts_with("left-anterior-superior") || space.starts_with("las")) {
    return Vec3{1.0, -1.0, 1.0};
  }
  if (space.starts_with("left-posterior-superior") || space.starts_with("lps")) {
    return Vec3{1.0, 1.0, 1.0};
  }
  if (space.starts_with("3d-left-handed")) {
    return refused(
        path,
        "lies in the space '3D-left-handed', which does not say left from right; give it "
        "the space left-posterior-superior or right-anterior-superior.");
  }
  if (space.starts_with("scanner-xyz")) {
    return refused(path,
                   "lies in the space 'scanner-xyz', in which programs disagree on the side of the "
                   "patient that x points to; give it the space left-posterior-superior or "
                   "right-anterior-superior.");
  }
  warnings.push_back({WarningCode::ValueRepaired,
                      fmt::format("{} does not say where its axes lie in the patient{}; they are "
                                  "taken as left, posterior, superior.",
                                  displayed(path.filename()),
                                  space.empty() ? "" : " (space 3D-right-handed)")});
  return Vec3{1.0, 1.0, 1.0};
}

// The factors to LPS millimetres of the space's coordinates.
Result<Vec3> spaceScale(const Header& header, const fs::path& path, Warnings& warnings) {
  ARGAND_ASSIGN(Vec3 scale, lpsSigns(header, path, warnings));
  for (std::size_t n = 0; n < std::min<std::size_t>(3, header.spaceUnits.size()); ++n) {
    ARGAND_ASSIGN(const double factor, factorOf(header.spaceUnits[n], path, warnings));
    scale[static_cast<int>(n)] *= factor;
  }
  return scale;
}

Vec3 pointOf(const std::vector<double>& numbers, const Vec3& scale) {
  Vec3 point;
  for (std::size_t n = 0; n < std::min<std::size_t>(3, numbers.size()); ++n) {
    const auto axis = static_cast<int>(n);
    point[axis] = numbers[n] * scale[axis] + 0.0;  // no negative zeros
  }
  return point;
}

// The step of an axis without a direction, and where its first voxel's centre lies
// (section 6: a minimum is the edge of the first voxel of a cell-centred axis, the
// centre of one that is node-centred).
struct Ruler {
  double step = 1.0;
  double first = 0.0;
};

Result<Ruler> rulerOf(const Axis& axis,
                      std::size_t number,
                      const fs::path& path,
                      Warnings& warnings) {
  ARGAND_ASSIGN(const double factor, factorOf(axis.unit, path, warnings));
  const bool node = axis.centering == Centering::Node;
  Ruler ruler;
  std::optional<double> fromLimits;
  const auto cells = static_cast<double>(node ? axis.size - 1 : axis.size);
  if (axis.minimum && axis.maximum && cells > 0.0) {
    fromLimits = (*axis.maximum - *axis.minimum) / cells;
  }
  if (axis.spacing && fromLimits &&
      std::abs(*axis.spacing - *fromLimits) > 1e-3 * std::abs(*axis.spacing)) {
    return refused(path,
                   fmt::format("contradicts itself along axis {}: a spacing of {}, and {} from its "
                               "axis mins and maxs.",
                               number + 1,
                               *axis.spacing,
                               *fromLimits));
  }
  if (!axis.spacing && !fromLimits) {
    warnings.push_back({WarningCode::ValueRepaired,
                        fmt::format("{} has no voxel size along axis {}; 1 mm is taken.",
                                    displayed(path.filename()),
                                    number + 1)});
  }
  ruler.step = axis.spacing.value_or(fromLimits.value_or(1.0));
  if (axis.minimum) {
    ruler.first = *axis.minimum + (node ? 0.0 : 0.5 * ruler.step);
  }
  return Ruler{ruler.step * factor, ruler.first * factor};
}

// The numbers of the axes of space, at most three, and of those of time and values.
Result<std::vector<std::size_t>> spatialAxes(const Header& header, const fs::path& path) {
  std::vector<std::size_t> spatial;
  for (std::size_t n = 0; n < header.axes.size(); ++n) {
    const Axis& axis = header.axes[n];
    if (!header.hasDirections) {
      if (mayBeSpatial(axis) && spatial.size() < 3) {
        spatial.push_back(n);
      }
      continue;
    }
    if (!axis.direction) {
      continue;
    }
    const std::vector<double>& d = *axis.direction;
    const bool alongTime = header.spaceDimension == 4 && d[3] != 0.0;
    const bool alongSpace = std::any_of(
        d.begin(), d.begin() + std::min<std::ptrdiff_t>(3, header.spaceDimension), [](double part) {
          return part != 0.0;
        });
    if (alongTime && alongSpace) {
      return refused(
          path, fmt::format("has an axis {} that runs through space and time at once.", n + 1));
    }
    if (!alongTime) {
      spatial.push_back(n);
    }
  }
  if (spatial.size() < 2 || spatial.size() > 3) {
    return refused(
        path,
        fmt::format("has {} axes in space; an image volume has 3, a slice 2.", spatial.size()));
  }
  return spatial;
}

Result<void> checkNotTwice(const Axis& axis,
                           std::size_t number,
                           double step,
                           const fs::path& path) {
  const bool otherSpacing =
      axis.spacing && std::abs(*axis.spacing - step) > 1e-3 * std::max(std::abs(step), 1e-12);
  if (otherSpacing || axis.minimum || axis.maximum) {
    return refused(path,
                   fmt::format("says twice where axis {} lies: by a space direction, and by a {}.",
                               number + 1,
                               otherSpacing ? "spacing that differs" : "minimum or maximum"));
  }
  if (millimetresOf(axis.unit) != 1.0) {
    return refused(
        path,
        fmt::format("gives axis {} the unit '{}' beside a space direction; 'space units' "
                    "is the field for it.",
                    number + 1,
                    axis.unit));
  }
  return {};
}

Result<void> placeByDirections(const Header& header,
                               const std::vector<std::size_t>& spatial,
                               const Vec3& scale,
                               const fs::path& path,
                               Geometry& geometry,
                               Warnings& warnings) {
  for (std::size_t n = 0; n < spatial.size(); ++n) {
    const Axis& axis = header.axes[spatial[n]];
    double step = 0.0;
    for (const double part : *axis.direction) {
      step = std::hypot(step, part);
    }
    ARGAND_TRY(checkNotTwice(axis, spatial[n], step, path));
    geometry.lpsFromIndex.setColumn(static_cast<int>(n), pointOf(*axis.direction, scale));
  }
  if (spatial.size() == 2) {
    const Affine& affine = geometry.lpsFromIndex;
    geometry.lpsFromIndex.setColumn(2, normalized(cross(affine.column(0), affine.column(1))));
  }
  if (header.origin) {
    geometry.lpsFromIndex.offset = pointOf(*header.origin, scale);
  } else {
    warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format("{} does not say where its first voxel lies; 0, 0, 0 mm is taken.",
                     displayed(path.filename()))});
  }
  return {};
}

Result<void> placeByRulers(const Header& header,
                           const std::vector<std::size_t>& spatial,
                           const fs::path& path,
                           Geometry& geometry,
                           Warnings& warnings) {
  for (std::size_t n = 0; n < spatial.size(); ++n) {
    const auto axis = static_cast<int>(n);
    ARGAND_ASSIGN(const Ruler ruler, rulerOf(header.axes[spatial[n]], spatial[n], path, warnings));
    Vec3 column;
    column[axis] = ruler.step;
    geometry.lpsFromIndex.setColumn(axis, column);
    geometry.lpsFromIndex.offset[axis] = ruler.first;
  }
  return {};
}

}  // namespace

Result<Placed> placed(const Header& header, const fs::path& path, Warnings& warnings) {
  ARGAND_ASSIGN(const std::vector<std::size_t> spatial, spatialAxes(header, path));
  Placed result;
  result.geometry.size = {1, 1, 1};
  std::int64_t stride = 1;
  double components = 1.0;
  for (std::size_t n = 0; n < header.axes.size(); ++n) {
    const Axis& axis = header.axes[n];
    const auto at = std::find(spatial.begin(), spatial.end(), n);
    if (at != spatial.end()) {
      result.geometry.size[static_cast<int>(at - spatial.begin())] = axis.size;
    } else if (axis.size > 1) {
      result.oneComponentAxis = components == 1.0;
      result.componentStride = stride;
      result.componentsAreList = axis.kind == "list";
      components *= static_cast<double>(axis.size);
    }
    stride *= axis.size;
  }
  result.components = static_cast<std::int64_t>(std::min(components, 1e15));
  ARGAND_TRY(checkSize(result.geometry.size, path));
  if (header.hasDirections) {
    if (header.spaceDimension < 2 || header.spaceDimension > 4 ||
        (header.spaceDimension == 4 && header.space.empty())) {
      return refused(path, fmt::format("lies in a space of {} dimensions.", header.spaceDimension));
    }
    ARGAND_ASSIGN(const Vec3 scale, spaceScale(header, path, warnings));
    ARGAND_TRY(placeByDirections(header, spatial, scale, path, result.geometry, warnings));
  } else if (header.origin) {
    return refused(path,
                   "has a space origin and no space directions; where its axes point is unknown.");
  } else {
    Header nowhere;
    ARGAND_TRY(lpsSigns(nowhere, path, warnings));
    ARGAND_TRY(placeByRulers(header, spatial, path, result.geometry, warnings));
  }
  ARGAND_TRY(checkAxes(result.geometry, path));
  if (header.quantizedFrom) {
    warnings.push_back({WarningCode::ValueRepaired,
                        fmt::format("The values of {} were quantized from {} to {}; they are taken "
                                    "as they are stored.",
                                    displayed(path.filename()),
                                    header.quantizedFrom->first,
                                    header.quantizedFrom->second)});
  }
  return result;
}

}  // namespace argand::io::nrrd
