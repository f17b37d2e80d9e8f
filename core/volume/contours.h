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

enum class FillRule {
  EvenOdd,  // inside an odd number of rings
  Union,    // inside any one ring
  // As a person draws an organ in one plane: a ring within another is a hole, one
  // within that an island, and so on; rings that cross are joined; a ring that is
  // there twice (see sameRing, within a tenth of a pixel) counts once.
  Nested
};

// Sets to 1 the pixels whose centres lie inside by the rule. A centre on an edge
// belongs to the ring on its left/top side only (half-open rule), so neighbours
// never share it. Whether one ring lies within another or crosses it is told by the
// pixels of the image that they hold. Rings that are no polygon (fewer than three
// points, or one that is not finite) hold nothing. With Nested, rings that together
// could hold more than 256 images' pixels are filled by EvenOdd, once each.
[[nodiscard]] std::vector<std::uint8_t> filled(std::span<const Ring> rings,
                                               std::int64_t width,
                                               std::int64_t height,
                                               FillRule rule = FillRule::EvenOdd);

// True where the two rings are one within `tolerance` pixels, wherever they begin and
// whichever way they turn: each point of either lies that near to the other's edges.
[[nodiscard]] bool sameRing(const Ring& a, const Ring& b, double tolerance);

[[nodiscard]] double signedArea(const Ring& ring);  // square pixels

}  // namespace argand
