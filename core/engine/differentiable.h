// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks: brings Torch in.
#pragma once

#include "core/base/result.h"
#include "core/engine/graph.h"
#include "core/engine/parameters.h"
#include "core/engine/plan.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace argand::engine {

enum class Mode {
  Training,    // batch statistics, which also move the running ones
  Evaluation,  // running statistics
};

// Class scores in slabs along depth, each (samples, classes, rows, height, width).
// Joined along depth they are the scores of the whole; a loss may also be
// summed slab by slab, so that no device holds all of them.
struct SlabScores {
  std::vector<at::Tensor> scores;
  std::vector<RowRange> rows;
};

// The network under `plan` with the autograd graph recorded (where grad mode
// is on): loss.backward() gives every parameter the gradient that one device
// would give. `input` is (samples, channels, depth, height, width) in the
// parameters' type; its sizes are those of the plan. Runs on the calling
// thread with its number of threads.
[[nodiscard]] Result<SlabScores> forward(const Graph& graph,
                                         Parameters& parameters,
                                         const Plan& plan,
                                         const at::Tensor& input,
                                         Mode mode);

}  // namespace argand::engine
