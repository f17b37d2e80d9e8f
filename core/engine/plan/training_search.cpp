// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_search.h"

#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/training_guide.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

namespace argand::engine {

namespace {

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

// Bytes of one device in the groups so far.
struct Need {
  std::int64_t weights = 0;
  std::int64_t roots = 0;
  std::int64_t held = 0;
  std::int64_t forward = 0;  // peaks; all zero for a device that has nothing to do
  std::int64_t backward = 0;
};

struct Label {
  TrainingSeconds seconds;
  std::vector<Need> needs;  // by device
  int trail = -1;           // the last choice and those before it

  [[nodiscard]] bool used(std::size_t device) const { return needs[device].forward > 0; }
};

using Key = std::vector<std::int64_t>;

struct Bucket {
  int firstDevice = 0;
  Boundary boundary;
  std::vector<StageBytes::Sent> sent;
  std::vector<bool> used;  // devices, where that is asked for
  std::vector<Label> labels;
};

class Search {
 public:
  Search(const Plan& blank,
         const TrainingFacts& facts,
         const TrainingSpace& space,
         const StageRequest& request)
      : m_devices(blank.devices),
        m_space(space),
        m_request(request),
        m_alone(request.actions.size() == 1),
        m_groups(facts, space, blank.devices, request.first, request.end) {
    const auto& own = request.actions[at(request.stage)];
    m_inFlight = static_cast<std::int64_t>(std::find_if(own.begin(),
                                                        own.end(),
                                                        [](const PipelineAction& action) {
                                                          return action.kind ==
                                                                 PipelineAction::Kind::Backward;
                                                        }) -
                                           own.begin());
    m_weightsBehind.assign(at(request.end - request.first) + 1, 0);
    for (int op = request.end; op-- > request.first;) {
      std::int64_t& behind = m_weightsBehind[at(op - request.first)];
      behind = m_weightsBehind[at(op + 1 - request.first)];
      for (NodeId id = space.ops()[at(op)].begin; id < space.ops()[at(op)].end; ++id) {
        behind += kCopiesPerWeight * facts.of(id).parameterBytes;
      }
    }
  }

  StageResult run() {
    if (m_request.goal == TrainingGoal::Fastest) {
      StageResult free = found(false, nullptr);
      const bool fits =
          std::all_of(free.plans.begin(), free.plans.end(), [&](const StagePlan& plan) {
            return !found(true, &plan).plans.empty();
          });
      if (fits) {
        return free;
      }
    }
    return found(true, nullptr);
  }

 private:
  struct Trail {
    int before = -1;
    int first = 0;
    TrainingChoice choice;
  };

  using Layer = std::map<Key, Bucket>;

  // With regard to memory or without; by all choices, or those of a plan.
  StageResult found(bool memory, const StagePlan* only) {
    m_memory = memory;
    m_exact = true;
    m_trails.clear();
    return best(labels(only));
  }

  // All labels of the stage.
  Layer labels(const StagePlan* only) {
    m_at.assign(at(m_request.end - m_request.first) + 1, {});
    start();
    for (int op = m_request.first; op < m_request.end; ++op) {
      Layer layer = std::move(m_at[at(op - m_request.first)]);
      thin(layer, op);
      std::vector<TrainingChoice> choices;
      if (only == nullptr) {
        choices = m_space.choicesFrom(op, m_request.end);
      } else {
        for (const auto& [first, choice] : only->choices) {
          choices.insert(choices.end(), first == op ? 1 : 0, choice);
        }
      }
      for (const auto& [key, bucket] : layer) {
        for (const TrainingChoice& choice : choices) {
          if (m_memory || !choice.recomputed) {
            extend(bucket, op, choice);
          }
        }
      }
    }
    return std::move(m_at.back());
  }

  // One for each device that may be the first, which has what comes from outside.
  void start() {
    std::vector<bool> begins(m_devices.size(), false);
    for (const Layout& layout : m_space.layouts()) {
      begins[at(layout.first())] = true;
    }
    for (int device = 0; device < static_cast<int>(m_devices.size()); ++device) {
      if (!begins[at(device)]) {
        continue;
      }
      for (Boundary& boundary : m_groups.starts(device)) {
        Bucket bucket;
        bucket.firstDevice = device;
        bucket.sent = m_groups.sent(boundary, device, m_request.stageOf);
        bucket.boundary = std::move(boundary);
        bucket.used.assign(m_devices.size(), false);
        Label label;
        label.needs.resize(m_devices.size());
        insert(bucket, std::move(label), m_request.first);
      }
      if (!m_memory) {
        return;
      }
    }
  }

  void extend(const Bucket& bucket, int first, const TrainingChoice& choice) {
    const TrainingSeconds seconds = m_space.seconds(first, choice);
    Bucket to;
    to.firstDevice = bucket.firstDevice;
    to.sent = bucket.sent;
    to.used = bucket.used;
    bool before = false;
    for (std::size_t d = 0; d < m_devices.size(); ++d) {
      const bool uses = m_space.uses(first, choice, static_cast<int>(d));
      to.used[d] = to.used[d] || uses;
      before = before || (uses && static_cast<int>(d) < bucket.firstDevice);
    }
    if (m_memory && before) {
      return;
    }
    std::vector<GroupResult> results(1);
    if (m_memory) {
      results = m_groups.run(first, choice, bucket.boundary, bucket.firstDevice);
    }
    for (GroupResult& result : results) {
      to.boundary = std::move(result.after);
      for (const Label& from : bucket.labels) {
        Label label = from;
        label.seconds.forward += seconds.forward;
        label.seconds.backward += seconds.backward;
        if (m_memory && !takes(label, result.needs, bucket.firstDevice, choice.last + 1)) {
          continue;
        }
        if (insert(to, std::move(label), choice.last + 1)) {
          m_trails.push_back({from.trail, first, choice});
        }
      }
    }
  }

  // Adds what a group needs; whether that fits.
  bool takes(Label& label, const std::vector<GroupNeed>& needs, int firstDevice, int op) const {
    for (std::size_t d = 0; d < needs.size(); ++d) {
      const GroupNeed& add = needs[d];
      if (!add.used && !label.used(d) && static_cast<int>(d) != firstDevice) {
        continue;
      }
      Need& own = label.needs[d];
      own.weights += add.weights;
      own.roots += add.roots;
      own.forward = std::max(own.forward, own.held + add.forwardPeak + kSmallTensorsInFlight);
      own.backward = std::max(own.backward, own.held + add.backwardPeak + kSmallTensorsInFlight);
      own.held += add.held;
      if (m_alone) {
        own.forward = own.backward = std::max(own.forward, own.backward);
      }
      if (m_request.goal == TrainingGoal::Smallest) {
        continue;
      }
      const std::int64_t budget = m_devices[d].device.budgetBytes;
      const std::int64_t least = leastBytes(own);
      if (least > budget) {
        return false;
      }
      if (m_alone && least + m_weightsBehind[at(op - m_request.first)] <= budget) {
        // It has been high enough for nothing that may come.
        own.forward = own.backward = kSmallTensorsInFlight;
      }
    }
    return true;
  }

  // What a device needs at least, whatever follows.
  std::int64_t leastBytes(const Need& need) const {
    return need.weights + kSmallTensors + std::max(need.forward, need.backward + need.roots) +
           (m_inFlight - 1) * (need.held + kSmallTensorsInFlight);
  }

  // What it needs, at the end of the stage.
  std::int64_t bytesOf(const Bucket& bucket, const Label& label, int device) const {
    if (!label.used(at(device))) {
      return 0;
    }
    const Need& need = label.needs[at(device)];
    const auto [values, scores] = m_groups.atTheEnd(bucket.boundary, device);
    StageBytes bytes;
    bytes.held = need.held + values + kSmallTensorsInFlight;
    bytes.forwardPeak = std::max(need.forward, bytes.held);
    bytes.backwardPeak = std::max(need.backward, bytes.held + scores) + need.roots;
    if (device == bucket.firstDevice) {
      bytes.sent = bucket.sent;
    }
    return need.weights + kSmallTensors +
           stagePeak(bytes, m_request.actions, m_request.stage).bytes;
  }

  // The largest share of its budget that a device needs.
  double tightness(const std::function<std::int64_t(int)>& bytes) const {
    double worst = 0.0;
    for (int d = 0; d < static_cast<int>(m_devices.size()); ++d) {
      worst = std::max(
          worst,
          static_cast<double>(bytes(d)) /
              static_cast<double>(std::max<std::int64_t>(1, m_devices[at(d)].device.budgetBytes)));
    }
    return worst;
  }

  double tightness(const Label& label) const {
    return tightness([&](int d) { return label.used(at(d)) ? leastBytes(label.needs[at(d)]) : 0; });
  }

  Key keyOf(const Bucket& bucket) const {
    Key key;
    if (m_memory) {
      key = {bucket.firstDevice, bucket.used[at(bucket.firstDevice)] ? 1 : 0};
      for (const auto* bounds : bucket.boundary.bounds) {
        key.push_back(reinterpret_cast<std::intptr_t>(bounds));
      }
      for (const Hold& hold : bucket.boundary.holds) {
        key.push_back(hold.value * 65536 + hold.gradient * 256 + (hold.saved ? 1 : 0));
      }
      for (const StageBytes::Sent& sent : bucket.sent) {
        key.push_back(sent.bytes);
        key.insert(key.end(), sent.to.begin(), sent.to.end());
      }
    }
    if (m_request.mustDivide) {
      const auto used = std::count(bucket.used.begin(), bucket.used.end(), true);
      const auto only = std::find(bucket.used.begin(), bucket.used.end(), true);
      key.push_back(used > 1 ? -1 : only - bucket.used.begin());
    }
    return key;
  }

  bool noWorse(const Label& a, const Label& b) const {
    const bool timed = m_request.goal == TrainingGoal::Fastest;
    if (timed && (m_alone ? a.seconds.both() > b.seconds.both()
                          : a.seconds.forward > b.seconds.forward ||
                                a.seconds.backward > b.seconds.backward)) {
      return false;
    }
    for (std::size_t d = 0; m_memory && d < a.needs.size(); ++d) {
      const Need& x = a.needs[d];
      const Need& y = b.needs[d];
      // Of one stage, weights stand under everything that is held.
      if (x.weights + x.held > y.weights + y.held ||
          x.weights + x.forward > y.weights + y.forward ||
          (!m_alone && (x.weights > y.weights || x.held > y.held || x.forward > y.forward ||
                        x.backward > y.backward || x.roots > y.roots))) {
        return false;
      }
    }
    return true;
  }

  // False where it is no better than what there is; else it gets the next trail.
  bool insert(const Bucket& where, Label label, int op) {
    Layer& layer = m_at[at(op - m_request.first)];
    const auto [found, isNew] = layer.try_emplace(keyOf(where));
    Bucket& bucket = found->second;
    if (isNew) {
      bucket = where;
      bucket.labels.clear();
    }
    if (std::any_of(bucket.labels.begin(), bucket.labels.end(), [&](const Label& known) {
          return noWorse(known, label);
        })) {
      return false;
    }
    std::erase_if(bucket.labels, [&](const Label& known) { return noWorse(label, known); });
    label.trail = op == m_request.first ? -1 : static_cast<int>(m_trails.size());
    bucket.labels.push_back(std::move(label));
    return true;
  }

  std::vector<TrainingGuide::Base> basesOf(const Label& label) const {
    std::vector<TrainingGuide::Base> bases;
    for (const Need& need : label.needs) {
      const std::int64_t small = kSmallTensors + (m_inFlight - 1) * kSmallTensorsInFlight;
      bases.push_back({need.weights + need.roots + (m_inFlight - 1) * need.held + small,
                       need.held + kSmallTensorsInFlight,
                       std::max(need.forward, need.backward)});
    }
    return bases;
  }

  double promiseOf(const Label& label, int op) const {
    if (m_request.goal == TrainingGoal::Smallest) {
      return m_guide->share(op, basesOf(label));
    }
    return label.seconds.both() + (m_memory ? m_guide->seconds(op, basesOf(label)) : 0.0);
  }

  // Keeps the beam: most of it those that may end first by the guide, the rest those with
  // most room left.
  void thin(Layer& layer, int op) {
    std::size_t count = 0;
    for (const auto& [key, bucket] : layer) {
      count += bucket.labels.size();
    }
    if (count <= m_request.beam) {
      return;
    }
    m_exact = false;
    if (m_memory && !m_guide) {
      m_guide.emplace(m_groups, m_space, m_devices, m_request.first, m_request.end, m_inFlight - 1);
    }
    std::vector<std::tuple<double, double, const Label*>> all;
    for (const auto& [key, bucket] : layer) {
      for (const Label& label : bucket.labels) {
        all.emplace_back(promiseOf(label, op), m_memory ? tightness(label) : 0.0, &label);
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
    });
    const auto most =
        all.begin() + static_cast<std::ptrdiff_t>(m_request.beam - m_request.beam / 4);
    std::stable_sort(most, all.end(), [](const auto& a, const auto& b) {
      return std::get<1>(a) < std::get<1>(b);
    });
    std::vector<const Label*> kept;
    for (std::size_t n = 0; n < m_request.beam; ++n) {
      kept.push_back(std::get<2>(all[n]));
    }
    std::sort(kept.begin(), kept.end());
    for (auto& [key, bucket] : layer) {
      std::vector<Label> few;
      for (Label& label : bucket.labels) {
        if (std::binary_search(kept.begin(), kept.end(), &label)) {
          few.push_back(std::move(label));
        }
      }
      bucket.labels = std::move(few);
    }
    std::erase_if(layer, [](const auto& entry) { return entry.second.labels.empty(); });
  }

  StagePlan planOf(const Label& label) const {
    StagePlan plan{label.seconds, {}};
    for (int n = label.trail; n >= 0; n = m_trails[at(n)].before) {
      plan.choices.emplace_back(m_trails[at(n)].first, m_trails[at(n)].choice);
    }
    std::reverse(plan.choices.begin(), plan.choices.end());
    return plan;
  }

  StageResult best(const Layer& layer) const {
    std::vector<std::pair<double, const Label*>> found;
    for (const auto& [key, bucket] : layer) {
      const auto used = std::count(bucket.used.begin(), bucket.used.end(), true);
      if ((m_request.mustDivide && used < 2) ||
          (m_memory && !bucket.used[at(bucket.firstDevice)])) {
        continue;
      }
      for (const Label& label : bucket.labels) {
        const double tight =
            m_memory ? tightness([&](int d) { return bytesOf(bucket, label, d); }) : 0.0;
        if (m_request.goal == TrainingGoal::Smallest) {
          found.emplace_back(tight, &label);
        } else if (tight <= 1.0) {
          found.emplace_back(label.seconds.both(), &label);
        }
      }
    }
    std::stable_sort(
        found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    StageResult result{{}, m_exact, m_groups.replays()};
    for (const auto& [order, label] : found) {
      const TrainingSeconds& own = label->seconds;
      const bool beaten =
          std::any_of(result.plans.begin(), result.plans.end(), [&](const StagePlan& known) {
            return m_alone ||
                   (known.seconds.forward <= own.forward && known.seconds.backward <= own.backward);
          });
      if (!beaten) {
        result.plans.push_back(planOf(*label));
      }
    }
    return result;
  }

  const std::vector<DevicePlan>& m_devices;
  const TrainingSpace& m_space;
  const StageRequest& m_request;
  const bool m_alone;
  TrainingGroups m_groups;
  std::int64_t m_inFlight = 1;
  std::optional<TrainingGuide> m_guide;
  std::vector<std::int64_t> m_weightsBehind;  // at most, by the number of operations done
  bool m_memory = false;
  std::vector<Layer> m_at;  // by the number of operations done
  std::vector<Trail> m_trails;
  bool m_exact = true;
};

}  // namespace

StageResult searchStage(const Plan& blank,
                        const TrainingFacts& facts,
                        const TrainingSpace& space,
                        const StageRequest& request) {
  return Search(blank, facts, space, request).run();
}

void apply(
    const StagePlan& stage, const TrainingSpace& space, int stageNumber, int& number, Plan& plan) {
  for (const auto& [first, choice] : stage.choices) {
    number += choice.recomputed ? 1 : 0;
    for (int op = first; op <= choice.last; ++op) {
      for (const StepId id : space.ops()[at(op)].steps) {
        StepPlan& step = plan.steps[at(id)];
        step = *space.stepPlan(choice.layout, id);
        step.stage = stageNumber;
        step.recomputed = choice.recomputed ? number : 0;
      }
    }
  }
}

}  // namespace argand::engine
