// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks: brings Torch in.
#pragma once

#include "core/engine/plan/training_plan.h"
#include "core/engine/training/differentiable.h"
#include "core/engine/training/differentiable_ops.h"

#include <map>
#include <memory>
#include <vector>

// The differentiable forward in parts: one stage of a pipeline at a time, or all.
namespace argand::engine {

using Values = std::map<NodeId, Slabs>;

// What every pass of one training step shares. Copies: backward needs them for
// recomputing, whatever became of the caller's by then.
struct PassCall {
  Graph graph;
  std::vector<Shape> shapes;  // by node, for the plan's input
  Parameters parameters;      // the caller's tensors
  Plan plan;
  std::vector<TrainingSegment> segments;
  ForwardOptions options;
  std::vector<std::vector<NodeId>> readers;  // by node, in order

  [[nodiscard]] NodeId lastReader(NodeId id) const;
};

// `plan` is valid for `graph`.
[[nodiscard]] std::shared_ptr<const PassCall> passCall(const Graph& graph,
                                                       const Parameters& parameters,
                                                       const Plan& plan,
                                                       const ForwardOptions& options);

// Undivided, on the first device of a stage: how values come in from outside.
[[nodiscard]] Slabs onFirstDevice(const Plan& plan,
                                  int stage,
                                  const TeamPtr& team,
                                  const at::Tensor& value);

inline constexpr int kAllStages = -1;

// The devices of one stage. `placements` is by device of the plan, and so is `ledgers`
// where it is not empty.
[[nodiscard]] TeamPtr teamOf(const Plan& plan,
                             const std::vector<int>& devices,
                             const std::vector<Placement>& placements,
                             const std::vector<Ledger*>& ledgers,
                             const std::stop_token& stop);

// From the values that the stage reads of others (and the input, node 0) to
// those that others read of it, the scores among them. Throws Torch's
// exceptions, and one of its own once a stop was asked for.
[[nodiscard]] Values runStage(const std::shared_ptr<const PassCall>& call,
                              int stage,
                              const TeamPtr& team,
                              Values given,
                              MomentsByNode* moments);

// guarded() for what runs passes: a stop is Cancelled.
template <typename Body>
[[nodiscard]] auto guardedPass(const std::stop_token& stop, Body&& body) {
  auto result =
      guarded(ErrorCode::Internal, "running the network for training", std::forward<Body>(body));
  if (!result && stop.stop_requested()) {
    result = decltype(result)(fail(ErrorCode::Cancelled, "Cancelled."));
  }
  return result;
}

[[nodiscard]] SlabScores scoresOf(const Slabs& slabs, const TeamPtr& team);

}  // namespace argand::engine
