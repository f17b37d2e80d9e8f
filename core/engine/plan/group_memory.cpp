// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/group_memory.h"

#include "core/engine/plan/schedule.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/plan/task_bytes.h"

#include <algorithm>

namespace argand::engine {

namespace {

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

template <typename Visit>
void forEachSource(Step& step, const Visit& visit) {
  for (ReadList& reads : step.reads) {
    for (Part& part : reads) {
      if (part.source >= 0) {
        visit(part.source);
      }
      if (part.gate) {
        visit(*part.gate);
      }
    }
  }
}

}  // namespace

GroupMemory::GroupMemory(const Plan& blank,
                         const Graph& graph,
                         const Program& program,
                         const std::vector<Shape>& shapes)
    : m_blank(blank), m_graph(graph), m_program(program), m_shapes(shapes) {}

std::int64_t GroupMemory::held(StepId id, const StepPlan* plan, int device) {
  std::vector<std::int64_t>& known = m_held[plan];
  if (known.empty()) {
    const Step& step = m_program.step(id);
    const Shape out = outputShape(step, m_graph, m_shapes);
    const std::int64_t grid = chunkRows(step, m_graph, m_shapes);
    for (int d = 0; d < static_cast<int>(m_blank.devices.size()); ++d) {
      const RowRange rows = plan->rows(d);
      const DeviceKind kind = m_blank.devices[at(d)].device.kind;
      std::int64_t bytes = momentBytes(step, out, rows.count(), kind);
      for (std::int64_t begin = rows.begin; begin < rows.end;) {
        const std::int64_t end = std::min(rows.end, chunkAt(begin, grid, out.size.d).end);
        bytes += plan->isSpilled(d, begin) ? 0 : pieceBytes(out, end - begin, m_blank.dtype, kind);
        begin = end;
      }
      known.push_back(bytes);
    }
  }
  return known[at(device)];
}

GroupBytes GroupMemory::of(StepId first, StepId last, const std::vector<const StepPlan*>& steps) {
  std::vector<StepId> sources;
  for (StepId id = first; id <= last; ++id) {
    Step step = m_program.step(id);
    forEachSource(step, [&](StepId source) {
      if (source < first && std::find(sources.begin(), sources.end(), source) == sources.end()) {
        sources.push_back(source);
      }
    });
  }
  std::sort(sources.begin(), sources.end());
  std::vector<const StepPlan*> key;
  for (const StepId source : sources) {
    key.push_back(steps[at(source)]);
  }
  key.insert(key.end(), steps.begin() + first, steps.begin() + last + 1);
  auto found = m_known.find(key);
  if (found == m_known.end()) {
    found = m_known.emplace(std::move(key), walk(first, last, sources, steps)).first;
  }
  GroupBytes bytes = found->second;
  for (StepId id = 0; id < first; ++id) {
    const bool waits = m_program.step(id).lastReader >= first &&
                       !std::binary_search(sources.begin(), sources.end(), id);
    for (int d = 0; waits && d < static_cast<int>(m_blank.devices.size()); ++d) {
      bytes.peak[at(d)] += held(id, steps[at(id)], d);
    }
  }
  return bytes;
}

StepPlan GroupMemory::allOnFirst(StepId id) const {
  StepPlan plan;
  const std::int64_t depth = outputShape(m_program.step(id), m_graph, m_shapes).size.d;
  plan.bounds.assign(m_blank.devices.size() + 1, depth);
  plan.bounds.front() = 0;
  return plan;
}

// The group with its sources before it, as steps that read nothing, and what reads
// any of these after it, wherever: what the schedule makes of the group between them
// is what it makes of it in the whole plan.
GroupBytes GroupMemory::walk(StepId first,
                             StepId last,
                             const std::vector<StepId>& sources,
                             const std::vector<const StepPlan*>& steps) {
  std::vector<StepId> ids = sources;
  for (StepId id = first; id <= last; ++id) {
    ids.push_back(id);
  }
  const std::size_t groups = sources.size() + 1;
  const std::size_t own = ids.size();
  const auto local = [&](StepId id) {
    const auto found = std::find(ids.begin(), ids.end(), id);
    return found == ids.end() ? -1 : static_cast<StepId>(found - ids.begin());
  };
  for (StepId id = last + 1; id < static_cast<StepId>(m_program.steps.size()); ++id) {
    Step step = m_program.step(id);
    bool reads = false;
    forEachSource(step, [&](StepId source) {
      const StepId known = local(source);
      reads = reads || (known >= 0 && known < static_cast<StepId>(own));
    });
    if (reads) {
      ids.push_back(id);
    }
  }
  Plan plan = m_blank;
  Program program;
  for (const StepId id : ids) {
    const bool later = program.steps.size() >= own;
    Step step = m_program.step(id);
    if (id < first) {
      step.reads.clear();
    }
    for (ReadList& reads : step.reads) {
      for (Part& part : reads) {
        part.source = local(part.source);
        part.gate =
            part.gate && local(*part.gate) >= 0 ? std::optional(local(*part.gate)) : std::nullopt;
      }
    }
    step.lastReader = later ? local(id) : local(step.lastReader);
    program.steps.push_back(std::move(step));
    plan.steps.push_back(later ? allOnFirst(id) : *steps[at(id)]);
    plan.steps.back().joined = id > first && id <= last;
  }
  const Schedule schedule = scheduleOf(plan, m_graph, program, m_shapes);
  const StepGroup& group = schedule.groups[groups - 1];
  GroupBytes bytes;
  for (int d = 0; d < static_cast<int>(plan.devices.size()); ++d) {
    const DeviceKind kind = plan.devices[at(d)].device.kind;
    std::int64_t live = 0;
    std::int64_t lingers = 0;
    for (const StepId source : sources) {
      live += held(source, steps[at(source)], d);
    }
    std::int64_t peak = live;
    const auto hold = [&](const PieceRef& piece, int sign) {
      const RowRange& rows = schedule.pieces[at(piece.step)][at(d)][at(piece.piece)];
      if (!plan.steps[at(piece.step)].isSpilled(d, rows.begin)) {
        const Shape out = outputShape(program.step(piece.step), m_graph, m_shapes);
        live += sign * pieceBytes(out, rows.count(), plan.dtype, kind);
      }
    };
    for (const Task& task : group.tasks[at(d)]) {
      const Step& step = program.step(task.step);
      const Shape out = outputShape(step, m_graph, m_shapes);
      if (task.piece == 0) {
        const std::int64_t rows = plan.steps[at(task.step)].rows(d).count();
        live += momentBytes(step, out, rows, kind);
        live += step.toConsumer ? keptOutputBytes(out, rows, plan, kind) : 0;
      }
      if (!step.toConsumer) {
        hold({task.step, task.piece}, 1);
      }
      const TaskBytes taken = taskBytes(task, group, d, plan, m_graph, program, m_shapes, schedule);
      peak = std::max(peak, live + lingers + taken.scratch);
      lingers = taken.lingers;
      for (const PieceRef& piece : task.drops) {
        hold(piece, -1);
      }
    }
    std::int64_t weights = 0;
    for (StepId id = first; id <= last; ++id) {
      weights +=
          schedule.takesPart(local(id), d)
              ? stepParameterBytes(
                    m_program.step(id), m_graph, m_shapes, plan.dtype, plan.devices[at(d)].device)
              : 0;
    }
    bytes.weights.push_back(weights);
    bytes.peak.push_back(peak);
  }
  return bytes;
}

}  // namespace argand::engine
