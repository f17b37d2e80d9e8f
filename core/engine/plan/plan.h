// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/costs.h"
#include "core/engine/graph/graph.h"
#include "core/engine/graph/program.h"
#include "core/engine/plan/devices.h"
#include "core/engine/plan/pipeline_schedule.h"

#include <string>
#include <string_view>
#include <vector>

namespace argand::engine {

// Where the output of one step lies and how long: device n has rows [bounds[n],
// bounds[n + 1]), which may be none and need not be as many as its neighbour's.
struct StepPlan {
  std::string step;  // the operation's name
  std::vector<std::int64_t> bounds;
  // Runs chunk by chunk together with the step before it: a window slides
  // through both, and of what lies between them only the window exists. Not for
  // a step that reads statistics of one in the same group.
  bool joined = false;
  // Each chunk is dropped once nothing reads it any more, not the whole slab
  // after the step that reads it last.
  bool rolling = false;
  // Per device, the first rows of its slab that lie in host memory; empty: none.
  std::vector<std::int64_t> spilledRows;
  // Training: recomputed in backward together with its neighbours of the same
  // number, only what they hand on being kept; 0: everything is kept.
  int recomputed = 0;
  // Training: the stage of a pipeline that has it. A stage has devices of its own.
  int stage = 0;

  [[nodiscard]] RowRange rows(int device) const {
    return {bounds[static_cast<std::size_t>(device)], bounds[static_cast<std::size_t>(device) + 1]};
  }

  // Whether a chunk of `device` that begins at `row` lies in host memory.
  [[nodiscard]] bool isSpilled(int device, std::int64_t row) const {
    const auto n = static_cast<std::size_t>(device);
    return n < spilledRows.size() && spilledRows[n] > 0 && row < bounds[n] + spilledRows[n];
  }

  bool operator==(const StepPlan&) const = default;
};

struct DevicePlan {
  DeviceSpec device;
  std::int64_t predictedPeakBytes = 0;
  std::int64_t weightBytes = 0;  // of it, for as long as the executor lives
  std::string peakStep;          // where the peak is
  double busySeconds = 0.0;      // an estimate
  bool operator==(const DevicePlan&) const = default;
};

// How one network runs on one input size. A value: it prints, reads back, is
// checked against a graph, and may be edited by hand.
struct Plan {
  std::string kind;  // "single", "slabs", "pipeline"
  Shape input;
  DType dtype = DType::Float32;
  bool training = false;
  // Training: parts of the batch that go through one after another, gradients
  // being summed, and how the stages take them.
  int microBatches = 1;
  PipelineSchedule schedule = PipelineSchedule::OneForwardOneBackward;
  std::int64_t outputBytesPerVoxel = 0;  // what the consumer of the scores keeps
  std::vector<DevicePlan> devices;       // every device named, used or not
  std::vector<StepPlan> steps;           // in the order of the program
  std::int64_t hostPeakBytes = 0;        // what is spilled, predicted
  double makespanSeconds = 0.0;          // an estimate
  double boundSeconds = 0.0;             // all work at the speed of all devices together
  std::string reason;                    // one sentence: why this one

  // (makespan - bound) / bound.
  [[nodiscard]] double gap() const;

  // For devices that are not there: it can be looked at, and never run.
  [[nodiscard]] bool simulated() const;

  // Devices that compute something.
  [[nodiscard]] int devicesUsed() const;

  bool operator==(const Plan&) const = default;
};

[[nodiscard]] std::string toText(const Plan& plan);

// For the person at the screen: the size, how long, and why this plan. "128x128x128
// voxels in fp32, about 0.61 s. Slabs over 2 devices."
[[nodiscard]] std::string describe(const Plan& plan);

// "0.61", "4.2", "38".
[[nodiscard]] std::string shortSeconds(double seconds);
[[nodiscard]] Result<Plan> parsePlan(std::string_view text);

// Every step of the graph once, bounds in order and complete for this input size.
[[nodiscard]] Result<void> validate(const Plan& plan, const Graph& graph);

}  // namespace argand::engine
