// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <span>
#include <vector>

// Masks of one slice to closed polygons and back. Coordinates are continuous
// pixel indices: pixel (i, j) has its CENTRE at (i, j) and its edges at +-0.5.
namespace argand {

struct Point2 {
  double x = 0.0;  // along i
  double y = 0.0;  // along j
  bool operator==(const Point2&) const = default;
};

// A closed polygon; the first point is not repeated at the end.
using Ring = std::vector<Point2>;

enum class HoleStyle {
  Keyhole,  // each outer ring joined with its holes by zero-width bridges: exact for OR and XOR
            // readers
  Xor,      // outers and holes as separate rings, for even-odd (XOR) readers
};

struct ContourOptions {
  HoleStyle holes = HoleStyle::Keyhole;
  // Douglas-Peucker tolerance in pixels; 0 keeps every vertex. Where the
  // simplified rings of a slice do not fill to the same mask, that slice keeps
  // its full rings.
  double tolerancePx = 0.25;
};

// The rings that fill, at pixel centres, to exactly `mask` (rows of `width`,
// non-zero is inside). 4-connected foreground. docs/rtstruct.md says why so:
// marching squares at 0.5 on the mask padded by one pixel (Lorensen & Cline
// 1987) with a fixed saddle rule.
[[nodiscard]] std::vector<Ring> contoursOf(std::span<const std::uint8_t> mask,
                                           std::int64_t width,
                                           std::int64_t height,
                                           const ContourOptions& options = {});

enum class FillRule { EvenOdd, Union };

// Sets to 1 the pixels whose centres lie inside: by the even-odd rule over all
// rings together, or inside any one ring. A centre on an edge belongs to the
// ring on its left/top side only (half-open rule), so neighbours never share it.
[[nodiscard]] std::vector<std::uint8_t> filled(std::span<const Ring> rings,
                                               std::int64_t width,
                                               std::int64_t height,
                                               FillRule rule = FillRule::EvenOdd);

[[nodiscard]] double signedArea(const Ring& ring);  // square pixels

}  // namespace argand
