// SPDX-License-Identifier: Apache-2.0
#include "core/volume/nested_fill.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace argand {

namespace {

// Rings are one where they are nowhere further apart; a wall of an organ is thicker.
constexpr double kSameRingPx = 0.1;

// The masks of the rings of one plane may take this many times the image's pixels.
constexpr std::int64_t kMostImages = 256;

struct Bounds {
  double lowX = HUGE_VAL;
  double lowY = HUGE_VAL;
  double highX = -HUGE_VAL;
  double highY = -HUGE_VAL;
};

Bounds boundsOf(const Ring& ring) {
  Bounds bounds;
  for (const Point2& point : ring) {
    bounds.lowX = std::min(bounds.lowX, point.x);
    bounds.lowY = std::min(bounds.lowY, point.y);
    bounds.highX = std::max(bounds.highX, point.x);
    bounds.highY = std::max(bounds.highY, point.y);
  }
  return bounds;
}

bool near(const Bounds& a, const Bounds& b, double tolerance) {
  return std::abs(a.lowX - b.lowX) <= tolerance && std::abs(a.lowY - b.lowY) <= tolerance &&
         std::abs(a.highX - b.highX) <= tolerance && std::abs(a.highY - b.highY) <= tolerance;
}

bool isPolygon(const Ring& ring) {
  return ring.size() >= 3 && std::all_of(ring.begin(), ring.end(), [](const Point2& p) {
           return std::isfinite(p.x) && std::isfinite(p.y);
         });
}

double squaredToSegment(const Point2& p, const Point2& a, const Point2& b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double squared = dx * dx + dy * dy;
  const double along =
      squared > 0.0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / squared, 0.0, 1.0) : 0.0;
  const double x = p.x - a.x - along * dx;
  const double y = p.y - a.y - along * dy;
  return x * x + y * y;
}

// The edges of a ring in the bands of equal height that they pass, so that those near
// a point are found without looking at all of them.
class EdgeBands {
 public:
  EdgeBands(const Ring& ring, double tolerance)
      : m_ring(ring),
        m_tolerance(tolerance),
        m_bounds(boundsOf(ring)),
        m_bands(bandCount(ring, m_bounds, tolerance)) {
    for (std::size_t n = 0; n < ring.size(); ++n) {
      const auto [low, high] = std::minmax(ring[n].y, ring[(n + 1) % ring.size()].y);
      for (std::size_t band = bandOf(low - tolerance); band <= bandOf(high + tolerance); ++band) {
        m_bands[band].push_back(n);
      }
    }
  }

  [[nodiscard]] bool near(const Point2& point) const {
    const auto& edges = m_bands[bandOf(point.y)];
    return std::any_of(edges.begin(), edges.end(), [&](std::size_t n) {
      return squaredToSegment(point, m_ring[n], m_ring[(n + 1) % m_ring.size()]) <=
             m_tolerance * m_tolerance;
    });
  }

 private:
  // So many that the lists hold at most about two entries for each edge.
  static std::size_t bandCount(const Ring& ring, const Bounds& bounds, double tolerance) {
    double heights = 0.0;
    for (std::size_t n = 0; n < ring.size(); ++n) {
      heights += std::abs(ring[(n + 1) % ring.size()].y - ring[n].y) + 2.0 * tolerance;
    }
    const auto edges = static_cast<double>(ring.size());
    const double most = (bounds.highY - bounds.lowY) * edges / std::max(heights, 1e-300);
    return static_cast<std::size_t>(std::clamp(std::min(most, edges / 8.0), 1.0, 4096.0));
  }

  [[nodiscard]] std::size_t bandOf(double y) const {
    const double height = m_bounds.highY - m_bounds.lowY;
    const double part = height > 0.0 ? (y - m_bounds.lowY) / height : 0.0;
    const double last = static_cast<double>(m_bands.size() - 1);
    return static_cast<std::size_t>(
        std::clamp(part * static_cast<double>(m_bands.size()), 0.0, last));
  }

  const Ring& m_ring;
  double m_tolerance;
  Bounds m_bounds;
  std::vector<std::vector<std::size_t>> m_bands;
};

bool allNear(const Ring& points, const Ring& ring, double tolerance) {
  const EdgeBands bands(ring, tolerance);
  return std::all_of(
      points.begin(), points.end(), [&](const Point2& point) { return bands.near(point); });
}

// The pixels of one ring, over the smallest box of the image that holds them.
struct RingMask {
  std::int64_t i = 0;
  std::int64_t j = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> inside;
  std::int64_t count = 0;

  [[nodiscard]] bool at(std::int64_t x, std::int64_t y) const {
    return inside[static_cast<std::size_t>((y - j) * width + x - i)] != 0;
  }
};

// The box that a ring can reach within the image; empty where it reaches nothing.
RingMask boxOf(const Ring& ring, std::int64_t width, std::int64_t height) {
  const Bounds bounds = boundsOf(ring);
  const auto within = [](double value, std::int64_t end) {
    return static_cast<std::int64_t>(std::clamp(value, 0.0, static_cast<double>(end)));
  };
  RingMask box;
  box.i = within(std::floor(bounds.lowX), width);
  box.j = within(std::floor(bounds.lowY), height);
  box.width = within(std::floor(bounds.highX) + 1.0, width) - box.i;
  box.height = within(std::floor(bounds.highY) + 1.0, height) - box.j;
  return box;
}

RingMask maskOf(const Ring& ring, std::int64_t width, std::int64_t height) {
  RingMask mask = boxOf(ring, width, height);
  Ring local = ring;
  for (Point2& point : local) {
    point.x -= static_cast<double>(mask.i);
    point.y -= static_cast<double>(mask.j);
  }
  mask.inside = filled({&local, 1}, mask.width, mask.height, FillRule::EvenOdd);
  mask.count = std::count(mask.inside.begin(), mask.inside.end(), std::uint8_t{1});
  return mask;
}

// Whether the rings share pixels and each has some of its own.
bool cross(const RingMask& a, const RingMask& b) {
  const std::int64_t left = std::max(a.i, b.i);
  const std::int64_t right = std::min(a.i + a.width, b.i + b.width);
  const std::int64_t top = std::max(a.j, b.j);
  const std::int64_t bottom = std::min(a.j + a.height, b.j + b.height);
  std::int64_t both = 0;
  for (std::int64_t y = top; y < bottom; ++y) {
    for (std::int64_t x = left; x < right; ++x) {
      both += a.at(x, y) && b.at(x, y) ? 1 : 0;
    }
  }
  return both > 0 && both < a.count && both < b.count;
}

// Each ring once; where two are one the first stays.
std::vector<const Ring*> distinct(std::span<const Ring> rings) {
  struct Candidate {
    const Ring* ring = nullptr;
    std::size_t position = 0;
    Bounds bounds;
    bool kept = true;
  };

  std::vector<Candidate> all;
  for (std::size_t n = 0; n < rings.size(); ++n) {
    if (isPolygon(rings[n])) {
      all.push_back({&rings[n], n, boundsOf(rings[n]), true});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return a.bounds.lowY < b.bounds.lowY;
  });
  for (std::size_t n = 0; n < all.size(); ++n) {
    for (std::size_t m = n + 1;
         all[n].kept && m < all.size() && all[m].bounds.lowY - all[n].bounds.lowY <= kSameRingPx;
         ++m) {
      if (all[m].kept && near(all[n].bounds, all[m].bounds, kSameRingPx) &&
          sameRing(*all[n].ring, *all[m].ring, kSameRingPx)) {
        (all[n].position < all[m].position ? all[m] : all[n]).kept = false;
      }
    }
  }
  std::vector<const Ring*> result;
  for (const Candidate& candidate : all) {
    if (candidate.kept) {
      result.push_back(candidate.ring);
    }
  }
  return result;
}

// Sets of rings that cross one another, each with the number of its set.
std::vector<std::size_t> joined(const std::vector<RingMask>& masks) {
  std::vector<std::size_t> set(masks.size());
  std::iota(set.begin(), set.end(), std::size_t{0});
  const auto root = [&](std::size_t n) {
    while (set[n] != n) {
      n = set[n] = set[set[n]];
    }
    return n;
  };
  std::vector<std::size_t> order = set;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return masks[a].j < masks[b].j;
  });
  for (std::size_t a = 0; a < order.size(); ++a) {
    const RingMask& first = masks[order[a]];
    for (std::size_t b = a + 1; b < order.size() && masks[order[b]].j < first.j + first.height;
         ++b) {
      if (root(order[a]) != root(order[b]) && cross(first, masks[order[b]])) {
        set[root(order[b])] = root(order[a]);
      }
    }
  }
  for (std::size_t n = 0; n < set.size(); ++n) {
    set[n] = root(n);
  }
  return set;
}

}  // namespace

bool sameRing(const Ring& a, const Ring& b, double tolerance) {
  return near(boundsOf(a), boundsOf(b), tolerance) && allNear(a, b, tolerance) &&
         allNear(b, a, tolerance);
}

namespace internal {

std::vector<std::uint8_t> filledNested(std::span<const Ring> rings,
                                       std::int64_t width,
                                       std::int64_t height) {
  if (rings.size() == 1) {
    return filled(rings, width, height, FillRule::EvenOdd);
  }
  const std::vector<const Ring*> once = distinct(rings);
  std::int64_t pixels = 0;
  for (const Ring* ring : once) {
    const RingMask box = boxOf(*ring, width, height);
    pixels += box.width * box.height;
  }
  if (pixels / kMostImages > width * height) {
    std::vector<Ring> copies;
    for (const Ring* ring : once) {
      copies.push_back(*ring);
    }
    return filled(copies, width, height, FillRule::EvenOdd);
  }
  std::vector<RingMask> masks;
  masks.reserve(once.size());
  for (const Ring* ring : once) {
    masks.push_back(maskOf(*ring, width, height));
  }
  const std::vector<std::size_t> sets = joined(masks);
  std::vector<std::size_t> order(masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(
      order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sets[a] < sets[b]; });
  // Within a set a pixel counts once; sets lie apart or one within the other, so that
  // even-odd over them is holes and islands.
  std::vector<std::uint8_t> result(static_cast<std::size_t>(width * height), 0);
  std::vector<std::size_t> lastSet(result.size(), masks.size());
  for (const std::size_t n : order) {
    const RingMask& mask = masks[n];
    for (std::int64_t y = mask.j; y < mask.j + mask.height; ++y) {
      for (std::int64_t x = mask.i; x < mask.i + mask.width; ++x) {
        const auto pixel = static_cast<std::size_t>(y * width + x);
        if (mask.at(x, y) && lastSet[pixel] != sets[n]) {
          lastSet[pixel] = sets[n];
          result[pixel] ^= 1U;
        }
      }
    }
  }
  return result;
}

}  // namespace internal

}  // namespace argand
