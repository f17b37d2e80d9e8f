// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"

#include <vector>

// A plan spelt out: which chunk of which step each device computes when, and
// when each chunk is dropped. The executor runs it and the prediction adds it up,
// so that both speak of the same bytes.
namespace argand::engine {

// A stored chunk, or the part of one that a device has.
struct PieceRef {
  StepId step = 0;
  int piece = 0;
  bool operator==(const PieceRef&) const = default;
};

struct Task {
  StepId step = 0;
  int piece = 0;
  RowRange whole;  // the chunk of the grid, computed whole where rounding may depend on it
  RowRange kept;   // what the device stores of it
  std::vector<PieceRef> drops;  // its own pieces that nothing reads after this
};

// Steps first..last, run chunk by chunk together; devices meet at its end.
struct StepGroup {
  StepId first = 0;
  StepId last = 0;
  std::vector<std::vector<Task>> tasks;      // per device
  std::vector<std::vector<PieceRef>> drops;  // per device, once all have reached the end
};

struct Schedule {
  std::vector<std::vector<std::vector<RowRange>>> pieces;  // by step, device and piece
  std::vector<StepGroup> groups;

  // Whether `device` computes anything of the step.
  [[nodiscard]] bool takesPart(StepId step, int device) const {
    return !pieces[static_cast<std::size_t>(step)][static_cast<std::size_t>(device)].empty();
  }

  // The piece of `device` that has `row`; -1 where none does.
  [[nodiscard]] int pieceOf(StepId step, int device, std::int64_t row) const;
};

// Whether step `id` may run together with the steps from `first` on: it must not
// read statistics, means or gates that one of them is still making.
[[nodiscard]] bool mayJoin(const Program& program, const Graph& graph, StepId first, StepId id);

// The first step of the group of `id`.
[[nodiscard]] StepId groupStart(const Plan& plan, StepId id);

// The rows of a task that a processor computes: its whole chunk for what oneDNN runs.
[[nodiscard]] RowRange computedRows(const Task& task,
                                    const Program& program,
                                    const Graph& graph,
                                    const std::vector<Shape>& shapes,
                                    DType dtype,
                                    const DeviceSpec& device);

// FLOPs of all tasks over those of the network: halos that are made by two devices and
// chunks that are computed whole for a part of their rows count as often as they are done.
[[nodiscard]] double workShare(const Schedule& schedule,
                               const Plan& plan,
                               const Graph& graph,
                               const Program& program,
                               const std::vector<Shape>& shapes);

// For a plan that is valid for the graph.
//
// Inside a group each device computes the rows that it reads itself, so nothing is
// exchanged there; between groups rows are read from the device that has them.
[[nodiscard]] Schedule scheduleOf(const Plan& plan,
                                  const Graph& graph,
                                  const Program& program,
                                  const std::vector<Shape>& shapes);

}  // namespace argand::engine
