// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/predict_training.h"

#include "core/engine/plan/training_memory.h"
#include "core/engine/plan/training_plan.h"
#include "core/engine/plan/training_space.h"

#include <algorithm>

namespace argand::engine {

void estimateTrainingTimes(Plan& plan, const TimeModel& times) {
  const auto stages = static_cast<std::size_t>(stageCount(plan));
  std::vector<double> forward(stages, 0.0);
  std::vector<double> backward(stages, 0.0);
  std::vector<std::vector<double>> alone(plan.devices.size());
  for (DevicePlan& device : plan.devices) {
    device.busySeconds = 0.0;
  }
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    const StepPlan& step = plan.steps[n];
    const auto id = static_cast<StepId>(n);
    for (std::size_t m = 0; m < plan.devices.size(); ++m) {
      const int device = static_cast<int>(m);
      alone[m].push_back(times.trainingSeconds(device, id, {0, times.work(id).depth}).both());
      const TrainingSeconds own = times.trainingSeconds(device, id, step.rows(device));
      plan.devices[m].busySeconds += own.both() + (step.recomputed > 0 ? own.forward : 0.0);
    }
    const TrainingSeconds slowest = slowestSeconds(times, id, step, step.recomputed > 0);
    const auto stage = static_cast<std::size_t>(step.stage);
    forward[stage] += slowest.forward / plan.microBatches;
    backward[stage] += slowest.backward / plan.microBatches;
  }
  plan.makespanSeconds = pipelineSeconds(plan.schedule, forward, backward, plan.microBatches);
  plan.boundSeconds = leastSeconds(alone);
}

void predictTraining(Plan& plan,
                     const Graph& graph,
                     const Program& program,
                     const std::vector<Shape>& shapes) {
  const std::vector<TrainingMemory> all = trainingMemory(plan, graph, program, shapes);
  for (std::size_t m = 0; m < plan.devices.size(); ++m) {
    const TrainingMemory& memory = all[m];
    DevicePlan& device = plan.devices[m];
    device.weightBytes = memory.weightBytes;
    device.predictedPeakBytes = memory.peakBytes;
    device.peakStep = memory.peakBytes > 0 ? graph.node(memory.peakNode).name : std::string();
  }
}

std::vector<std::int64_t> bytesBetweenSteps(const Plan& plan, const Graph& graph) {
  const Program program = lowered(graph);
  const auto shapes = graph.shapes(plan.input).value();
  std::vector<std::int64_t> bytes;
  for (const TrainingMemory& memory : trainingMemory(plan, graph, program, shapes)) {
    bytes.push_back(memory.bytesBetweenSteps);
  }
  return bytes;
}

}  // namespace argand::engine
