// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"

#include <vector>

// What a plan says about training beyond where rows lie: which steps are
// recomputed in backward, which pipeline stage has them, and into how many
// micro-batches the batch is divided.
namespace argand::engine {

// Consecutive operations of one stage that backward treats alike.
struct TrainingSegment {
  NodeId begin = 0;
  NodeId end = 0;
  int stage = 0;
  bool recomputed = false;
  std::vector<NodeId> reads;   // earlier nodes that this segment reads
  std::vector<NodeId> writes;  // its nodes that later segments read, or the scores
};

// All operations behind the input once, in order. `plan` is valid.
[[nodiscard]] std::vector<TrainingSegment> trainingSegments(const Plan& plan,
                                                            const Graph& graph,
                                                            const Program& program);

// Those from `begin` to before `end` as one of them.
[[nodiscard]] TrainingSegment segmentOf(const Graph& graph, NodeId begin, NodeId end);

// Stages in order from 0, each with devices of its own; segments that are one
// piece of one stage; micro-batches no more than samples, and no fewer than stages.
[[nodiscard]] Result<void> checkTraining(const Plan& plan,
                                         const Graph& graph,
                                         const Program& program);

[[nodiscard]] int stageCount(const Plan& plan);

// Devices, by their place in the plan, that work in a stage.
[[nodiscard]] std::vector<int> devicesOf(const Plan& plan, int stage);

// Samples of the largest micro-batch.
[[nodiscard]] std::int64_t microBatchSamples(const Plan& plan);

// All `depth` rows on one device.
[[nodiscard]] std::vector<std::int64_t> boundsOn(int device,
                                                 std::size_t devices,
                                                 std::int64_t depth);

// Steps of one stage, by the node that they compute.
[[nodiscard]] std::vector<std::size_t> stepsByNode(const Program& program);

}  // namespace argand::engine
