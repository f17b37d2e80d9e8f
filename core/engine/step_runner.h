// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/executor.h"
#include "core/engine/ledger.h"
#include "core/engine/program.h"
#include "core/engine/slab_tensor.h"
#include "core/engine/transport.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

namespace argand::engine {

// Scale and shift per channel, in the type of the activations.
struct NormTable {
  at::Tensor scale;
  at::Tensor shift;
};

// The weights of one step as its kernel wants them.
struct StepWeights {
  at::Tensor weight;
  at::Tensor bias;  // undefined where there is none
};

// What lives on one device as long as the executor.
struct DeviceWeights {
  std::vector<StepWeights> steps;      // empty entries where the device has no part
  std::map<NodeId, NormTable> folded;  // batch norms, by their running statistics
};

[[nodiscard]] DeviceWeights weightsFor(const Graph& graph,
                                       const Program& program,
                                       const Plan& plan,
                                       const Parameters& parameters,
                                       int device);

// What all workers of one run share.
struct RunContext {
  const Graph& graph;
  const Program& program;
  const std::vector<Shape>& shapes;
  const Plan& plan;
  const Parameters& parameters;
  const InputProvider& input;
  const OutputConsumer& output;
  Transport& transport;
  std::stop_token stop;
  std::vector<SlabTensor> activations;  // per step
  // Called by a worker after each chunk with the FLOPs done.
  std::function<void(StepId step, double flops)> done;
};

// Computes the part of one device of every step, in chunks of rows.
class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Fails with Cancelled, or with what the provider or the consumer says.
  [[nodiscard]] virtual Result<void> run(StepId id) = 0;

  // Drops what is read no more, once all devices are past `id`.
  virtual void release(StepId id) = 0;
};

[[nodiscard]] std::unique_ptr<StepRunner> makeStepRunner(RunContext& context,
                                                         const DeviceWeights& weights,
                                                         int device,
                                                         Ledger& ledger);

}  // namespace argand::engine
