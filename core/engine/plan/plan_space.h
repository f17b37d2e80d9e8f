// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/time_model.h"

#include <deque>
#include <limits>
#include <vector>

// What an inference plan may be made of: how the rows of a step can be divided,
// which steps may run together, what may be spilled. The search walks through it,
// and so does the exhaustive one that the search is tested against.
namespace argand::engine {

// One way to divide the depth of any step: device n has it from cuts[n] to
// cuts[n + 1], of 1. One device alone has everything.
struct Layout {
  std::string words;  // "cpu:0", "2 devices by speed"
  std::vector<double> cuts;
  int devices = 1;  // that have something

  // The first of them.
  [[nodiscard]] int first() const;
};

struct PlanSpaceOptions {
  bool rolling = true;  // chunks are dropped as they are read; steps may be joined
  bool maySpill = false;
  bool mustSpill = false;  // whatever waits long is spilled
  // The layouts; one device each, slabs over the fastest ones. More are added by `add`.
  bool single = true;
  bool slabs = true;
  // How fast a device is counts in training steps.
  bool training = false;
  // The devices that these layouts use.
  std::size_t firstDevice = 0;
  std::size_t endDevice = std::numeric_limits<std::size_t>::max();
};

// Steps first..last by one layout, run together.
struct GroupChoice {
  StepId last = 0;
  int layout = 0;
  bool spill = false;  // what lives on goes to host memory
};

// True for devices that differ in name only.
[[nodiscard]] bool alike(const DeviceSpec& a, const DeviceSpec& b);

class PlanSpace {
 public:
  // Everything given outlives it.
  PlanSpace(const Graph& graph,
            const Program& program,
            const std::vector<Shape>& shapes,
            const std::vector<DeviceSpec>& devices,
            const TimeModel& times,
            const PlanSpaceOptions& options);

  // Slabs by these shares (of any sum) in addition.
  void add(std::string words, const std::vector<double>& shares);

  [[nodiscard]] const std::vector<Layout>& layouts() const { return m_layouts; }

  // The groups that may begin at `first`, long ones first. Two that would be the
  // same are given once.
  [[nodiscard]] std::vector<GroupChoice> groupsFrom(StepId first) const;

  // How a step is planned under a choice for a group from `first` on; lives as long
  // as this, and is the same object for choices that differ in nothing here.
  [[nodiscard]] const StepPlan* stepPlan(StepId first, const GroupChoice& choice, StepId id) const;

  // True for what a spilling group spills of its steps.
  [[nodiscard]] bool spills(StepId last, StepId id) const;

 private:
  std::vector<std::int64_t> boundsOf(StepId id, const Layout& layout) const;
  void append(Layout layout);
  // Longest group from `first` by a layout: on one device whatever may be joined,
  // else only steps that nothing else reads, since each device makes their halo again.
  [[nodiscard]] StepId longest(StepId first, const Layout& layout) const;

  static constexpr std::size_t kVariants = 4;  // joined or not, spilled or not

  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const std::vector<DeviceSpec>& m_devices;
  const TimeModel& m_times;
  PlanSpaceOptions m_options;
  std::vector<Layout> m_layouts;
  std::deque<StepPlan> m_plans;
  // By layout, step and variant.
  std::vector<std::vector<std::vector<const StepPlan*>>> m_byLayout;
};

}  // namespace argand::engine
