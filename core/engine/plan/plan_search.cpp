// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/plan_search.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/group_memory.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/simulator.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace argand::engine {

namespace {

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

template <typename T>
bool noneAbove(const std::vector<T>& a, const std::vector<T>& b) {
  for (std::size_t n = 0; n < a.size(); ++n) {
    if (a[n] > b[n]) {
      return false;
    }
  }
  return true;
}

struct Label {
  std::vector<const StepPlan*> steps;
  SimulationState time;
  std::vector<std::int64_t> weights;
  std::vector<std::int64_t> peak;  // beside the weights
  std::vector<bool> used;          // devices

  [[nodiscard]] double latest() const {
    return *std::max_element(time.clock.begin(), time.clock.end());
  }

  [[nodiscard]] bool noWorseThan(const Label& other) const {
    return noneAbove(time.clock, other.time.clock) && noneAbove(time.ready, other.time.ready) &&
           noneAbove(time.counted, other.time.counted) && noneAbove(weights, other.weights) &&
           noneAbove(peak, other.peak);
  }
};

using Key = std::vector<std::int64_t>;

class Search {
 public:
  Search(const Plan& blank,
         const Graph& graph,
         const Program& program,
         const std::vector<Shape>& shapes,
         const TimeModel& times,
         const PlanSpace& space,
         const PlanSearchOptions& options)
      : m_blank(blank),
        m_graph(graph),
        m_program(program),
        m_shapes(shapes),
        m_times(times),
        m_space(space),
        m_options(options),
        m_beam(options.beam),
        m_simulator(graph, program, times),
        m_memory(blank, graph, program, shapes),
        m_count(static_cast<StepId>(program.steps.size())) {}

  PlanSearchResult run() {
    std::optional<Plan> fastest = earliest(labels(false), false);
    bool exact = m_exact;
    if (!fastest || m_options.patience > 0.0) {
      m_exact = true;
      if (fastest) {
        // Only what is roomier is looked for: nothing later, and with less care.
        m_latest = latestFor(*fastest);
        m_beam = std::max<std::size_t>(1, m_beam / 2);
      }
      const std::vector<Label> all = labels(true);
      if (!fastest) {
        fastest = earliest(all, true);
        exact = m_exact;
      }
      if (fastest && m_options.patience > 0.0) {
        fastest = roomiest(all, std::move(*fastest));
      }
    }
    return {std::move(fastest), exact, m_labels};
  }

 private:
  using Bucket = std::vector<Label>;

  // All labels of the whole network.
  std::vector<Label> labels(bool memory) {
    m_at.assign(at(m_count) + 1, {});
    Label start;
    start.steps.resize(m_program.steps.size());
    start.time = m_simulator.start();
    start.weights.assign(m_blank.devices.size(), 0);
    start.peak.assign(m_blank.devices.size(), 0);
    start.used.assign(m_blank.devices.size(), false);
    m_at[0][Key{}].push_back(std::move(start));
    for (StepId first = 0; first < m_count; ++first) {
      thin(m_at[at(first)]);
      const std::vector<GroupChoice> choices = m_space.groupsFrom(first);
      for (const auto& [key, bucket] : m_at[at(first)]) {
        // What lies alike is divided and computed alike.
        for (const GroupChoice& choice : choices) {
          extend(bucket, first, choice, memory);
        }
      }
      m_at[at(first)].clear();
    }
    std::vector<Label> all;
    for (auto& [key, bucket] : m_at[at(m_count)]) {
      std::move(bucket.begin(), bucket.end(), std::back_inserter(all));
    }
    return all;
  }

  void extend(const Bucket& bucket, StepId first, const GroupChoice& choice, bool memory) {
    std::vector<const StepPlan*> steps = bucket.front().steps;
    for (StepId id = first; id <= choice.last; ++id) {
      steps[at(id)] = m_space.stepPlan(first, choice, id);
    }
    const GroupWork& work = workOf(first, choice, steps);
    GroupBytes bytes;
    if (memory) {
      bytes = m_memory.of(first, choice.last, steps);
    }
    for (const Label& from : bucket) {
      ++m_labels;
      Label label = from;
      for (StepId id = first; id <= choice.last; ++id) {
        label.steps[at(id)] = steps[at(id)];
      }
      bool fits = true;
      for (std::size_t d = 0; d < m_blank.devices.size(); ++d) {
        label.used[d] = label.used[d] || work.seconds[d] > 0.0;
        if (memory) {
          label.weights[d] += bytes.weights[d];
          label.peak[d] = std::max(label.peak[d], bytes.peak[d]);
          fits = fits && label.weights[d] + label.peak[d] <= m_blank.devices[d].device.budgetBytes;
        }
      }
      if (fits) {
        m_simulator.advance(work, label.steps, label.time);
        if (label.latest() <= m_latest) {
          forget(label, choice.last);
          insert(std::move(label), choice.last + 1);
        }
      }
    }
  }

  const GroupWork& workOf(StepId first,
                          const GroupChoice& choice,
                          const std::vector<const StepPlan*>& steps) {
    const auto [found, isNew] = m_work.try_emplace({first, choice.last, choice.layout});
    if (isNew) {
      found->second = m_simulator.workOf(first, choice.last, steps);
    }
    return found->second;
  }

  // Times before the earliest device is free decide nothing any more.
  void forget(Label& label, StepId last) const {
    const double free = *std::min_element(label.time.clock.begin(), label.time.clock.end());
    const auto devices = m_blank.devices.size();
    for (StepId id = 0; id <= last; ++id) {
      const bool live = m_program.step(id).lastReader > last;
      label.time.counted[at(id)] = live ? std::max(label.time.counted[at(id)], free) : 0.0;
      for (std::size_t d = 0; d < devices; ++d) {
        double& ready = label.time.ready[at(id) * devices + d];
        ready = live ? std::max(ready, free) : 0.0;
      }
    }
  }

  // How what is live after `count` steps lies, and whether more than one device is used
  // where that is asked for.
  Key keyOf(const Label& label, StepId count) const {
    Key key;
    for (StepId id = 0; id < count; ++id) {
      if (m_program.step(id).lastReader >= count) {
        const StepPlan& plan = *label.steps[at(id)];
        key.insert(key.end(), plan.bounds.begin(), plan.bounds.end());
        key.push_back(plan.spilledRows.empty() ? 0 : 1);
      }
    }
    if (m_options.mustDivide) {
      const auto used = std::count(label.used.begin(), label.used.end(), true);
      const auto only = std::find(label.used.begin(), label.used.end(), true);
      key.push_back(used > 1 ? -1 : only - label.used.begin());
    }
    return key;
  }

  void insert(Label label, StepId count) {
    Bucket& bucket = m_at[at(count)][keyOf(label, count)];
    if (std::any_of(bucket.begin(), bucket.end(), [&](const Label& known) {
          return known.noWorseThan(label);
        })) {
      return;
    }
    bucket.erase(std::remove_if(bucket.begin(),
                                bucket.end(),
                                [&](const Label& known) { return label.noWorseThan(known); }),
                 bucket.end());
    bucket.push_back(std::move(label));
  }

  double tightness(const Label& label) const {
    double worst = 0.0;
    for (std::size_t d = 0; d < m_blank.devices.size(); ++d) {
      worst = std::max(worst,
                       static_cast<double>(label.weights[d] + label.peak[d]) /
                           static_cast<double>(
                               std::max<std::int64_t>(1, m_blank.devices[d].device.budgetBytes)));
    }
    return worst;
  }

  // Keeps the beam: half of it the earliest, half of it those with most room left.
  void thin(std::map<Key, Bucket>& layer) {
    std::vector<std::tuple<double, double, const Label*>> all;
    for (const auto& [key, bucket] : layer) {
      for (const Label& label : bucket) {
        all.emplace_back(label.latest(), tightness(label), &label);
      }
    }
    if (all.size() <= m_beam) {
      return;
    }
    m_exact = false;
    std::vector<const Label*> kept;
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::get<0>(a) < std::get<0>(b);
    });
    for (std::size_t n = 0; n < m_beam / 2; ++n) {
      kept.push_back(std::get<2>(all[n]));
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::get<1>(a) < std::get<1>(b);
    });
    for (std::size_t n = 0; n < all.size() && kept.size() < m_beam; ++n) {
      if (std::find(kept.begin(), kept.end(), std::get<2>(all[n])) == kept.end()) {
        kept.push_back(std::get<2>(all[n]));
      }
    }
    for (auto& [key, bucket] : layer) {
      Bucket few;
      for (Label& label : bucket) {
        if (std::find(kept.begin(), kept.end(), &label) != kept.end()) {
          few.push_back(std::move(label));
        }
      }
      bucket = std::move(few);
    }
    std::erase_if(layer, [](const auto& entry) { return entry.second.empty(); });
  }

  [[nodiscard]] bool dividesAsAsked(const Label& label) const {
    return !m_options.mustDivide || std::count(label.used.begin(), label.used.end(), true) > 1;
  }

  // Predicted as a whole, where it fits.
  std::optional<Plan> planOf(const Label& label) const {
    Plan plan = m_blank;
    for (const StepPlan* step : label.steps) {
      plan.steps.push_back(*step);
    }
    predict(plan, m_graph, m_program, m_shapes);
    if (!fitsBudgets(plan)) {
      return std::nullopt;
    }
    (void)estimateTimes(plan, m_graph, m_program, m_times);
    return plan;
  }

  // The earliest that fits by the prediction of the whole plan.
  std::optional<Plan> earliest(std::vector<Label> labels, bool memory) const {
    std::stable_sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) {
      return a.latest() < b.latest();
    });
    for (const Label& label : labels) {
      if (!dividesAsAsked(label)) {
        continue;
      }
      std::optional<Plan> plan = planOf(label);
      if (plan || !memory) {
        return plan;  // without memory the others may fit or not; they are not the best in time
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] double latestFor(const Plan& fastest) const {
    return (1.0 + m_options.patience) * fastest.makespanSeconds;
  }

  // Within the patience for `fastest` the one with most room in its budgets.
  Plan roomiest(std::vector<Label> labels, Plan fastest) const {
    const double latest = latestFor(fastest);
    std::erase_if(labels, [&](const Label& label) {
      return label.latest() > latest || !dividesAsAsked(label);
    });
    std::stable_sort(labels.begin(), labels.end(), [&](const Label& a, const Label& b) {
      return std::pair(tightness(a), a.latest()) < std::pair(tightness(b), b.latest());
    });
    for (const Label& label : labels) {
      if (std::optional<Plan> plan = planOf(label)) {
        return engine::tightness(*plan) < engine::tightness(fastest) ? std::move(*plan) : fastest;
      }
    }
    return fastest;
  }

  const Plan& m_blank;
  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const TimeModel& m_times;
  const PlanSpace& m_space;
  const PlanSearchOptions m_options;
  std::size_t m_beam;
  double m_latest = std::numeric_limits<double>::infinity();  // of labels that are kept
  const Simulator m_simulator;
  GroupMemory m_memory;
  const StepId m_count;
  std::vector<std::map<Key, Bucket>> m_at;  // by the number of steps done
  std::map<std::tuple<StepId, StepId, int>, GroupWork> m_work;
  bool m_exact = true;
  std::int64_t m_labels = 0;
};

}  // namespace

PlanSearchResult searchPlan(const Plan& blank,
                            const Graph& graph,
                            const Program& program,
                            const std::vector<Shape>& shapes,
                            const TimeModel& times,
                            const PlanSpace& space,
                            const PlanSearchOptions& options) {
  return Search(blank, graph, program, shapes, times, space, options).run();
}

}  // namespace argand::engine
