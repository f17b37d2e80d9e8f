// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/affine.h"

#include <cstdint>
#include <vector>

namespace argand::metrics {

// Exact nearest distances to a set of points (k-d tree, Bentley 1975). It works
// on points in space, so it is right for any grid: anisotropic, sheared, uneven.
class PointTree {
 public:
  explicit PointTree(std::vector<Vec3> points);  // at least one

  // The squared distance from `query` to the nearest point, where it is known to
  // be at most `boundSquared` (infinity if nothing is known).
  [[nodiscard]] double nearestSquared(const Vec3& query, double boundSquared) const;

 private:
  struct Node {
    double split = 0.0;
    std::int32_t axis = -1;  // -1: a leaf
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t upper = 0;  // the child above the split; the one below follows its parent
  };

  void build(std::uint32_t begin, std::uint32_t end);
  void search(std::uint32_t node, const Vec3& query, double& best) const;

  std::vector<Vec3> m_points;
  std::vector<Node> m_nodes;
};

}  // namespace argand::metrics
