// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/graph.h"
#include "core/engine/program.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace argand::engine {

// The part of an activation that one device has. Written by that device's
// worker, read by all once the step is over.
struct Slab {
  RowRange rows;
  at::Tensor voxels;   // (row, height, width, channel)
  at::Tensor moments;  // (row, channel, 2) in double: mean and squared deviations; or undefined
};

// An activation in pieces along depth, one per device.
struct SlabTensor {
  Extent size;
  std::int64_t channels = 0;
  std::vector<Slab> slabs;

  // The device that has `row`.
  [[nodiscard]] int ownerOf(std::int64_t row) const {
    for (std::size_t n = 0; n < slabs.size(); ++n) {
      if (row >= slabs[n].rows.begin && row < slabs[n].rows.end) {
        return static_cast<int>(n);
      }
    }
    return -1;
  }
};

}  // namespace argand::engine
