// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/simulator.h"

#include <algorithm>
#include <cmath>

namespace argand::engine {

namespace {

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

RowRange hull(const RowRange& a, const RowRange& b) {
  if (a.count() <= 0) {
    return b;
  }
  if (b.count() <= 0) {
    return a;
  }
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

// Rows of `rows` whose reads do not all lie in `own`: those at the two ends.
std::int64_t rowsBeyond(const Step& step,
                        const Graph& graph,
                        const RowRange& rows,
                        std::int64_t readDepth,
                        const RowRange& own) {
  const auto inside = [&](std::int64_t row) {
    const RowRange read = rowsRead(step, graph, {row, row + 1}, readDepth);
    return read.begin >= own.begin && read.end <= own.end;
  };
  std::int64_t beyond = 0;
  std::int64_t first = rows.begin;
  while (first < rows.end && !inside(first)) {
    ++first;
    ++beyond;
  }
  for (std::int64_t last = rows.end - 1; last > first && !inside(last); --last) {
    ++beyond;
  }
  return beyond;
}

}  // namespace

// What a device's group waits for, and how much of its work does.
struct Simulator::Arrival {
  double time = 0.0;     // everything is there
  double seconds = 0.0;  // of receiving
  double share = 0.0;    // of the group's seconds that need it
};

Simulator::Simulator(const Graph& graph, const Program& program, const TimeModel& times)
    : m_graph(graph), m_program(program), m_times(times) {
  for (const Step& step : program.steps) {
    std::vector<StepId> sources;
    std::vector<StepId> counted;
    const auto addTo = [](std::vector<StepId>& list, StepId id) {
      if (id >= 0 && std::find(list.begin(), list.end(), id) == list.end()) {
        list.push_back(id);
      }
    };
    for (const ReadList& reads : step.reads) {
      for (const Part& part : reads) {
        addTo(sources, part.source);
        addTo(sources, part.gate.value_or(-1));
        if (part.norm && !std::holds_alternative<BatchNormOp>(graph.node(*part.norm).op)) {
          addTo(counted, part.source);
        }
      }
    }
    m_sources.push_back(std::move(sources));
    m_countedSources.push_back(std::move(counted));
  }
}

SimulationState Simulator::start() const {
  SimulationState state;
  state.clock.assign(at(m_times.deviceCount()), 0.0);
  state.ready.assign(m_program.steps.size() * at(m_times.deviceCount()), 0.0);
  state.counted.assign(m_program.steps.size(), 0.0);
  return state;
}

GroupWork Simulator::workOf(StepId first,
                            StepId last,
                            const std::vector<const StepPlan*>& steps) const {
  const int devices = m_times.deviceCount();
  GroupWork group{first, last, {}, std::vector<double>(at(devices), 0.0)};
  group.rows.assign(at(last - first + 1), std::vector<RowRange>(at(devices)));
  for (int device = 0; device < devices; ++device) {
    for (StepId id = last; id >= first; --id) {
      RowRange& rows = group.rows[at(id - first)][at(device)];
      const Step& step = m_program.step(id);
      if (step.toConsumer || step.lastReader > last || step.lastReader == id) {
        rows = hull(rows, steps[at(id)]->rows(device));
      }
      if (rows.count() <= 0) {
        continue;
      }
      group.seconds[at(device)] += m_times.stepSeconds(device, id, rows);
      const RowRange read =
          rowsRead(step, m_graph, m_times.computedRows(id, rows), m_times.work(id).readDepth);
      for (const StepId source : m_sources[at(id)]) {
        if (source >= first) {
          RowRange& needed = group.rows[at(source - first)][at(device)];
          needed = hull(needed, read);
        }
      }
    }
  }
  return group;
}

Simulator::Arrival Simulator::arrivalOf(const GroupWork& group,
                                        const std::vector<const StepPlan*>& steps,
                                        const SimulationState& state,
                                        int device,
                                        double start) const {
  Arrival arrival;
  arrival.time = start;
  double waiting = 0.0;
  for (StepId id = group.first; id <= group.last; ++id) {
    const RowRange& rows = group.rows[at(id - group.first)][at(device)];
    if (rows.count() <= 0) {
      continue;
    }
    const Step& step = m_program.step(id);
    const std::int64_t readDepth = m_times.work(id).readDepth;
    const RowRange read = rowsRead(step, m_graph, m_times.computedRows(id, rows), readDepth);
    std::int64_t beyond = 0;
    for (const StepId source : m_sources[at(id)]) {
      if (source >= group.first) {
        continue;
      }
      const StepPlan& slabs = *steps[at(source)];
      // A gate is one row, whatever rows it scales.
      const bool whole = m_times.work(source).depth == readDepth;
      const RowRange wanted = whole ? read : RowRange{0, m_times.work(source).depth};
      for (int owner = 0; owner < m_times.deviceCount(); ++owner) {
        const RowRange there = intersection(wanted, slabs.rows(owner));
        if (owner == device || there.count() <= 0) {
          continue;
        }
        const double seconds = m_times.transferSeconds(
            owner, device, static_cast<double>(there.count()) * rowBytes(source));
        arrival.seconds += seconds;
        arrival.time =
            std::max(arrival.time, state.ready[at(source * m_times.deviceCount() + owner)]) +
            seconds;
        waiting = std::max(waiting, m_times.latencySeconds(owner, device));
      }
      beyond =
          std::max(beyond,
                   whole ? rowsBeyond(step, m_graph, rows, readDepth, slabs.rows(device))
                         : (intersection(wanted, slabs.rows(device)) == wanted ? 0 : rows.count()));
    }
    arrival.share += m_times.stepSeconds(device, id, rows) * static_cast<double>(beyond) /
                     static_cast<double>(rows.count());
  }
  arrival.time += waiting;
  return arrival;
}

// Bytes of spilled rows that a device's group reads (its own; halos of others are
// few), or of those that it makes.
double Simulator::spillBytes(const GroupWork& group,
                             const std::vector<const StepPlan*>& steps,
                             int device,
                             bool reading) const {
  const auto spilled = [&](StepId id) {
    const StepPlan& plan = *steps[at(id)];
    const RowRange rows = plan.rows(device);
    const std::int64_t count =
        at(device) < plan.spilledRows.size() ? plan.spilledRows[at(device)] : 0;
    return RowRange{rows.begin, std::min(rows.end, rows.begin + count)};
  };
  double bytes = 0.0;
  for (StepId id = group.first; id <= group.last; ++id) {
    if (!reading) {
      bytes += static_cast<double>(spilled(id).count()) * rowBytes(id);
      continue;
    }
    const RowRange& rows = group.rows[at(id - group.first)][at(device)];
    if (rows.count() <= 0) {
      continue;
    }
    const RowRange read = rowsRead(m_program.step(id), m_graph, rows, m_times.work(id).readDepth);
    for (const StepId source : m_sources[at(id)]) {
      bytes +=
          source >= group.first
              ? 0.0
              : static_cast<double>(intersection(read, spilled(source)).count()) * rowBytes(source);
    }
  }
  return bytes;
}

void Simulator::advance(const GroupWork& group,
                        const std::vector<const StepPlan*>& steps,
                        SimulationState& state,
                        std::vector<DeviceTimeline>* timelines) const {
  std::vector<double> clock = state.clock;
  for (int device = 0; device < m_times.deviceCount(); ++device) {
    const double computing = group.seconds[at(device)];
    if (computing <= 0.0) {
      continue;
    }
    double start = state.clock[at(device)];
    for (StepId id = group.first; id <= group.last; ++id) {
      if (group.rows[at(id - group.first)][at(device)].count() > 0) {
        for (const StepId source : m_countedSources[at(id)]) {
          start = std::max(start, state.counted[at(source)]);
        }
      }
    }
    const Arrival arrival = arrivalOf(group, steps, state, device, start);
    const double out = m_times.hostSeconds(device, spillBytes(group, steps, device, false));
    const double in = m_times.hostSeconds(device, spillBytes(group, steps, device, true));
    const bool beside = m_times.copiesBeside(device);
    const double busy = beside ? computing : computing + in + out;
    const double work = beside ? std::max({computing, in, out}) : busy;
    const double end =
        std::max(start + work, arrival.share > 0.0 ? arrival.time + arrival.share : 0.0);
    if (timelines != nullptr) {
      DeviceTimeline& line = (*timelines)[at(device)];
      line.spans.push_back({group.first, group.last, start, end, computing, arrival.seconds});
      line.busySeconds += busy;
      line.normWaitSeconds += start - state.clock[at(device)];
      line.rowWaitSeconds += end - start - work;
      line.spillWaitSeconds += work - computing;
    }
    clock[at(device)] = end;
  }
  state.clock = std::move(clock);
  for (StepId id = group.first; id <= group.last; ++id) {
    const Step& step = m_program.step(id);
    if (step.lastReader <= group.last) {
      continue;
    }
    std::copy(state.clock.begin(),
              state.clock.end(),
              state.ready.begin() + static_cast<std::ptrdiff_t>(id) * m_times.deviceCount());
    double counted = 0.0;
    int makers = 0;
    for (int device = 0; device < m_times.deviceCount(); ++device) {
      if (steps[at(id)]->rows(device).count() > 0) {
        counted = std::max(counted, state.clock[at(device)]);
        ++makers;
      }
    }
    // Sums go to one device and what follows from them comes back.
    state.counted[at(id)] = counted + (makers > 1 ? 2.0 * m_times.latencySeconds(0, 1) : 0.0);
  }
}

namespace {

std::string criticalReason(const Simulation& run, const std::vector<DevicePlan>& names) {
  std::size_t last = 0;
  double most = 0.0;
  for (std::size_t d = 0; d < run.devices.size(); ++d) {
    const double end = run.devices[d].spans.empty() ? 0.0 : run.devices[d].spans.back().end;
    if (end > most) {
      most = end;
      last = d;
    }
  }
  const DeviceTimeline& line = run.devices[last];
  const std::pair<double, const char*> causes[] = {
      {line.busySeconds - run.boundSeconds, "work that is not shared evenly or done twice"},
      {line.rowWaitSeconds, "waiting for rows of other devices"},
      {line.normWaitSeconds, "waiting for statistics of the whole volume"},
      {line.spillWaitSeconds, "waiting for host memory"}};
  const auto worst = std::max_element(std::begin(causes), std::end(causes));
  if (worst->first <= 0.001 * run.makespanSeconds) {
    return fmt::format("{} is at work all the time.", names[last].device.name);
  }
  return fmt::format("{} is done last; most of what it takes beyond the bound is {} ({:.1f} %).",
                     names[last].device.name,
                     worst->second,
                     100.0 * worst->first / run.makespanSeconds);
}

}  // namespace

Simulation simulate(const Plan& plan,
                    const Graph& graph,
                    const Program& program,
                    const TimeModel& times) {
  const Simulator simulator(graph, program, times);
  std::vector<const StepPlan*> steps;
  for (const StepPlan& step : plan.steps) {
    steps.push_back(&step);
  }
  Simulation run;
  run.devices.resize(plan.devices.size());
  run.boundSeconds = times.boundSeconds();
  SimulationState state = simulator.start();
  const auto count = static_cast<StepId>(plan.steps.size());
  for (StepId first = 0; first < count;) {
    StepId last = first;
    while (last + 1 < count && plan.steps[at(last + 1)].joined) {
      ++last;
    }
    simulator.advance(simulator.workOf(first, last, steps), steps, state, &run.devices);
    first = last + 1;
  }
  run.makespanSeconds = *std::max_element(state.clock.begin(), state.clock.end());
  run.criticalReason = criticalReason(run, plan.devices);
  return run;
}

Simulation estimateTimes(Plan& plan,
                         const Graph& graph,
                         const Program& program,
                         const TimeModel& times) {
  Simulation run = simulate(plan, graph, program, times);
  plan.makespanSeconds = run.makespanSeconds;
  plan.boundSeconds = run.boundSeconds;
  for (std::size_t d = 0; d < plan.devices.size(); ++d) {
    plan.devices[d].busySeconds = run.devices[d].busySeconds;
  }
  return run;
}

}  // namespace argand::engine
