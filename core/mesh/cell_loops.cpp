// SPDX-License-Identifier: Apache-2.0
#include "core/mesh/cell_loops.h"

#include "core/base/assert.h"

#include <algorithm>

namespace argand::mesh {

namespace {

int edgeBetween(int cornerA, int cornerB) {
  const int low = std::min(cornerA, cornerB);
  const int axis = (cornerA ^ cornerB) == 1 ? 0 : ((cornerA ^ cornerB) == 2 ? 1 : 2);
  const int i = low & 1;
  const int j = low >> 1 & 1;
  const int k = low >> 2 & 1;
  constexpr int kPerAxis = 4;
  const int within = axis == 0 ? j + 2 * k : (axis == 1 ? i + 2 * k : i + 2 * j);
  return axis * kPerAxis + within;
}

// The corners of each face, anticlockwise as seen from outside the cell.
constexpr std::array<std::array<int, 4>, 6> kFaces{
    {{0, 4, 6, 2}, {1, 3, 7, 5}, {0, 1, 5, 4}, {2, 6, 7, 3}, {0, 2, 3, 1}, {4, 5, 7, 6}}};

// On each face the surface runs from where the boundary, walked anticlockwise, enters the
// inside to where it leaves it: the inside lies to the right, seen from outside the cell.
// Where a face is entered twice its two inside corners are cut off one by one.
std::array<int, 12> successors(int inside) {
  std::array<int, 12> next{};
  next.fill(-1);
  const auto isIn = [inside](int corner) { return (inside >> corner & 1) != 0; };
  for (const auto& face : kFaces) {
    for (std::size_t n = 0; n < 4; ++n) {
      if (isIn(face[n]) || !isIn(face[(n + 1) % 4])) {
        continue;
      }
      std::size_t last = (n + 1) % 4;
      while (isIn(face[(last + 1) % 4])) {
        last = (last + 1) % 4;
      }
      next[static_cast<std::size_t>(edgeBetween(face[n], face[(n + 1) % 4]))] =
          edgeBetween(face[last], face[(last + 1) % 4]);
    }
  }
  return next;
}

std::vector<Loop> loopsOf(int inside) {
  const auto next = successors(inside);
  std::array<bool, 12> seen{};
  std::vector<Loop> loops;
  for (std::size_t start = 0; start < next.size(); ++start) {
    if (next[start] < 0 || seen[start]) {
      continue;
    }
    Loop loop;
    for (std::size_t edge = start; !seen[edge]; edge = static_cast<std::size_t>(next[edge])) {
      ARGAND_ASSERT(next[edge] >= 0);
      seen[edge] = true;
      loop.push_back(static_cast<int>(edge));
    }
    loops.push_back(std::move(loop));
  }
  return loops;
}

}  // namespace

const std::array<CellEdge, 12>& cellEdges() {
  static const std::array<CellEdge, 12> edges = [] {
    std::array<CellEdge, 12> made;
    for (int corner = 0; corner < 8; ++corner) {
      for (int axis = 0; axis < 3; ++axis) {
        const int other = corner | 1 << axis;
        if (other != corner) {
          made[static_cast<std::size_t>(edgeBetween(corner, other))] = {
              axis, {corner & 1, corner >> 1 & 1, corner >> 2 & 1}};
        }
      }
    }
    return made;
  }();
  return edges;
}

const std::array<std::vector<Loop>, 256>& cellLoops() {
  static const std::array<std::vector<Loop>, 256> loops = [] {
    std::array<std::vector<Loop>, 256> made;
    for (std::size_t inside = 0; inside < made.size(); ++inside) {
      made[inside] = loopsOf(static_cast<int>(inside));
    }
    return made;
  }();
  return loops;
}

bool shareFace(int edgeA, int edgeB) {
  const auto onFace = [](int edge, const std::array<int, 4>& face) {
    for (std::size_t n = 0; n < 4; ++n) {
      if (edgeBetween(face[n], face[(n + 1) % 4]) == edge) {
        return true;
      }
    }
    return false;
  };
  return std::any_of(kFaces.begin(), kFaces.end(), [&](const auto& face) {
    return onFace(edgeA, face) && onFace(edgeB, face);
  });
}

}  // namespace argand::mesh
