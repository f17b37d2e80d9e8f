// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/executor.h"
#include "core/engine/run/windows.h"
#include "core/infer/preprocess.h"

#include <span>
#include <variant>
#include <vector>

namespace argand::infer {

// What the consumer of the scores keeps, for the planner: a label for each voxel.
constexpr std::int64_t kLabelBytesPerVoxel = static_cast<std::int64_t>(sizeof(LabelValue));

// Whole, or in windows.
using NetworkPlan = std::variant<engine::Plan, engine::WindowPlan>;

struct NetworkRun {
  std::vector<LabelValue> labels;  // of `grid.box`, i fastest
  engine::RunReport report;
};

// The network's input of `grid` (see networkInput) through the network under
// `plan`, and the labels on the source's grid.
[[nodiscard]] Result<NetworkRun> runNetwork(const engine::Graph& graph,
                                            const engine::Parameters& parameters,
                                            const NetworkPlan& plan,
                                            const NetworkGrid& grid,
                                            std::span<const float> input,
                                            const std::stop_token& stop = {},
                                            const ProgressFn& progress = {});

}  // namespace argand::infer
