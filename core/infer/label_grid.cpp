// SPDX-License-Identifier: Apache-2.0
#include "core/infer/label_grid.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

namespace argand::infer {
namespace {

static_assert(std::is_same_v<LabelValue, std::uint16_t>);

// The axis of the engine, which begins with the depth, of axis i, j or k of the
// network's grid.
std::size_t engineAxis(std::size_t axis) {
  return 2 - axis;
}

// Source voxels of `slices`. `shift`: from where the regular grid has them to where
// they are.
void addGroup(engine::LabelGrid& labels,
              const NetworkGrid& grid,
              const Vec3& shift,
              const engine::RowRange& slices) {
  std::array<engine::LabelGrid::Positions, 3> positions;
  std::array<engine::RowRange, 3> indices;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int to = static_cast<int>(axis);
    const int from = grid.order.source[axis];
    const std::int64_t count = grid.part.size[from];
    const auto middle = static_cast<double>(count - 1) / 2.0;
    const auto last = static_cast<double>(grid.size[to] - 1);
    const bool flipped = grid.order.flipped[axis];
    indices[engineAxis(axis)] = from == 2 ? slices : engine::RowRange{0, count};
    engine::LabelGrid::Positions& along = positions[engineAxis(axis)];
    along.resize(static_cast<std::size_t>(count));
    for (std::int64_t n = 0; n < count; ++n) {
      double at = static_cast<double>(flipped ? count - 1 - n : n);
      at += flipped ? -shift[from] : shift[from];
      if (grid.respaced) {
        at = (at - middle) * grid.stepsPerVoxel[to] + last / 2.0;
      }
      at = std::clamp(at, 0.0, last);
      const double low = std::floor(at);
      along[static_cast<std::size_t>(n)] = {static_cast<std::int32_t>(low),
                                            static_cast<float>(at - low)};
    }
  }
  labels.add(std::move(positions), indices);
}

}  // namespace

engine::LabelGrid labelGrid(const NetworkGrid& grid) {
  const Size3& size = grid.part.size;
  const std::array<std::int64_t, 3> sourceStrides{1, size.i, size.i * size.j};
  std::array<std::int64_t, 3> strides{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    strides[engineAxis(axis)] = sourceStrides[static_cast<std::size_t>(grid.order.source[axis])];
  }
  engine::LabelGrid labels(grid.size.k, size.voxels(), strides);
  if (grid.part.evenlySpaced()) {
    addGroup(labels, grid, {}, {0, size.k});
    return labels;
  }
  const Affine indexFromLps = grid.part.indexFromLps();
  for (std::int64_t k = 0; k < size.k; ++k) {
    const Vec3 origin = indexFromLps.apply(grid.part.sliceToLps(0.0, 0.0, k));
    const Vec3 shift{origin.x, origin.y, origin.z - static_cast<double>(k)};
    addGroup(labels, grid, shift, {k, k + 1});
  }
  return labels;
}

}  // namespace argand::infer
