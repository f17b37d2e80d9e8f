// SPDX-License-Identifier: Apache-2.0
#include "core/volume/contours.h"

#include "core/base/assert.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace argand {

namespace {

constexpr int kNone = -1;

// Rings of less area than this kill a whole slice in some readers.
constexpr double kSmallestArea = 0.05;  // square pixels

// Simplified rings must fill to the mask even when moved by this much, so that
// neither rounding to three decimals nor another reader's rule for centres on
// an edge can change a pixel.
constexpr double kSafetyPx = 0.02;

// A vertex of a ring. `hole` is the ring that hangs on it by a bridge.
struct Node {
  Point2 point;
  int hole = kNone;
};

struct TracedRing {
  std::vector<Node> nodes;
  bool isHole = false;
  int outer = kNone;  // of a hole: the ring that it lies in
};

// Marching squares at 0.5 on a mask padded by one pixel (Lorensen & Cline
// 1987). Vertices lie midway between a pixel inside and its neighbour outside,
// so no ring comes closer to a pixel centre than 0.35.
//
// Cells lie between four pixels, corners and sides counted clockwise from the
// top left and from the top. A segment runs from a side that is left (inside to
// outside, clockwise) to the side before the same run of inside corners;
// diagonal corners are two runs, hence 4-connected foreground.
class Tracer {
 public:
  Tracer(std::span<const std::uint8_t> mask, std::int64_t width, std::int64_t height)
      : m_width(width + 2), m_height(height + 2) {
    m_inside.assign(static_cast<std::size_t>(m_width * m_height), 0);
    for (std::int64_t j = 0; j < height; ++j) {
      for (std::int64_t i = 0; i < width; ++i) {
        m_inside[at(i + 1, j + 1)] = mask[static_cast<std::size_t>(j * width + i)] != 0 ? 1 : 0;
      }
    }
    m_ringAcross.assign(m_inside.size(), Place{});
    m_ringDown.assign(m_inside.size(), Place{});
  }

  // Rings in the order of their topmost row; the first vertex of each lies in
  // that row, at a half-integer x.
  std::vector<TracedRing> run() {
    for (std::int64_t j = 1; j + 1 < m_height; ++j) {
      for (std::int64_t i = 0; i + 1 < m_width; ++i) {
        if (inside(i, j) != inside(i + 1, j) && m_ringAcross[at(i, j)].ring == kNone) {
          trace(i, j);
        }
      }
    }
    for (std::size_t n = 0; n < m_rings.size(); ++n) {
      if (m_rings[n].isHole) {
        hang(static_cast<int>(n));
      }
    }
    insertHits();
    return std::move(m_rings);
  }

 private:
  struct Place {
    int ring = kNone;
    int vertex = 0;
  };

  // A bridge that ends inside the straight edge after `vertex`.
  struct Hit {
    int vertex = 0;
    Point2 point;
    int hole = kNone;
  };

  [[nodiscard]] std::size_t at(std::int64_t i, std::int64_t j) const {
    return static_cast<std::size_t>(j * m_width + i);
  }

  [[nodiscard]] bool inside(std::int64_t i, std::int64_t j) const {
    return m_inside[at(i, j)] != 0;
  }

  void trace(std::int64_t i, std::int64_t j) {
    static constexpr std::array<std::array<int, 2>, 4> kCorner{{{0, 0}, {1, 0}, {1, 1}, {0, 1}}};
    static constexpr std::array<std::array<int, 2>, 4> kAcross{{{0, -1}, {1, 0}, {0, 1}, {-1, 0}}};
    const int ring = static_cast<int>(m_rings.size());
    TracedRing traced;
    // Right of an inside pixel the ring enters the cell below, through its top.
    const bool right = inside(i, j);
    std::int64_t ci = i;
    std::int64_t cj = right ? j : j - 1;
    int side = right ? 0 : 2;
    while (true) {
      const bool across = side == 0 || side == 2;
      const std::int64_t vi = ci + (side == 1 ? 1 : 0);
      const std::int64_t vj = cj + (side == 2 ? 1 : 0);
      Place& place = across ? m_ringAcross[at(vi, vj)] : m_ringDown[at(vi, vj)];
      if (place.ring != kNone) {
        break;
      }
      place = {ring, static_cast<int>(traced.nodes.size())};
      // Minus the padding of one pixel.
      traced.nodes.push_back({{static_cast<double>(vi) - (across ? 0.5 : 1.0),
                               static_cast<double>(vj) - (across ? 1.0 : 0.5)},
                              kNone});
      int corner = side;
      const auto before = [](int n) { return static_cast<std::size_t>((n + 3) % 4); };
      while (inside(ci + kCorner[before(corner)][0], cj + kCorner[before(corner)][1])) {
        corner = (corner + 3) % 4;
      }
      const std::size_t out = before(corner);
      ci += kAcross[out][0];
      cj += kAcross[out][1];
      side = (static_cast<int>(out) + 2) % 4;
    }
    // An outer ring meets its topmost row from the left, a hole from its left
    // neighbour, which is inside.
    traced.isHole = right;
    m_rings.push_back(std::move(traced));
  }

  // Goes straight up from a hole's first vertex to the first ring that is met.
  // Both pixels beside the way are inside until then, so the line crosses no
  // ring, and at half-integer x it passes no pixel centre. What is met bounds
  // the same region: its outer ring, or a hole that begins further up.
  void hang(int hole) {
    const Point2 start = m_rings[static_cast<std::size_t>(hole)].nodes.front().point;
    const auto i = std::llround(start.x + 0.5);
    auto j = std::llround(start.y);
    while (inside(i, j) && inside(i + 1, j)) {
      --j;
    }
    if (inside(i, j) != inside(i + 1, j)) {
      const Place met = m_ringAcross[at(i, j)];
      m_rings[static_cast<std::size_t>(met.ring)].nodes[static_cast<std::size_t>(met.vertex)].hole =
          hole;
      adopt(hole, met.ring);
      return;
    }
    const Place left = m_ringDown[at(i, j)];
    const Place right = m_ringDown[at(i + 1, j)];
    ARGAND_ASSERT(left.ring == right.ring);
    const int count = static_cast<int>(m_rings[static_cast<std::size_t>(left.ring)].nodes.size());
    const int first = (left.vertex + 1) % count == right.vertex ? left.vertex : right.vertex;
    m_hits.resize(m_rings.size());
    m_hits[static_cast<std::size_t>(left.ring)].push_back(
        {first, {start.x, static_cast<double>(j) - 0.5}, hole});
    adopt(hole, left.ring);
  }

  void adopt(int hole, int met) {
    const TracedRing& ring = m_rings[static_cast<std::size_t>(met)];
    m_rings[static_cast<std::size_t>(hole)].outer = ring.isHole ? ring.outer : met;
  }

  void insertHits() {
    for (std::size_t n = 0; n < m_hits.size(); ++n) {
      auto& hits = m_hits[n];
      if (hits.empty()) {
        continue;
      }
      std::sort(
          hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.vertex < b.vertex; });
      std::vector<Node> nodes;
      nodes.reserve(m_rings[n].nodes.size() + hits.size());
      auto hit = hits.begin();
      for (std::size_t v = 0; v < m_rings[n].nodes.size(); ++v) {
        nodes.push_back(m_rings[n].nodes[v]);
        for (; hit != hits.end() && hit->vertex == static_cast<int>(v); ++hit) {
          nodes.push_back({hit->point, hit->hole});
        }
      }
      m_rings[n].nodes = std::move(nodes);
    }
  }

  std::int64_t m_width;
  std::int64_t m_height;
  std::vector<std::uint8_t> m_inside;
  std::vector<Place> m_ringAcross;  // of the vertex between pixels (i, j) and (i + 1, j)
  std::vector<Place> m_ringDown;    // of the vertex between pixels (i, j) and (i, j + 1)
  std::vector<TracedRing> m_rings;
  std::vector<std::vector<Hit>> m_hits;
};

double distanceToSegment(const Point2& p, const Point2& a, const Point2& b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double squared = dx * dx + dy * dy;
  const double along =
      squared > 0.0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / squared, 0.0, 1.0) : 0.0;
  return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

// Douglas & Peucker 1973 between two nodes that stay; marks those that stay.
void markKept(const std::vector<Node>& nodes,
              std::size_t first,
              std::size_t last,
              double tolerance,
              std::vector<bool>& kept) {
  std::vector<std::pair<std::size_t, std::size_t>> open{{first, last}};
  while (!open.empty()) {
    const auto [from, to] = open.back();
    open.pop_back();
    double farthest = tolerance;
    std::size_t split = from;
    for (std::size_t n = from + 1; n < to; ++n) {
      const double away =
          distanceToSegment(nodes[n].point, nodes[from].point, nodes[to % nodes.size()].point);
      if (away > farthest) {
        farthest = away;
        split = n;
      }
    }
    if (split != from) {
      kept[split] = true;
      open.emplace_back(from, split);
      open.emplace_back(split, to);
    }
  }
}

// Bridges keep both their ends, so they stay on their vertical line.
TracedRing simplified(const TracedRing& ring, double tolerance) {
  std::vector<std::size_t> anchors{0};
  for (std::size_t n = 1; n < ring.nodes.size(); ++n) {
    if (ring.nodes[n].hole != kNone) {
      anchors.push_back(n);
    }
  }
  std::vector<bool> kept(ring.nodes.size(), false);
  for (std::size_t n = 0; n < anchors.size(); ++n) {
    kept[anchors[n]] = true;
    const std::size_t last = n + 1 < anchors.size() ? anchors[n + 1] : ring.nodes.size();
    markKept(ring.nodes, anchors[n], last, tolerance, kept);
  }
  TracedRing result{{}, ring.isHole, ring.outer};
  for (std::size_t n = 0; n < ring.nodes.size(); ++n) {
    if (kept[n]) {
      result.nodes.push_back(ring.nodes[n]);
    }
  }
  return result;
}

void appendWithHoles(const std::vector<TracedRing>& rings, int ring, Ring& path) {
  for (const Node& node : rings[static_cast<std::size_t>(ring)].nodes) {
    path.push_back(node.point);
    if (node.hole != kNone) {
      appendWithHoles(rings, node.hole, path);
      path.push_back(rings[static_cast<std::size_t>(node.hole)].nodes.front().point);
      path.push_back(node.point);
    }
  }
}

std::vector<Ring> assembled(const std::vector<TracedRing>& rings, HoleStyle style) {
  std::vector<Ring> result;
  if (style == HoleStyle::Keyhole) {
    for (std::size_t n = 0; n < rings.size(); ++n) {
      if (!rings[n].isHole) {
        appendWithHoles(rings, static_cast<int>(n), result.emplace_back());
      }
    }
    return result;
  }
  std::vector<std::vector<std::size_t>> members(rings.size());  // each outer, then its holes
  for (std::size_t n = 0; n < rings.size(); ++n) {
    members[rings[n].isHole ? static_cast<std::size_t>(rings[n].outer) : n].push_back(n);
  }
  for (const auto& group : members) {
    for (const std::size_t n : group) {
      Ring& path = result.emplace_back();
      for (const Node& node : rings[n].nodes) {
        path.push_back(node.point);
      }
    }
  }
  return result;
}

bool fillsTo(const std::vector<Ring>& rings,
             std::span<const std::uint8_t> mask,
             std::int64_t width,
             std::int64_t height) {
  const auto equal = [](std::uint8_t a, std::uint8_t b) { return (a != 0) == (b != 0); };
  for (const double dx : {-kSafetyPx, kSafetyPx}) {
    for (const double dy : {-kSafetyPx, kSafetyPx}) {
      std::vector<Ring> moved = rings;
      for (Ring& ring : moved) {
        for (Point2& point : ring) {
          point.x += dx;
          point.y += dy;
        }
      }
      const auto back = filled(moved, width, height);
      if (!std::equal(back.begin(), back.end(), mask.begin(), mask.end(), equal)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

std::vector<Ring> contoursOf(std::span<const std::uint8_t> mask,
                             std::int64_t width,
                             std::int64_t height,
                             const ContourOptions& options) {
  ARGAND_ASSERT(width >= 0 && height >= 0 &&
                mask.size() == static_cast<std::size_t>(width * height));
  const std::vector<TracedRing> traced = Tracer(mask, width, height).run();
  if (options.tolerancePx > 0.0) {
    // Within 0.25 no edge can pass a pixel centre; larger tolerances are why
    // the result is filled again.
    std::vector<TracedRing> simple;
    simple.reserve(traced.size());
    for (const TracedRing& ring : traced) {
      simple.push_back(simplified(ring, options.tolerancePx));
    }
    std::vector<Ring> rings = assembled(simple, options.holes);
    const bool sound = std::all_of(rings.begin(), rings.end(), [](const Ring& ring) {
      return ring.size() >= 3 && std::abs(signedArea(ring)) >= kSmallestArea;
    });
    if (sound && fillsTo(rings, mask, width, height)) {
      return rings;
    }
  }
  // The smallest ring of marching squares, round one pixel, has an area of 0.5.
  return assembled(traced, options.holes);
}

}  // namespace argand
