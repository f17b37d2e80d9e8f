// SPDX-License-Identifier: Apache-2.0
#include "core/engine/predict.h"

#include "core/engine/predict_training.h"
#include "core/engine/schedule.h"
#include "core/engine/step_bytes.h"

#include <algorithm>
#include <optional>

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
  const double depth = static_cast<double>(outputShape(step, graph, shapes).size.d);
  const double share = static_cast<double>(rows.count()) / depth;
  const auto read = static_cast<double>(readBytes(step, graph, shapes, rows, dtype));
  const bool computes = step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv;
  // Input is read, written to the chunk and read again; output likewise.
  return {computes ? static_cast<double>(cost.flops) * share : 0.0,
          3.0 * read + 3.0 * static_cast<double>(cost.outputBytes) * share};
}

double secondsOf(const Work& work, const Speed& speed) {
  return work.flops / speed.flopsPerSecond + work.bytes / speed.bytesPerSecond;
}

// The bytes that live on one device, and what of its slabs lies in host memory, in
// the order of the schedule.
class Walk {
 public:
  Walk(Plan& plan,
       const Graph& graph,
       const Program& program,
       const std::vector<Shape>& shapes,
       const Schedule& schedule,
       int device)
      : m_plan(plan),
        m_graph(graph),
        m_program(program),
        m_shapes(shapes),
        m_schedule(schedule),
        m_device(device),
        m_live(plan.devices[static_cast<std::size_t>(device)].weightBytes) {}

  void run() {
    peak(m_live, {});
    for (const StepGroup& group : m_schedule.groups) {
      for (const Task& task : group.tasks[static_cast<std::size_t>(m_device)]) {
        take(task);
      }
      for (const PieceRef& piece : group.drops[static_cast<std::size_t>(m_device)]) {
        drop(piece);
      }
      for (StepId id = 0; id <= group.last; ++id) {
        const StepId last = m_program.step(id).lastReader;
        if (last >= group.first && last <= group.last) {
          m_live -= momentsOf(id);
        }
      }
    }
  }

  [[nodiscard]] std::int64_t hostPeakBytes() const { return m_hostPeak; }

 private:
  void take(const Task& task) {
    const Step& step = m_program.step(task.step);
    const Shape out = outputShape(step, m_graph, m_shapes);
    if (task.piece == 0) {
      const std::int64_t rows =
          m_plan.steps[static_cast<std::size_t>(task.step)].rows(m_device).count();
      m_live += momentsOf(task.step);
      if (step.toConsumer) {
        m_live += rows * out.size.h * out.size.w * m_plan.outputBytesPerVoxel;
      }
    }
    if (!step.toConsumer) {
      hold({task.step, task.piece}, 1);
    }
    peak(m_live + scratchBytes(task, m_program, m_graph, m_shapes, m_plan.dtype), task.step);
    for (const PieceRef& piece : task.drops) {
      drop(piece);
    }
  }

  void drop(const PieceRef& piece) { hold(piece, -1); }

  void hold(const PieceRef& piece, int sign) {
    const RowRange& rows =
        m_schedule.pieces[static_cast<std::size_t>(piece.step)][static_cast<std::size_t>(m_device)]
                         [static_cast<std::size_t>(piece.piece)];
    const Shape out = outputShape(m_program.step(piece.step), m_graph, m_shapes);
    const std::int64_t bytes = sign * pieceBytes(out, rows.count(), m_plan.dtype);
    if (m_plan.steps[static_cast<std::size_t>(piece.step)].isSpilled(m_device, rows.begin)) {
      m_host += bytes;
      m_hostPeak = std::max(m_hostPeak, m_host);
    } else {
      m_live += bytes;
    }
  }

  std::int64_t momentsOf(StepId id) const {
    const Step& step = m_program.step(id);
    return momentBytes(step,
                       outputShape(step, m_graph, m_shapes),
                       m_plan.steps[static_cast<std::size_t>(id)].rows(m_device).count());
  }

  void peak(std::int64_t bytes, std::optional<StepId> step) {
    DevicePlan& device = m_plan.devices[static_cast<std::size_t>(m_device)];
    if (bytes > device.predictedPeakBytes) {
      device.predictedPeakBytes = bytes;
      device.peakStep = step ? m_plan.steps[static_cast<std::size_t>(*step)].step : std::string();
    }
  }

  Plan& m_plan;
  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const Schedule& m_schedule;
  const int m_device;
  std::int64_t m_live = 0;
  std::int64_t m_host = 0;
  std::int64_t m_hostPeak = 0;
};

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
  plan.hostPeakBytes = 0;
  const Schedule schedule = plan.training ? Schedule{} : scheduleOf(plan, graph, program, shapes);
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
      DevicePlan& device = plan.devices[m];
      if (plan.training ? rows.count() > 0
                        : schedule.takesPart(static_cast<StepId>(n), static_cast<int>(m))) {
        device.weightBytes += stepParameterBytes(step, graph, plan.dtype);
      }
      if (rows.count() > 0) {
        const double seconds = secondsOf(workOf(step, graph, shapes, rows, plan.dtype),
                                         assumedSpeed(device.device, plan.dtype));
        device.busySeconds += seconds;
        slowest = std::max(slowest, seconds);
      }
    }
    plan.makespanSeconds += slowest;
    const std::int64_t depth = outputShape(step, graph, shapes).size.d;
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
    Walk walk(plan, graph, program, shapes, schedule, static_cast<int>(m));
    walk.run();
    plan.hostPeakBytes += walk.hostPeakBytes();
  }
}

}  // namespace argand::engine
