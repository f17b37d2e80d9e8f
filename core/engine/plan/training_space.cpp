// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_space.h"

#include "core/engine/plan/training_plan.h"

#include <algorithm>

namespace argand::engine {

namespace {

// What is recomputed together is held at once in backward; longer chains are seldom worth it.
constexpr int kLongestRecomputed = 8;

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

PlanSpaceOptions forTraining(PlanSpaceOptions options) {
  options.training = true;
  options.rolling = options.maySpill = options.mustSpill = false;
  return options;
}

}  // namespace

std::vector<TrainingOp> trainingOps(const Graph& graph, const Program& program) {
  std::vector<TrainingOp> ops;
  for (const std::size_t n : stepsByNode(program)) {
    const NodeId node = program.steps[n].node;
    if (ops.empty() || ops.back().end != node) {
      ops.push_back({ops.empty() ? 1 : node, node, {}});
      if (ops.size() > 1) {
        ops[ops.size() - 2].end = node;
      }
    }
    ops.back().end = node;
    ops.back().steps.push_back(static_cast<StepId>(n));
  }
  ops.back().end = graph.size();
  return ops;
}

TrainingSpace::TrainingSpace(const Graph& graph,
                             const Program& program,
                             const std::vector<Shape>& shapes,
                             const std::vector<DeviceSpec>& devices,
                             const TimeModel& times,
                             PlanSpaceOptions options,
                             bool recomputes)
    : m_times(times),
      m_ops(trainingOps(graph, program)),
      m_recomputes(recomputes),
      m_rows(graph, program, shapes, devices, times, forTraining(options)) {
  addSeconds();
}

void TrainingSpace::add(std::string words, const std::vector<double>& shares) {
  m_rows.add(std::move(words), shares);
  addSeconds();
}

void TrainingSpace::addSeconds() {
  for (std::size_t layout = m_stored.size(); layout < layouts().size(); ++layout) {
    for (const bool again : {false, true}) {
      std::vector<TrainingSeconds> all;
      for (const TrainingOp& op : m_ops) {
        TrainingSeconds sum;
        for (const StepId id : op.steps) {
          const TrainingSeconds one =
              slowestSeconds(m_times, id, *stepPlan(static_cast<int>(layout), id), again);
          sum.forward += one.forward;
          sum.backward += one.backward;
        }
        all.push_back(sum);
      }
      (again ? m_recomputed : m_stored).push_back(std::move(all));
    }
  }
}

const StepPlan* TrainingSpace::stepPlan(int layout, StepId id) const {
  return m_rows.stepPlan(id, {id, layout, false}, id);
}

bool TrainingSpace::sameRows(int first, const TrainingChoice& a, const TrainingChoice& b) const {
  if (a.last != b.last || a.recomputed != b.recomputed) {
    return false;
  }
  for (int op = first; op <= a.last; ++op) {
    for (const StepId id : m_ops[at(op)].steps) {
      if (stepPlan(a.layout, id) != stepPlan(b.layout, id)) {
        return false;
      }
    }
  }
  return true;
}

std::vector<TrainingChoice> TrainingSpace::choicesOf(int first, int end, int layout) const {
  std::vector<TrainingChoice> choices{{first, layout, false}};
  const int longest = m_recomputes ? std::min(kLongestRecomputed, end - first) : 0;
  for (int length = 1; length <= longest; ++length) {
    choices.push_back({first + length - 1, layout, true});
  }
  return choices;
}

std::vector<TrainingChoice> TrainingSpace::choicesFrom(int first, int end) const {
  std::vector<TrainingChoice> choices;
  for (int layout = 0; layout < static_cast<int>(layouts().size()); ++layout) {
    for (const TrainingChoice& choice : choicesOf(first, end, layout)) {
      if (std::none_of(choices.begin(), choices.end(), [&](const TrainingChoice& known) {
            return sameRows(first, known, choice);
          })) {
        choices.push_back(choice);
      }
    }
  }
  return choices;
}

bool TrainingSpace::uses(int first, const TrainingChoice& choice, int device) const {
  for (int op = first; op <= choice.last; ++op) {
    for (const StepId id : m_ops[at(op)].steps) {
      if (stepPlan(choice.layout, id)->rows(device).count() > 0) {
        return true;
      }
    }
  }
  return false;
}

TrainingSeconds TrainingSpace::seconds(int first, const TrainingChoice& choice) const {
  TrainingSeconds sum;
  for (int op = first; op <= choice.last; ++op) {
    const TrainingSeconds& one =
        (choice.recomputed ? m_recomputed : m_stored)[at(choice.layout)][at(op)];
    sum.forward += one.forward;
    sum.backward += one.backward;
  }
  return sum;
}

TrainingSeconds slowestSeconds(const TimeModel& times,
                               StepId id,
                               const StepPlan& rows,
                               bool recomputed) {
  TrainingSeconds slowest;
  for (int device = 0; device < times.deviceCount(); ++device) {
    TrainingSeconds own = times.trainingSeconds(device, id, rows.rows(device));
    own.backward += recomputed ? own.forward : 0.0;
    slowest.forward = std::max(slowest.forward, own.forward);
    slowest.backward = std::max(slowest.backward, own.backward);
  }
  return slowest;
}

}  // namespace argand::engine
