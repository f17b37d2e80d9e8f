// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_plan.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace argand::engine {

std::vector<std::size_t> stepsByNode(const Program& program) {
  std::vector<std::size_t> order(program.steps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return program.steps[a].node < program.steps[b].node;
  });
  return order;
}

TrainingSegment segmentOf(const Graph& graph, NodeId begin, NodeId end) {
  std::set<NodeId> reads;
  std::set<NodeId> writes;
  for (NodeId id = begin; id < graph.size(); ++id) {
    for (const NodeId input : graph.node(id).inputs) {
      if (id < end && input < begin) {
        reads.insert(input);
      } else if (id >= end && input >= begin && input < end) {
        writes.insert(input);
      }
    }
  }
  if (end == graph.size()) {
    writes.insert(graph.output());
  }
  return {begin, end, 0, false, {reads.begin(), reads.end()}, {writes.begin(), writes.end()}};
}

std::vector<TrainingSegment> trainingSegments(const Plan& plan,
                                              const Graph& graph,
                                              const Program& program) {
  std::vector<TrainingSegment> segments;
  const std::vector<std::size_t> order = stepsByNode(program);
  int number = -1;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const StepPlan& step = plan.steps[order[k]];
    // Norms, activations and concats belong to the step in front of them.
    const NodeId begin = k == 0 ? 1 : program.steps[order[k]].node;
    const NodeId end = k + 1 == order.size() ? graph.size() : program.steps[order[k + 1]].node;
    if (segments.empty() || step.stage != segments.back().stage || step.recomputed != number) {
      segments.push_back({begin, begin, step.stage, step.recomputed > 0, {}, {}});
      number = step.recomputed;
    }
    segments.back().end = std::max(begin, end);
  }
  for (TrainingSegment& segment : segments) {
    TrainingSegment whole = segmentOf(graph, segment.begin, segment.end);
    segment.reads = std::move(whole.reads);
    segment.writes = std::move(whole.writes);
  }
  return segments;
}

Result<void> checkTraining(const Plan& plan, const Graph& graph, const Program& program) {
  const auto refuse = [](std::string message) {
    return fail(ErrorCode::InputRefused, std::move(message));
  };
  const bool plain = plan.microBatches == 1 &&
                     std::all_of(plan.steps.begin(), plan.steps.end(), [](const StepPlan& step) {
                       return step.recomputed == 0 && step.stage == 0;
                     });
  if (!plan.training) {
    return plain ? Result<void>()
                 : refuse(
                       "Recomputed steps, stages and micro-batches are for training; this "
                       "plan is for inference.");
  }
  if (plan.microBatches < 1 || plan.microBatches > plan.input.samples) {
    return refuse(fmt::format("The plan divides a batch of {} into {} micro-batches.",
                              plan.input.samples,
                              plan.microBatches));
  }
  int stage = 0;
  int number = 0;
  std::set<int> finished;
  NodeId before = -1;
  std::vector<int> stageOf(plan.devices.size(), -1);
  for (const std::size_t n : stepsByNode(program)) {
    const StepPlan& step = plan.steps[n];
    const std::string& name = graph.node(program.steps[n].node).name;
    if (program.steps[n].node == before && (step.stage != stage || step.recomputed != number)) {
      return refuse(
          fmt::format("The plan separates the steps of '{}', which are one operation.", name));
    }
    before = program.steps[n].node;
    if (step.stage != stage && step.stage != stage + 1) {
      return refuse(fmt::format(
          "'{}' is in stage {} of the plan, right behind stage {}.", name, step.stage, stage));
    }
    if (step.recomputed != number || step.stage != stage) {
      finished.insert(number);
      if (step.recomputed < 0 || (step.recomputed > 0 && finished.contains(step.recomputed))) {
        return refuse(
            fmt::format("The steps that the plan recomputes as {} are not neighbours in "
                        "one stage; see '{}'.",
                        step.recomputed,
                        name));
      }
    }
    stage = step.stage;
    number = step.recomputed;
    for (std::size_t m = 0; m < plan.devices.size(); ++m) {
      if (step.rows(static_cast<int>(m)).count() == 0) {
        continue;
      }
      if (stageOf[m] >= 0 && stageOf[m] != stage) {
        return refuse(
            fmt::format("{} works in stages {} and {} of the plan; every stage needs "
                        "devices of its own.",
                        plan.devices[m].device.name,
                        stageOf[m],
                        stage));
      }
      stageOf[m] = stage;
    }
  }
  if (stage + 1 > plan.microBatches && stage > 0) {
    return refuse(
        fmt::format("A pipeline of {} stages needs at least as many micro-batches, the "
                    "plan has {}.",
                    stage + 1,
                    plan.microBatches));
  }
  return {};
}

int stageCount(const Plan& plan) {
  int last = 0;
  for (const StepPlan& step : plan.steps) {
    last = std::max(last, step.stage);
  }
  return last + 1;
}

std::vector<int> devicesOf(const Plan& plan, int stage) {
  std::vector<int> devices;
  for (int m = 0; m < static_cast<int>(plan.devices.size()); ++m) {
    if (std::any_of(plan.steps.begin(), plan.steps.end(), [&](const StepPlan& step) {
          return step.stage == stage && step.rows(m).count() > 0;
        })) {
      devices.push_back(m);
    }
  }
  return devices;
}

std::vector<std::int64_t> boundsOn(int device, std::size_t devices, std::int64_t depth) {
  std::vector<std::int64_t> bounds(devices + 1, depth);
  std::fill_n(bounds.begin(), device + 1, 0);
  return bounds;
}

std::int64_t microBatchSamples(const Plan& plan) {
  return (plan.input.samples + plan.microBatches - 1) / plan.microBatches;
}

}  // namespace argand::engine
