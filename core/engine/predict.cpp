// SPDX-License-Identifier: Apache-2.0
#include "core/engine/predict.h"

#include "core/engine/predict_training.h"

#include <algorithm>

namespace argand::engine {

namespace {

struct Work {
  double flops = 0.0;
  double bytes = 0.0;
};

// Of one step on `rows` of its output.
Work workOf(const Step& step,
            const Graph& graph,
            const std::vector<Shape>& shapes,
            const RowRange& rows,
            DType dtype) {
  const OpCost cost = costOf(graph, step.node, shapes, dtype);
  const double depth = static_cast<double>(shapes[static_cast<std::size_t>(step.node)].size.d);
  const double share = static_cast<double>(rows.count()) / depth;
  const StepBytes bytes = stepBytes(step, graph, shapes, rows, dtype);
  const bool computes = step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv;
  // Input is read, written to the chunk and read again; output likewise.
  return {
      computes ? static_cast<double>(cost.flops) * share : 0.0,
      3.0 * static_cast<double>(bytes.read) + 3.0 * static_cast<double>(cost.outputBytes) * share};
}

double secondsOf(const Work& work, const Speed& speed) {
  return work.flops / speed.flopsPerSecond + work.bytes / speed.bytesPerSecond;
}

// Slabs that hold an output until its last reader has run.
void predictInference(Plan& plan,
                      const Graph& graph,
                      const Program& program,
                      const std::vector<Shape>& shapes,
                      int device) {
  DevicePlan& d = plan.devices[static_cast<std::size_t>(device)];
  std::vector<std::int64_t> held(program.steps.size(), 0);
  std::int64_t live = d.weightBytes;
  d.predictedPeakBytes = live;
  for (std::size_t n = 0; n < program.steps.size(); ++n) {
    const Step& step = program.steps[n];
    const RowRange rows = plan.steps[n].rows(device);
    const StepBytes bytes = stepBytes(step, graph, shapes, rows, plan.dtype);
    held[n] = bytes.output;
    live += bytes.output;
    if (step.toConsumer) {
      const Extent& size = shapes[static_cast<std::size_t>(step.node)].size;
      live += rows.count() * size.h * size.w * plan.outputBytesPerVoxel;
    }
    if (live + bytes.scratch > d.predictedPeakBytes) {
      d.predictedPeakBytes = live + bytes.scratch;
      d.peakStep = plan.steps[n].step;
    }
    for (std::size_t m = 0; m <= n; ++m) {
      if (program.steps[m].lastReader == static_cast<StepId>(n)) {
        live -= held[m];
        held[m] = 0;
      }
    }
  }
}

}  // namespace

void predict(Plan& plan,
             const Graph& graph,
             const Program& program,
             const std::vector<Shape>& shapes) {
  plan.makespanSeconds = 0.0;
  for (DevicePlan& device : plan.devices) {
    device.predictedPeakBytes = device.weightBytes = 0;
    device.peakStep.clear();
    device.busySeconds = 0.0;
  }
  Work total;
  Speed together;
  for (const DevicePlan& device : plan.devices) {
    const Speed speed = assumedSpeed(device.device, plan.dtype);
    together.flopsPerSecond += speed.flopsPerSecond;
    together.bytesPerSecond += speed.bytesPerSecond;
  }
  for (std::size_t n = 0; n < program.steps.size(); ++n) {
    const Step& step = program.steps[n];
    double slowest = 0.0;
    for (std::size_t m = 0; m < plan.devices.size(); ++m) {
      const RowRange rows = plan.steps[n].rows(static_cast<int>(m));
      if (rows.count() > 0) {
        DevicePlan& device = plan.devices[m];
        const double seconds = secondsOf(workOf(step, graph, shapes, rows, plan.dtype),
                                         assumedSpeed(device.device, plan.dtype));
        device.busySeconds += seconds;
        device.weightBytes += stepParameterBytes(step, graph, plan.dtype);
        slowest = std::max(slowest, seconds);
      }
    }
    plan.makespanSeconds += slowest;
    const std::int64_t depth = shapes[static_cast<std::size_t>(step.node)].size.d;
    const Work whole = workOf(step, graph, shapes, {0, depth}, plan.dtype);
    total.flops += whole.flops;
    total.bytes += whole.bytes;
  }
  plan.boundSeconds = secondsOf(total, together);
  if (plan.training) {
    predictTraining(plan, graph, program, shapes);
    return;
  }
  for (std::size_t m = 0; m < plan.devices.size(); ++m) {
    predictInference(plan, graph, program, shapes, static_cast<int>(m));
  }
}

}  // namespace argand::engine
