// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/predict_training.h"

#include "core/engine/plan/training_memory.h"
#include "core/engine/plan/training_plan.h"

#include <algorithm>

namespace argand::engine {

namespace {

void predictTimes(Plan& plan,
                  const Graph& graph,
                  const Program& program,
                  const std::vector<Shape>& shapes) {
  const auto stages = static_cast<std::size_t>(stageCount(plan));
  std::vector<double> forward(stages, 0.0);
  std::vector<double> backward(stages, 0.0);
  Speed together;
  double work = 0.0;
  for (DevicePlan& device : plan.devices) {
    device.busySeconds = 0.0;
    together.flopsPerSecond += assumedSpeed(device.device, plan.dtype).flopsPerSecond;
  }
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    double slowest = 0.0;
    const double times = plan.steps[n].recomputed > 0 ? 3.0 : 2.0;
    for (std::size_t m = 0; m < plan.devices.size(); ++m) {
      const double seconds = stepSeconds(plan, graph, program, shapes, n, m);
      plan.devices[m].busySeconds += (1.0 + times) * seconds;
      slowest = std::max(slowest, seconds);
      work += 3.0 * seconds * assumedSpeed(plan.devices[m].device, plan.dtype).flopsPerSecond;
    }
    const auto stage = static_cast<std::size_t>(plan.steps[n].stage);
    forward[stage] += slowest / plan.microBatches;
    backward[stage] += times * slowest / plan.microBatches;
  }
  plan.makespanSeconds = pipelineSeconds(plan.schedule, forward, backward, plan.microBatches);
  plan.boundSeconds = work / together.flopsPerSecond;
}

}  // namespace

double stepSeconds(const Plan& plan,
                   const Graph& graph,
                   const Program& program,
                   const std::vector<Shape>& shapes,
                   std::size_t step,
                   std::size_t device) {
  const Step& one = program.steps[step];
  const OpCost cost = costOf(graph, one.node, shapes, plan.dtype);
  const double depth = static_cast<double>(outputShape(one, graph, shapes).size.d);
  const double share =
      static_cast<double>(plan.steps[step].rows(static_cast<int>(device)).count()) / depth;
  const Speed speed = assumedSpeed(plan.devices[device].device, plan.dtype);
  // Beside the products: norm, activation and concat, each read and written.
  return share * (static_cast<double>(cost.flops) / speed.flopsPerSecond +
                  6.0 * static_cast<double>(cost.outputBytes) / speed.bytesPerSecond);
}

void predictTraining(Plan& plan,
                     const Graph& graph,
                     const Program& program,
                     const std::vector<Shape>& shapes) {
  predictTimes(plan, graph, program, shapes);
  for (std::size_t m = 0; m < plan.devices.size(); ++m) {
    const TrainingMemory memory = trainingMemory(plan, graph, program, shapes, m);
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
  for (std::size_t m = 0; m < plan.devices.size(); ++m) {
    bytes.push_back(trainingMemory(plan, graph, program, shapes, m).bytesBetweenSteps);
  }
  return bytes;
}

}  // namespace argand::engine
