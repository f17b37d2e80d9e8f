// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/graph/program.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace argand::engine {

// The part of an activation that one device has. Written by that device's
// worker; read by it, and by others once its group is over.
struct Slab {
  RowRange rows;                   // by the plan; pieces may reach beyond them inside a group
  std::vector<at::Tensor> pieces;  // (row, height, width, channel); undefined before and after
  at::Tensor moments;  // (row, channel, 2) in double: mean and squared deviations; or undefined
};

// An activation in pieces along depth, on several devices.
struct SlabTensor {
  Extent size;
  std::int64_t channels = 0;
  std::vector<Slab> slabs;

  // The device that has `row` by the plan.
  [[nodiscard]] int ownerOf(std::int64_t row) const {
    for (std::size_t n = 0; n < slabs.size(); ++n) {
      if (slabs[n].rows.contains(row)) {
        return static_cast<int>(n);
      }
    }
    return -1;
  }
};

}  // namespace argand::engine
