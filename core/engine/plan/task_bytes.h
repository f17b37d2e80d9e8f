// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan.h"
#include "core/engine/plan/schedule.h"

#include <cstdint>
#include <vector>

// What a task holds in memory on the device that its plan gives it to: the processor's
// runner and that of CUDA devices allocate different things.
namespace argand::engine {

struct TaskBytes {
  std::int64_t scratch = 0;  // beside what is stored, while it runs
  std::int64_t lingers = 0;  // still there while the next task of the group runs
};

[[nodiscard]] TaskBytes taskBytes(const Task& task,
                                  const StepGroup& group,
                                  int device,
                                  const Plan& plan,
                                  const Graph& graph,
                                  const Program& program,
                                  const std::vector<Shape>& shapes,
                                  const Schedule& schedule);

// A CUDA device labels as many voxels at once as a task has of the network's, however
// fine the grid of labels is, with so many positions of them in a table.
constexpr std::int64_t kLabelPositions = 2048;
constexpr std::int64_t kLabelPositionBytes = 8;

// What is kept on a device of its `rows` rows of the last step's `output`, from its first task
// on: labels in the processor's memory, of which a GPU is free; there the row of scores that
// voxels before the next task's rows need.
[[nodiscard]] std::int64_t keptOutputBytes(const Shape& output,
                                           std::int64_t rows,
                                           const Plan& plan,
                                           DeviceKind kind);

// The output rows that a CUDA device computes for a task: of what reads the network's
// input alone whole chunks, since there are always all rows of it.
[[nodiscard]] RowRange rowsComputedByCuda(const Task& task,
                                          const Program& program,
                                          const Graph& graph,
                                          DType dtype);

// What is reserved for cuDNN while it convolves: a copy each of what it reads, of its
// weights and of what it makes, for the algorithms that want another layout. It may
// ask for more; then the ledger says so and the run ends.
[[nodiscard]] std::int64_t cudnnWorkspaceBytes(std::int64_t inBytes,
                                               std::int64_t weightBytes,
                                               std::int64_t outBytes);

}  // namespace argand::engine
