// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan_space.h"
#include "core/engine/plan/time_model.h"

#include <vector>

// What a training plan may be made of: how the rows of each operation are divided, and
// which consecutive operations are recomputed together in backward. The search walks
// through it, and so does the exhaustive one that the search is tested against.
namespace argand::engine {

// The steps of one node of the program, with the norms, activations and concats that
// follow it.
struct TrainingOp {
  NodeId begin = 0;
  NodeId end = 0;
  std::vector<StepId> steps;
};

// In the order of their nodes; every node behind the input once.
[[nodiscard]] std::vector<TrainingOp> trainingOps(const Graph& graph, const Program& program);

// Operations up to `last` by one layout: one of them and stored, or together a segment
// that is recomputed.
struct TrainingChoice {
  int last = 0;
  int layout = 0;
  bool recomputed = false;
  bool operator==(const TrainingChoice&) const = default;
};

class TrainingSpace {
 public:
  // Everything given outlives it. Of `options`, what is for training.
  TrainingSpace(const Graph& graph,
                const Program& program,
                const std::vector<Shape>& shapes,
                const std::vector<DeviceSpec>& devices,
                const TimeModel& times,
                PlanSpaceOptions options,
                bool recomputes);

  // Slabs by these shares (of any sum) in addition.
  void add(std::string words, const std::vector<double>& shares);

  [[nodiscard]] const std::vector<TrainingOp>& ops() const { return m_ops; }

  [[nodiscard]] const std::vector<Layout>& layouts() const { return m_rows.layouts(); }

  // The choices that may begin at operation `first` and end before `end`; two that would
  // be the same are given once.
  [[nodiscard]] std::vector<TrainingChoice> choicesFrom(int first, int end) const;

  // Those by one layout.
  [[nodiscard]] std::vector<TrainingChoice> choicesOf(int first, int end, int layout) const;

  // How a step lies by a layout; the same object where two do not differ.
  [[nodiscard]] const StepPlan* stepPlan(int layout, StepId id) const;

  // Whether a choice gives rows to a device.
  [[nodiscard]] bool uses(int first, const TrainingChoice& choice, int device) const;

  // Of the operations of a choice, devices waiting for each other after every one.
  [[nodiscard]] TrainingSeconds seconds(int first, const TrainingChoice& choice) const;

 private:
  [[nodiscard]] bool sameRows(int first, const TrainingChoice& a, const TrainingChoice& b) const;
  void addSeconds();

  const TimeModel& m_times;
  const std::vector<TrainingOp> m_ops;
  const bool m_recomputes;
  PlanSpace m_rows;
  // By layout and operation: stored, and what recomputing it makes of that.
  std::vector<std::vector<TrainingSeconds>> m_stored;
  std::vector<std::vector<TrainingSeconds>> m_recomputed;
};

// Of one step by these rows: devices wait for each other, and backward begins with the
// forward of what is recomputed.
[[nodiscard]] TrainingSeconds slowestSeconds(const TimeModel& times,
                                             StepId id,
                                             const StepPlan& rows,
                                             bool recomputed);

}  // namespace argand::engine
