// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/time_model.h"

#include <string>
#include <vector>

// When each device of an inference plan would do what, group of steps by group of
// steps. No tensors, no threads, no clock: estimates by a TimeModel.
//
// A device computes a group's rows that need nothing from elsewhere while the
// others arrive (interior first, then halo); it cannot begin to read through a norm
// of the whole volume before every device has finished what the norm counts; spilled
// rows are copied beside a GPU's work as far as that takes long enough.
namespace argand::engine {

// Rows that each device computes of the steps of one group, by step from the first
// and device; those that a later step of the group needs are made again by each.
struct GroupWork {
  StepId first = 0;
  StepId last = 0;
  std::vector<std::vector<RowRange>> rows;
  std::vector<double> seconds;  // of all of it, per device
};

// Where the simulation of one device's group has gone.
struct Span {
  StepId first = 0;
  StepId last = 0;
  double start = 0.0;
  double end = 0.0;
  double computing = 0.0;  // of it; the rest is waiting for rows, and copies that it waits for
  double receiving = 0.0;  // rows from other devices, beside the computing or not
};

struct DeviceTimeline {
  std::vector<Span> spans;
  double busySeconds = 0.0;       // computing, and what a core copies itself
  double rowWaitSeconds = 0.0;    // for rows of other devices
  double normWaitSeconds = 0.0;   // for statistics of the whole volume
  double spillWaitSeconds = 0.0;  // for host memory
};

struct Simulation {
  double makespanSeconds = 0.0;
  double boundSeconds = 0.0;
  std::vector<DeviceTimeline> devices;
  std::string criticalReason;  // what the time above the bound goes into, in words
};

// When what the groups so far have made is there.
struct SimulationState {
  std::vector<double> clock;    // per device
  std::vector<double> ready;    // by step and device
  std::vector<double> counted;  // by step: its statistics, everywhere
};

class Simulator {
 public:
  // All three outlive it.
  Simulator(const Graph& graph, const Program& program, const TimeModel& times);

  [[nodiscard]] SimulationState start() const;

  // `steps` gives the slabs of the steps up to the group's last, at least.
  [[nodiscard]] GroupWork workOf(StepId first,
                                 StepId last,
                                 const std::vector<const StepPlan*>& steps) const;

  // Moves the state on by one group; times of all devices rise with those before.
  // With `timelines`, what happens is added to them.
  void advance(const GroupWork& group,
               const std::vector<const StepPlan*>& steps,
               SimulationState& state,
               std::vector<DeviceTimeline>* timelines = nullptr) const;

 private:
  struct Arrival;
  Arrival arrivalOf(const GroupWork& group,
                    const std::vector<const StepPlan*>& steps,
                    const SimulationState& state,
                    int device,
                    double start) const;
  double spillBytes(const GroupWork& group,
                    const std::vector<const StepPlan*>& steps,
                    int device,
                    bool reading) const;

  double rowBytes(StepId id) const { return m_times.work(id).writtenPerRow; }

  const Graph& m_graph;
  const Program& m_program;
  const TimeModel& m_times;
  std::vector<std::vector<StepId>> m_sources;         // by step, each once
  std::vector<std::vector<StepId>> m_countedSources;  // those read through such a norm
};

// `plan` is valid for the graph.
[[nodiscard]] Simulation simulate(const Plan& plan,
                                  const Graph& graph,
                                  const Program& program,
                                  const TimeModel& times);

// The same, filling the plan's times.
[[nodiscard]] Simulation estimateTimes(Plan& plan,
                                       const Graph& graph,
                                       const Program& program,
                                       const TimeModel& times);

}  // namespace argand::engine
