// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/training/device_team.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

// Functions over all slabs of a value: forward and backward run on the devices
// that have them, all at once.
namespace argand::engine {

using Tensors = std::vector<at::Tensor>;
using TeamPtr = std::shared_ptr<DeviceTeam>;

// A node's value in slabs along depth, one per device; some may have no rows.
// What a global pool gives has one row and lies whole on one device.
struct Slabs {
  std::vector<RowRange> rows;
  Tensors values;  // undefined where there are no rows
};

[[nodiscard]] inline std::int64_t depthOf(const Slabs& slabs) {
  return slabs.rows.back().end;
}

// Devices that have rows, by their place in the plan.
[[nodiscard]] std::vector<int> devicesWith(const std::vector<RowRange>& rows);

namespace autograd {

// Makes slab n of those that are made, from its inputs and from what all of them read.
using MakeSlab =
    std::function<at::Tensor(std::size_t slab, const Tensors& inputs, const Tensors& shared)>;

// One slab on each of `devices`, by operations that Torch differentiates. What they
// record runs backward on the same device. `inputs` is by slab; of `shared`
// (undefined: absent), gradients are summed in the order of the slabs.
[[nodiscard]] Tensors eachSlab(const TeamPtr& team,
                               const std::vector<int>& devices,
                               const std::vector<Tensors>& inputs,
                               const Tensors& shared,
                               const MakeSlab& make);

// Rows of a value for each of `wanted` (none where empty), zeros outside the
// volume. A slab that is asked for as it is comes without a copy. One function for
// all of them, so that each slab's gradient is made once.
[[nodiscard]] Tensors gathered(const TeamPtr& team,
                               const Slabs& from,
                               const std::vector<RowRange>& wanted);

// One value twice, for two readers, whose gradients each device adds for its slab.
[[nodiscard]] std::pair<Slabs, Slabs> shared(const TeamPtr& team, const Slabs& slabs);

}  // namespace autograd

}  // namespace argand::engine
