// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks: brings Torch in.
#pragma once

#include "core/engine/run/ledger.h"
#include "core/engine/training/differentiable.h"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

namespace argand::engine {

// A part of a batch that goes through by itself. Those of one step may differ
// in size; stages and micro-batches are the same in all their plans.
struct MicroBatch {
  at::Tensor input;  // (samples, channels, depth, height, width)
  const Plan* plan = nullptr;
  std::int64_t firstSample = 0;  // of the batch
};

// The loss of one micro-batch, weighted so that the sum over all is that of the
// batch. Called on the thread of the last stage's first device.
using LossFn = std::function<Result<at::Tensor>(const SlabScores& scores, std::size_t microBatch)>;

struct TrainingStepOptions {
  std::uint64_t dropoutSeed = 0;
  std::stop_token stop;
  // Where memory is charged: one for each device of the plan; empty: nowhere.
  std::vector<Ledger*> ledgers;
  // Where given, batch norms' statistics go here and the running ones stay.
  MomentsByNode* moments = nullptr;
};

// Forward and backward of all micro-batches: gradients are added to what the
// parameters have, in the order of the micro-batches under every plan.
//
// Every device has a thread of its own, with the number of threads that the plan
// gives it, for its slabs forward and backward; the first device of a stage also
// does what is small. What a stage hands on goes straight to each stage that reads
// it, skips too. The first failure ends all of them, a stop does so within one
// operation; no thread is left.
[[nodiscard]] Result<void> trainingStep(const Graph& graph,
                                        Parameters& parameters,
                                        std::span<const MicroBatch> microBatches,
                                        const LossFn& loss,
                                        const TrainingStepOptions& options = {});

// Moves every layer's tensors to the first device of the plan that computes with them:
// gradients and what an optimiser keeps will lie there too.
[[nodiscard]] Result<void> placeParameters(const Graph& graph,
                                           Parameters& parameters,
                                           const Plan& plan);

// A batch in the plan's micro-batches, as even as can be; each is a view.
[[nodiscard]] std::vector<MicroBatch> microBatchesOf(const at::Tensor& batch, const Plan& plan);

}  // namespace argand::engine
