// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan.h"

#include <optional>
#include <string>
#include <vector>

namespace argand::engine {

struct PlanRequest {
  Shape input;  // sizes must be multiples of the graph's alignment
  std::vector<DeviceSpec> devices;
  DType dtype = DType::Float32;
  bool training = false;
  int microBatches = 1;  // of the samples, in training
  // Binds the planner: "single" or "slabs"; "resident", or "rolling" and "spill"; any of
  // them separated by commas. Empty leaves it free. In training also "pipeline", "gpipe"
  // (a pipeline by GPipe's schedule instead of 1F1B) and "stored" (nothing is recomputed).
  std::string words;
  // Bytes that the consumer of the scores keeps per voxel, charged to the
  // device that makes them (2 for a uint16 label map).
  std::int64_t outputBytesPerVoxel = 0;
  // Taken instead, with the reason, where nothing fits on `devices`: the processor,
  // where graphics cards were asked for.
  std::optional<DeviceSpec> lastResort;
  // Among the candidates, also those that are never taken: whole layers by torchgpipe.
  bool compare = false;
};

// The fastest plan by estimate that fits every budget. Decides before any work:
// fails with NoPlan, giving what the tightest device would need and what it
// has, with Usage for words or sizes that cannot be.
[[nodiscard]] Result<Plan> makePlan(const Graph& graph, const PlanRequest& request);

// A plan from elsewhere (a file, edited by hand) brought onto these devices: validated, its
// predictions computed anew, refused like any other where it does not fit.
[[nodiscard]] Result<Plan> adoptPlan(const Graph& graph,
                                     Plan plan,
                                     const std::vector<DeviceSpec>& devices);

// Every candidate that was weighed, the best first and those that do not fit last.
struct Candidate {
  std::string name;  // "all on cpu:0", "slabs, spilled"
  Plan plan;
  bool fits = false;
  bool exact = true;  // the fastest of its kind; else of those that were looked at
  std::string note;   // "needs 1.21 GiB on cpu:0, which has 1.00 GiB"
};

[[nodiscard]] Result<std::vector<Candidate>> candidates(const Graph& graph,
                                                        const PlanRequest& request);

}  // namespace argand::engine
