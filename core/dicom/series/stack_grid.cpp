// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/stacks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace argand::dicom {

namespace {

// Slices are on a regular grid where each lies this near to it.
constexpr double kRegularMm = 0.1;
constexpr double kRegularFraction = 0.03;
constexpr double kTiltDegrees = 0.1;
constexpr std::size_t kNamedGaps = 5;

struct Line {
  Vec3 origin;  // of slice 0
  Vec3 step;    // from slice to slice
};

double worstDistance(const Line& line, const std::vector<Vec3>& positions) {
  double worst = 0.0;
  for (std::size_t k = 0; k < positions.size(); ++k) {
    const Vec3 at = line.origin + line.step * static_cast<double>(k);
    worst = std::max(worst, length(positions[k] - at));
  }
  return worst;
}

// Through the first and the last slice: exact where the series is.
Line throughEnds(const std::vector<Vec3>& positions) {
  const double steps = static_cast<double>(positions.size()) - 1.0;
  return {positions.front(), (positions.back() - positions.front()) * (1.0 / steps)};
}

// Least squares of the position over the slice number.
Line fitted(const std::vector<Vec3>& positions) {
  const auto count = static_cast<double>(positions.size());
  const double middle = (count - 1.0) / 2.0;
  Vec3 mean;
  Vec3 slope;
  double squares = 0.0;
  for (std::size_t k = 0; k < positions.size(); ++k) {
    const double x = static_cast<double>(k) - middle;
    mean = mean + positions[k] * (1.0 / count);
    slope = slope + positions[k] * x;
    squares += x * x;
  }
  slope = slope * (1.0 / squares);
  return {mean - slope * middle, slope};
}

// The line whose largest distance to any slice, along `normal`, is least; its
// course across the normal is that of `squares`.
Line closest(const std::vector<Vec3>& positions, const Vec3& normal, const Line& squares) {
  std::vector<double> heights;
  for (const Vec3& position : positions) {
    heights.push_back(dot(position, normal));
  }
  const auto extremes = [&](double step) {
    double low = heights[0];
    double high = heights[0];
    for (std::size_t k = 1; k < heights.size(); ++k) {
      const double rest = heights[k] - static_cast<double>(k) * step;
      low = std::min(low, rest);
      high = std::max(high, rest);
    }
    return std::pair(low, high);
  };
  const auto width = [&](double step) {
    const auto [low, high] = extremes(step);
    return high - low;
  };
  // The width is convex in the step: thirds of an interval that holds the best.
  const double guess = dot(squares.step, normal);
  double from = 0.0;
  double to = 2.0 * guess;
  for (int n = 0; n < 100; ++n) {
    const double third = (to - from) / 3.0;
    if (width(from + third) < width(to - third)) {
      to -= third;
    } else {
      from += third;
    }
  }
  const double step = (from + to) / 2.0;
  const auto [low, high] = extremes(step);
  const Vec3 along = squares.step * (1.0 / guess);  // one millimetre higher
  return {squares.origin + along * ((low + high) / 2.0 - dot(squares.origin, normal)),
          along * step};
}

bool regular(const Line& line, const std::vector<Vec3>& positions) {
  return worstDistance(line, positions) <=
         std::max(kRegularMm, kRegularFraction * length(line.step));
}

Line bestLine(const std::vector<Vec3>& positions, const Vec3& normal) {
  constexpr double kExactMm = 1e-3;
  const Line ends = throughEnds(positions);
  if (worstDistance(ends, positions) <= kExactMm) {
    return ends;
  }
  const Line squares = fitted(positions);
  const Line nearest = closest(positions, normal, squares);
  return regular(nearest, positions) ? nearest : squares;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The direction in which the slices advance, fitted over their heights, so that
// uneven spacing does not look like tilt.
double tiltDegrees(const std::vector<Vec3>& positions, const Vec3& normal) {
  const auto count = static_cast<double>(positions.size());
  Vec3 mean;
  for (const Vec3& position : positions) {
    mean = mean + position * (1.0 / count);
  }
  Vec3 direction;
  for (const Vec3& position : positions) {
    direction = direction + (position - mean) * dot(position - mean, normal);
  }
  const double cosine = dot(normalized(direction), normal);
  return std::acos(std::clamp(cosine, -1.0, 1.0)) * 180.0 / M_PI;
}

std::string namedGap(const std::vector<double>& heights, std::size_t k, double spacing) {
  const double gap = heights[k + 1] - heights[k];
  return fmt::format("{:.0f} missing between {:.1f} and {:.1f} mm",
                     std::round(gap / spacing) - 1.0,
                     heights[k],
                     heights[k + 1]);
}

// Names missing slices (spacings that are multiples of the usual one) and says
// whether they are all that is uneven.
bool warnOfGaps(const std::vector<double>& heights, Warnings& warnings) {
  std::vector<double> steps(heights.size() - 1);
  std::transform(
      heights.begin() + 1, heights.end(), heights.begin(), steps.begin(), std::minus<>());
  const double spacing = median(steps);
  const double tolerance = std::max(kRegularMm, 0.1 * spacing);
  std::vector<std::size_t> gaps;
  bool explained = true;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const double multiple = std::round(steps[k] / spacing);
    const bool whole = multiple >= 1.0 && std::abs(steps[k] - multiple * spacing) <= tolerance;
    if (whole && multiple >= 2.0) {
      gaps.push_back(k);
    }
    explained = explained && whole;
  }
  if (!gaps.empty()) {
    std::string text;
    for (std::size_t n = 0; n < std::min(gaps.size(), kNamedGaps); ++n) {
      text += (n > 0 ? "; " : "") + namedGap(heights, gaps[n], spacing);
    }
    if (gaps.size() > kNamedGaps) {
      text += fmt::format("; and {} more gaps", gaps.size() - kNamedGaps);
    }
    warnings.push_back({WarningCode::Gap,
                        fmt::format("Slices are missing (spacing {:.3g} mm): {}. Slices keep their "
                                    "own positions.",
                                    spacing,
                                    text)});
  }
  return explained && !gaps.empty();
}

void warnOfUnevenness(const std::vector<Vec3>& positions,
                      const Vec3& normal,
                      double worstMm,
                      Warnings& warnings) {
  std::vector<double> heights;
  for (const Vec3& position : positions) {
    heights.push_back(dot(position, normal));
  }
  if (warnOfGaps(heights, warnings)) {
    return;
  }
  double least = heights[1] - heights[0];
  double most = least;
  for (std::size_t k = 1; k + 1 < heights.size(); ++k) {
    least = std::min(least, heights[k + 1] - heights[k]);
    most = std::max(most, heights[k + 1] - heights[k]);
  }
  warnings.push_back(
      {WarningCode::UnevenSpacing,
       fmt::format("Slices are {:.3f} to {:.3f} mm apart, up to {:.2f} mm from an even "
                   "grid; they keep their own positions.",
                   least,
                   most,
                   worstMm)});
}

// One slice says nothing about the step to the next.
Vec3 stepOfSingle(const Frame& frame, const Vec3& normal, Warnings& warnings) {
  const char* from = "Spacing Between Slices";
  double spacing = frame.spacingBetweenMm.value_or(0.0);
  if (spacing <= 0.0) {
    from = "Slice Thickness";
    spacing = frame.thicknessMm.value_or(0.0);
  }
  if (spacing <= 0.0) {
    from = "a guess";
    spacing = 1.0;
  }
  warnings.push_back(
      {WarningCode::ValueRepaired,
       fmt::format("There is one slice only; its depth of {:.3g} mm is {}.", spacing, from)});
  return normal * spacing;
}

}  // namespace

Geometry gridOf(std::vector<Frame>& frames, Warnings& warnings) {
  const Frame& first = frames.front();
  const Vec3 normal = normalized(cross(first.rowCosine, first.columnCosine));
  std::stable_sort(frames.begin(), frames.end(), [&](const Frame& a, const Frame& b) {
    return dot(a.slice.positionMm, normal) < dot(b.slice.positionMm, normal);
  });
  std::vector<Vec3> positions;
  for (const Frame& frame : frames) {
    positions.push_back(frame.slice.positionMm);
  }
  Geometry geometry;
  geometry.size = {frames.front().pixels.columns,
                   frames.front().pixels.rows,
                   static_cast<std::int64_t>(frames.size())};
  Affine& affine = geometry.lpsFromIndex;
  affine.setColumn(0, frames.front().rowCosine * frames.front().columnSpacingMm);
  affine.setColumn(1, frames.front().columnCosine * frames.front().rowSpacingMm);
  affine.offset = positions.front();
  if (frames.size() == 1) {
    affine.setColumn(2, stepOfSingle(frames.front(), normal, warnings));
    return geometry;
  }
  const Line line = bestLine(positions, normal);
  affine.setColumn(2, line.step);
  affine.offset = line.origin;
  if (const double tilt = tiltDegrees(positions, normal); tilt > kTiltDegrees) {
    warnings.push_back(
        {WarningCode::Tilt,
         fmt::format("The slices are tilted by {:.2f} degrees against the direction in which they "
                     "advance (gantry tilt); the volume keeps this shear.",
                     tilt)});
  }
  if (!regular(line, positions)) {
    geometry.sliceOrigins = positions;
    warnOfUnevenness(positions, normal, worstDistance(line, positions), warnings);
  }
  return geometry;
}

}  // namespace argand::dicom
