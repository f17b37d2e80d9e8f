// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace argand::engine {

// Statistics, scales and shifts, and the bookkeeping of the allocator: once, and
// for every micro-batch in flight.
inline constexpr std::int64_t kSmallTensors = 128 << 10;
inline constexpr std::int64_t kSmallTensorsInFlight = 128 << 10;

// What one device of a training plan will need; all zero where it has nothing to do.
struct TrainingMemory {
  std::int64_t weightBytes = 0;        // with gradients and the optimiser's state
  std::int64_t bytesBetweenSteps = 0;  // of these, all but the gradients
  std::int64_t peakBytes = 0;
  NodeId peakNode = 0;  // where it is reached
};

// Of every device, by replaying forward and backward of a micro-batch operation by
// operation, as the differentiable forward allocates.
[[nodiscard]] std::vector<TrainingMemory> trainingMemory(const Plan& plan,
                                                         const Graph& graph,
                                                         const Program& program,
                                                         const std::vector<Shape>& shapes);

// What one micro-batch takes of a device of one stage, beside what others in flight do.
struct StageBytes {
  std::int64_t forwardPeak = 0;
  std::int64_t backwardPeak = 0;
  std::int64_t held = 0;  // from the end of forward to the begin of backward
  NodeId forwardNode = 0;
  NodeId backwardNode = 0;

  // A gradient that waits until the stages which made the value have taken it.
  struct Sent {
    std::int64_t bytes = 0;
    std::vector<int> to;
  };

  std::vector<Sent> sent;
};

struct StagePeak {
  std::int64_t bytes = 0;
  NodeId node = 0;
};

// Of all micro-batches, in the order of the stage's actions (of all stages: `actions`);
// those of a plan of one stage are all alike.
[[nodiscard]] StagePeak stagePeak(const StageBytes& one,
                                  const std::vector<std::vector<PipelineAction>>& actions,
                                  int stage);

}  // namespace argand::engine
