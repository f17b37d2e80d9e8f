// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

// Internal to core/mesh: where a surface passes through the cell of eight voxel centres.
namespace argand::mesh {

// Corner n of a cell lies at (n & 1, n >> 1 & 1, n >> 2 & 1). Its edges: 0 to 3 along i,
// 4 to 7 along j, 8 to 11 along k; within four, the first other axis counts fastest.
struct CellEdge {
  int axis = 0;
  std::array<int, 3> begin{};  // the corner it starts from
};

[[nodiscard]] const std::array<CellEdge, 12>& cellEdges();

using Loop = std::vector<int>;  // edges that the surface crosses, anticlockwise from outside

// The closed loops of each of the 256 ways in which corners are inside (bit n: corner n).
[[nodiscard]] const std::array<std::vector<Loop>, 256>& cellLoops();

// True where two edges are edges of one face.
[[nodiscard]] bool shareFace(int edgeA, int edgeB);

}  // namespace argand::mesh
