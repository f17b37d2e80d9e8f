// SPDX-License-Identifier: Apache-2.0
#include "core/base/assert.h"
#include "core/volume/contours.h"
#include "core/volume/nested_fill.h"

#include <algorithm>
#include <cmath>

namespace argand {

namespace {

// Crossings within this of a pixel centre count as on it. Coordinates of three
// decimals on edges of up to 1000 pixels that miss a centre miss it by more
// (the difference is a fraction with a denominator of at most 1e9).
constexpr double kOnCentre = 5e-10;

double snapped(double value) {
  const double nearest = std::round(value);
  return std::abs(value - nearest) < kOnCentre ? nearest : value;
}

// Whether pixels are inside, as changes along each row: a set entry flips the
// state of its pixel and of all that follow it in the row.
class Flips {
 public:
  Flips(std::int64_t width, std::int64_t height)
      : m_width(width), m_height(height), m_flips(static_cast<std::size_t>(width * height), 0) {}

  void add(const Ring& ring) {
    const auto finite = [](const Point2& p) { return std::isfinite(p.x) && std::isfinite(p.y); };
    if (ring.size() < 3 || !std::all_of(ring.begin(), ring.end(), finite)) {
      return;
    }
    for (std::size_t n = 0; n < ring.size(); ++n) {
      addEdge(ring[n], ring[(n + 1) % ring.size()]);
    }
  }

  // Ors the pixels of the rows of `box` into `mask` and clears them here.
  void mergeInto(std::vector<std::uint8_t>& mask, std::int64_t firstRow, std::int64_t lastRow) {
    for (std::int64_t j = firstRow; j <= lastRow; ++j) {
      std::uint8_t inside = 0;
      const auto row = static_cast<std::size_t>(j * m_width);
      for (std::size_t n = row; n < row + static_cast<std::size_t>(m_width); ++n) {
        inside ^= m_flips[n];
        mask[n] |= inside;
        m_flips[n] = 0;
      }
    }
  }

 private:
  // An edge crosses the rows j with top < j <= bottom, and the pixels right of
  // its crossing change state: a centre that lies on it stays on its left.
  void addEdge(const Point2& a, const Point2& b) {
    // The same order for both directions of an edge, so that two rings which
    // share it round alike.
    const bool down = a.y < b.y;
    const Point2 top{down ? a.x : b.x, snapped(down ? a.y : b.y)};
    const Point2 bottom{down ? b.x : a.x, snapped(down ? b.y : a.y)};
    const double first = std::max(0.0, std::floor(top.y) + 1.0);
    const double last = std::min(static_cast<double>(m_height - 1), std::floor(bottom.y));
    if (!(first <= last)) {
      return;
    }
    const double slope = (bottom.x - top.x) / (bottom.y - top.y);
    for (auto j = static_cast<std::int64_t>(first); j <= static_cast<std::int64_t>(last); ++j) {
      const double x = snapped(top.x + (static_cast<double>(j) - top.y) * slope);
      const double next = std::max(0.0, std::floor(x) + 1.0);
      if (next < static_cast<double>(m_width)) {
        m_flips[static_cast<std::size_t>(j * m_width + static_cast<std::int64_t>(next))] ^= 1;
      }
    }
  }

  std::int64_t m_width;
  std::int64_t m_height;
  std::vector<std::uint8_t> m_flips;
};

// The rows that a ring can reach, within the image; empty where first > last.
std::pair<std::int64_t, std::int64_t> rowsOf(const Ring& ring, std::int64_t height) {
  double low = static_cast<double>(height);
  double high = -1.0;
  for (const Point2& point : ring) {
    low = std::min(low, point.y);
    high = std::max(high, point.y);
  }
  return {static_cast<std::int64_t>(std::max(0.0, std::floor(low))),
          static_cast<std::int64_t>(std::min(static_cast<double>(height - 1), std::ceil(high)))};
}

}  // namespace

std::vector<std::uint8_t> filled(std::span<const Ring> rings,
                                 std::int64_t width,
                                 std::int64_t height,
                                 FillRule rule) {
  ARGAND_ASSERT(width >= 0 && height >= 0);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(width * height), 0);
  if (mask.empty()) {
    return mask;
  }
  if (rule == FillRule::Nested) {
    return internal::filledNested(rings, width, height);
  }
  Flips flips(width, height);
  for (const Ring& ring : rings) {
    flips.add(ring);
    if (rule == FillRule::Union) {
      const auto [first, last] = rowsOf(ring, height);
      flips.mergeInto(mask, first, last);
    }
  }
  if (rule == FillRule::EvenOdd) {
    flips.mergeInto(mask, 0, height - 1);
  }
  return mask;
}

double signedArea(const Ring& ring) {
  double twice = 0.0;
  for (std::size_t n = 0; n < ring.size(); ++n) {
    const Point2& a = ring[n];
    const Point2& b = ring[(n + 1) % ring.size()];
    twice += a.x * b.y - b.x * a.y;
  }
  return twice / 2.0;
}

}  // namespace argand
