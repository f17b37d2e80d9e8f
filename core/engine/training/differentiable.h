// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks: brings Torch in.
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"
#include "core/engine/plan/plan.h"
#include "core/engine/run/parameters.h"
#include "core/engine/training/batch_moments.h"
#include "core/engine/training/device_team.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

namespace argand::engine {

enum class Mode {
  Training,    // batch statistics, which also move the running ones
  Evaluation,  // running statistics
};

struct ForwardOptions {
  Mode mode = Mode::Training;
  // Where given, batch norms add the statistics of this pass here and leave the
  // running ones, which moveRunningStatistics moves once for the whole batch.
  MomentsByNode* moments = nullptr;
  // Dropout keeps the same voxels for the same seed and sample, whatever the plan; 0: a
  // seed by chance.
  std::uint64_t dropoutSeed = 0;
  std::int64_t firstSample = 0;  // of the batch, where the input is a part of it
  std::stop_token stop;          // looked at before each operation, in backward too
};

// Class scores in slabs along depth, each (samples, classes, rows, height, width).
// Joined along depth they are the scores of the whole; a loss may also be
// summed slab by slab, so that no device holds all of them.
struct SlabScores {
  std::vector<at::Tensor> scores;
  std::vector<RowRange> rows;
  std::vector<int> devices;          // that have them
  std::shared_ptr<DeviceTeam> team;  // on which a loss computes slab by slab
};

// The network under `plan` with the autograd graph recorded (where grad mode
// is on): loss.backward() gives every parameter the gradient that one device
// would give. Steps that the plan recomputes keep only what they hand on, and
// run a second time in backward; running statistics do not move then. `input`
// is (samples, channels, depth, height, width) in the parameters' type: a
// micro-batch of the plan's size. The plan's first device works on the calling
// thread, with its number of threads, the others on threads that stay until the graph is
// gone; stages run one after another; in stages of their own: training_step.h.
// On CUDA devices trainingStep does backward: loss.backward() would leave the team's threads.
// Fails with Cancelled once a stop was asked for; backward throws then.
[[nodiscard]] Result<SlabScores> forward(const Graph& graph,
                                         Parameters& parameters,
                                         const Plan& plan,
                                         const at::Tensor& input,
                                         const ForwardOptions& options);

[[nodiscard]] inline Result<SlabScores> forward(const Graph& graph,
                                                Parameters& parameters,
                                                const Plan& plan,
                                                const at::Tensor& input,
                                                Mode mode) {
  ForwardOptions options;
  options.mode = mode;
  return forward(graph, parameters, plan, input, options);
}

}  // namespace argand::engine
