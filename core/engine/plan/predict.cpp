// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/predict.h"

#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/schedule.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/plan/task_bytes.h"

#include <algorithm>
#include <optional>

namespace argand::engine {

namespace {

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
      m_lingers = 0;
      for (const Task& task : group.tasks[static_cast<std::size_t>(m_device)]) {
        take(group, task);
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
  void take(const StepGroup& group, const Task& task) {
    const Step& step = m_program.step(task.step);
    const Shape out = outputShape(step, m_graph, m_shapes);
    if (task.piece == 0) {
      const std::int64_t rows =
          m_plan.steps[static_cast<std::size_t>(task.step)].rows(m_device).count();
      m_live += momentsOf(task.step);
      m_live += step.toConsumer ? keptOutputBytes(out, rows, m_plan, kind()) : 0;
    }
    if (!step.toConsumer) {
      hold({task.step, task.piece}, 1);
    }
    const TaskBytes bytes =
        taskBytes(task, group, m_device, m_plan, m_graph, m_program, m_shapes, m_schedule);
    peak(m_live + m_lingers + bytes.scratch, task.step);
    m_lingers = bytes.lingers;
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
    const std::int64_t bytes = sign * pieceBytes(out, rows.count(), m_plan.dtype, kind());
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
                       m_plan.steps[static_cast<std::size_t>(id)].rows(m_device).count(),
                       kind());
  }

  DeviceKind kind() const { return m_plan.devices[static_cast<std::size_t>(m_device)].device.kind; }

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
  std::int64_t m_lingers = 0;  // of the task before
  std::int64_t m_host = 0;
  std::int64_t m_hostPeak = 0;
};

}  // namespace

void predict(Plan& plan,
             const Graph& graph,
             const Program& program,
             const std::vector<Shape>& shapes) {
  plan.hostPeakBytes = 0;
  if (plan.training) {
    predictTraining(plan, graph, program, shapes);
    return;
  }
  const Schedule schedule = scheduleOf(plan, graph, program, shapes);
  for (std::size_t m = 0; m < plan.devices.size(); ++m) {
    const int index = static_cast<int>(m);
    DevicePlan& device = plan.devices[m];
    device.predictedPeakBytes = device.weightBytes = 0;
    device.peakStep.clear();
    for (StepId id = 0; id < static_cast<StepId>(program.steps.size()); ++id) {
      if (schedule.takesPart(id, index)) {
        device.weightBytes +=
            stepParameterBytes(program.step(id), graph, shapes, plan.dtype, device.device);
      }
    }
    Walk walk(plan, graph, program, shapes, schedule, index);
    walk.run();
    plan.hostPeakBytes += walk.hostPeakBytes();
  }
}

}  // namespace argand::engine
