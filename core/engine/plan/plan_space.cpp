// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/plan_space.h"

#include "core/engine/plan/schedule.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace argand::engine {

namespace {

// Each device's halo is made again by both neighbours; longer chains are seldom worth it.
constexpr StepId kLongestDividedGroup = 3;

// As many layouts of one device each as the search can take without a beam.
constexpr std::size_t kFewDevices = 4;

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

}  // namespace

bool alike(const DeviceSpec& a, const DeviceSpec& b) {
  return a.kind == b.kind && a.budgetBytes == b.budgetBytes && a.threads == b.threads &&
         a.profile == b.profile;
}

int Layout::first() const {
  return static_cast<int>(std::upper_bound(cuts.begin(), cuts.end(), 0.0) - cuts.begin()) - 1;
}

PlanSpace::PlanSpace(const Graph& graph,
                     const Program& program,
                     const std::vector<Shape>& shapes,
                     const std::vector<DeviceSpec>& devices,
                     const TimeModel& times,
                     const PlanSpaceOptions& options)
    : m_graph(graph),
      m_program(program),
      m_shapes(shapes),
      m_devices(devices),
      m_times(times),
      m_options(options) {
  const std::size_t begin = options.firstDevice;
  const std::size_t count = std::min(options.endDevice, devices.size()) - begin;
  const auto seconds = [&](std::size_t n) {
    return options.training ? times.trainingAloneSeconds(static_cast<int>(n))
                            : times.aloneSeconds(static_cast<int>(n));
  };
  std::vector<std::size_t> fastest(count);
  std::iota(fastest.begin(), fastest.end(), begin);
  std::stable_sort(fastest.begin(), fastest.end(), [&](std::size_t a, std::size_t b) {
    return seconds(a) < seconds(b);
  });
  if (options.slabs) {
    for (std::size_t used = count; used > 1; used = count > kFewDevices ? used / 2 : used - 1) {
      std::vector<double> shares(devices.size(), 0.0);
      for (std::size_t n = 0; n < used; ++n) {
        shares[fastest[n]] = 1.0 / seconds(fastest[n]);
      }
      add(fmt::format("slabs over {} devices by speed", used), shares);
    }
  }
  if (options.single) {
    for (std::size_t n = begin; n < begin + count; ++n) {
      // Of many devices that do not differ, one will do.
      const bool again = count > kFewDevices &&
                         std::any_of(devices.begin() + static_cast<std::ptrdiff_t>(begin),
                                     devices.begin() + static_cast<std::ptrdiff_t>(n),
                                     [&](const DeviceSpec& d) { return alike(d, devices[n]); });
      if (!again) {
        std::vector<double> shares(devices.size(), 0.0);
        shares[n] = 1.0;
        add(devices[n].name, shares);
      }
    }
  }
}

void PlanSpace::add(std::string words, const std::vector<double>& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  Layout layout;
  layout.words = std::move(words);
  layout.cuts = {0.0};
  layout.devices = 0;
  double upTo = 0.0;
  for (const double share : shares) {
    upTo += share / sum;
    layout.cuts.push_back(upTo);
    layout.devices += share > 0.0 ? 1 : 0;
  }
  append(std::move(layout));
}

std::vector<std::int64_t> PlanSpace::boundsOf(StepId id, const Layout& layout) const {
  const StepWork& work = m_times.work(id);
  // Slabs begin where chunks do, so that no chunk is computed twice.
  const auto chunks = static_cast<double>(work.depth) / static_cast<double>(work.grid);
  std::vector<std::int64_t> bounds{0};
  for (std::size_t n = 1; n + 1 < layout.cuts.size(); ++n) {
    const auto row = static_cast<std::int64_t>(std::llround(layout.cuts[n] * chunks)) * work.grid;
    bounds.push_back(layout.cuts[n] >= 1.0 ? work.depth
                                           : std::clamp<std::int64_t>(row, 0, work.depth));
  }
  bounds.push_back(work.depth);
  // Nothing is given to a device that the layout leaves out.
  for (std::size_t n = 1; n < layout.cuts.size(); ++n) {
    if (layout.cuts[n] <= layout.cuts[n - 1]) {
      bounds[n] = std::min(bounds[n], n + 1 == layout.cuts.size() ? work.depth : bounds[n - 1]);
    }
  }
  return bounds;
}

void PlanSpace::append(Layout layout) {
  std::vector<std::vector<const StepPlan*>> all;
  for (StepId id = 0; id < static_cast<StepId>(m_program.steps.size()); ++id) {
    StepPlan plan;
    plan.step = m_program.name(m_graph, id);
    plan.bounds = boundsOf(id, layout);
    plan.rolling = m_options.rolling;
    std::vector<const StepPlan*> variants;
    for (std::size_t variant = 0; variant < kVariants; ++variant) {
      StepPlan made = plan;
      made.joined = (variant & 1U) != 0;
      if ((variant & 2U) != 0) {
        for (std::size_t d = 0; d < m_devices.size(); ++d) {
          made.spilledRows.push_back(plan.rows(static_cast<int>(d)).count());
        }
      }
      const StepPlan* known = nullptr;
      for (const auto& other : m_byLayout) {
        known = *other[at(id)][variant] == made ? other[at(id)][variant] : known;
      }
      variants.push_back(known != nullptr ? known : &m_plans.emplace_back(std::move(made)));
    }
    all.push_back(std::move(variants));
  }
  m_layouts.push_back(std::move(layout));
  m_byLayout.push_back(std::move(all));
}

StepId PlanSpace::longest(StepId first, const Layout& layout) const {
  StepId last = first;
  const auto count = static_cast<StepId>(m_program.steps.size());
  while (m_options.rolling && last + 1 < count && mayJoin(m_program, m_graph, first, last + 1)) {
    const bool alone = layout.devices == 1;
    const bool read = m_program.step(last).lastReader > last + 1;
    if (!alone && (read || last + 1 - first >= kLongestDividedGroup)) {
      break;
    }
    ++last;
  }
  return last;
}

bool PlanSpace::spills(StepId last, StepId id) const {
  // Bound to spill, what the next step reads stays; where memory decides, anything may go.
  return m_program.step(id).lastReader > (m_options.mustSpill ? last + 1 : last);
}

std::vector<GroupChoice> PlanSpace::groupsFrom(StepId first) const {
  std::vector<GroupChoice> choices;
  std::vector<std::vector<const StepPlan*>> seen;
  for (int n = 0; n < static_cast<int>(m_layouts.size()); ++n) {
    const StepId furthest = longest(first, m_layouts[at(n)]);
    for (StepId last = furthest; last >= first; --last) {
      // Between one step and all that may be joined, only where nothing else is to choose.
      const bool alone = m_layouts[at(n)].devices == 1 && m_layouts.size() > 1;
      if (alone && last != first && last != furthest) {
        continue;
      }
      bool waits = false;
      for (StepId id = first; id <= last; ++id) {
        waits = waits || spills(last, id);
      }
      for (const bool spill : {false, true}) {
        if (spill ? !waits || !(m_options.maySpill || m_options.mustSpill)
                  : waits && m_options.mustSpill) {
          continue;
        }
        const GroupChoice choice{last, n, spill};
        std::vector<const StepPlan*> plans;
        for (StepId id = first; id <= last; ++id) {
          plans.push_back(stepPlan(first, choice, id));
        }
        if (std::find(seen.begin(), seen.end(), plans) == seen.end()) {
          seen.push_back(std::move(plans));
          choices.push_back(choice);
        }
      }
    }
  }
  return choices;
}

const StepPlan* PlanSpace::stepPlan(StepId first, const GroupChoice& choice, StepId id) const {
  const bool spilled = choice.spill && spills(choice.last, id);
  const std::size_t variant = (id > first ? 1U : 0U) + (spilled ? 2U : 0U);
  return m_byLayout[at(choice.layout)][at(id)][variant];
}

}  // namespace argand::engine
