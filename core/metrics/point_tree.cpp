// SPDX-License-Identifier: Apache-2.0
#include "core/metrics/point_tree.h"

#include "core/base/assert.h"

#include <algorithm>
#include <limits>

namespace argand::metrics {

namespace {

constexpr std::uint32_t kLeaf = 12;  // points that are quicker compared than divided

int widestAxis(const std::vector<Vec3>& points, std::uint32_t begin, std::uint32_t end) {
  Vec3 low = points[begin];
  Vec3 high = low;
  for (std::uint32_t n = begin; n < end; ++n) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], points[n][axis]);
      high[axis] = std::max(high[axis], points[n][axis]);
    }
  }
  const Vec3 extent = high - low;
  return extent.x >= extent.y ? (extent.x >= extent.z ? 0 : 2) : (extent.y >= extent.z ? 1 : 2);
}

}  // namespace

PointTree::PointTree(std::vector<Vec3> points) : m_points(std::move(points)) {
  ARGAND_ASSERT(!m_points.empty() && m_points.size() < std::numeric_limits<std::uint32_t>::max());
  m_nodes.reserve(4 * m_points.size() / kLeaf + 1);
  build(0, static_cast<std::uint32_t>(m_points.size()));
}

void PointTree::build(std::uint32_t begin, std::uint32_t end) {
  const std::size_t node = m_nodes.size();
  m_nodes.push_back({0.0, -1, begin, end, 0});
  if (end - begin <= kLeaf) {
    return;
  }
  const int axis = widestAxis(m_points, begin, end);
  const std::uint32_t middle = begin + (end - begin) / 2;
  std::nth_element(m_points.begin() + begin,
                   m_points.begin() + middle,
                   m_points.begin() + end,
                   [axis](const Vec3& a, const Vec3& b) { return a[axis] < b[axis]; });
  m_nodes[node].axis = axis;
  m_nodes[node].split = m_points[middle][axis];
  build(begin, middle);
  m_nodes[node].upper = static_cast<std::uint32_t>(m_nodes.size());
  build(middle, end);
}

void PointTree::search(std::uint32_t node, const Vec3& query, double& best) const {
  const Node& here = m_nodes[node];
  if (here.axis < 0) {
    for (std::uint32_t n = here.begin; n < here.end; ++n) {
      const double x = m_points[n].x - query.x;
      const double y = m_points[n].y - query.y;
      const double z = m_points[n].z - query.z;
      best = std::min(best, x * x + y * y + z * z);
    }
    return;
  }
  const double beyond = query[here.axis] - here.split;
  const std::uint32_t lower = node + 1;
  search(beyond < 0.0 ? lower : here.upper, query, best);
  if (beyond * beyond < best) {
    search(beyond < 0.0 ? here.upper : lower, query, best);
  }
}

double PointTree::nearestSquared(const Vec3& query, double boundSquared) const {
  // A little more than the bound, so that rounding cannot hide the point it came from.
  double best = boundSquared * (1.0 + 1e-9) + 1e-12;
  search(0, query, best);
  return best;
}

}  // namespace argand::metrics
