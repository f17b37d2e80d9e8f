// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/schedule.h"
#include "core/engine/run/executor.h"
#include "core/engine/run/ledger.h"
#include "core/engine/run/slab_tensor.h"
#include "core/engine/run/transport.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

namespace argand::engine {

// Scale and shift per channel, in wide numbers.
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
  std::vector<StepWeights> steps;       // empty entries where the device has no part
  std::map<NodeId, NormTable> folded;   // batch norms, by their running statistics
  std::map<NodeId, at::Tensor> slopes;  // of PReLUs, one per channel
};

[[nodiscard]] DeviceWeights weightsFor(const Graph& graph,
                                       const Program& program,
                                       const std::vector<Shape>& shapes,
                                       const Schedule& schedule,
                                       DType dtype,
                                       const Parameters& parameters,
                                       int device,
                                       const DeviceSpec& spec);

// What all workers of one run share.
struct RunContext {
  const Graph& graph;
  const Program& program;
  const std::vector<Shape>& shapes;
  const Plan& plan;
  const Schedule& schedule;
  const Parameters& parameters;
  const InputProvider& input;
  const Output& output;
  Transport& transport;
  Ledger& host;  // spilled pieces
  std::stop_token stop;
  std::vector<SlabTensor> activations;  // per step
  // Called by a worker after each task with the FLOPs done.
  std::function<void(StepId step, double flops)> done;
};

// Does the tasks of one device.
class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Computes one chunk and drops what it read for the last time. Fails with what
  // the provider or the consumer says.
  [[nodiscard]] virtual Result<void> run(const StepGroup& group, const Task& task) = 0;

  // Drops what is read no more, once all devices are at the end of the group.
  virtual void finish(const StepGroup& group) = 0;
};

[[nodiscard]] std::unique_ptr<StepRunner> makeStepRunner(RunContext& context,
                                                         const DeviceWeights& weights,
                                                         int device,
                                                         Ledger& ledger);

}  // namespace argand::engine
