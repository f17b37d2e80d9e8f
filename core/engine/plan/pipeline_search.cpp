// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/pipeline_search.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/predict_training.h"

#include <algorithm>
#include <map>
#include <memory>

namespace argand::engine {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

// Devices begin to before end.
struct Run {
  int begin = 0;
  int end = 0;
  auto operator<=>(const Run&) const = default;
};

struct Stage {
  const TrainingSpace* space = nullptr;
  const StagePlan* plan = nullptr;
  int end = 0;  // operations
};

struct Label {
  int op = 0;      // done
  int device = 0;  // used
  std::vector<Stage> stages;
  std::vector<double> forward;  // of a micro-batch, by stage; nothing for those to come
  std::vector<double> backward;
  double least = 0.0;  // makespan, whatever follows
};

class Search {
 public:
  Search(const Plan& blank,
         const Graph& graph,
         const Program& program,
         const std::vector<Shape>& shapes,
         const TimeModel& times,
         const PipelineOptions& options)
      : m_blank(blank),
        m_graph(graph),
        m_program(program),
        m_shapes(shapes),
        m_times(times),
        m_options(options),
        m_facts(blank, graph, program, shapes),
        m_ops(trainingOps(graph, program)),
        m_actions(pipelineActions(blank.schedule, options.stages, blank.microBatches)) {
    for (const DevicePlan& device : blank.devices) {
      m_specs.push_back(device.device);
    }
    m_searched = blank;
    if (options.goal == TrainingGoal::Smallest) {
      for (DevicePlan& device : m_searched.devices) {
        device.device.budgetBytes = std::numeric_limits<std::int64_t>::max() / 4;
      }
    }
    findRest();
  }

  PipelineResult run() {
    PipelineResult result;
    const double balanced =
        m_rest[0][0][0] * (m_blank.microBatches + m_options.stages - 1) / m_blank.microBatches;
    for (const double more : {1.05, 1.2, 1.5, 2.0, kNever}) {
      m_limit = std::min(balanced * more, m_options.withinSeconds);
      m_limited = false;
      result = within();
      if (result.plan || !m_limited || m_limit == m_options.withinSeconds) {
        break;
      }
    }
    return result;
  }

 private:
  using Layer = std::map<std::vector<int>, std::vector<Label>>;

  int count() const { return static_cast<int>(m_ops.size()); }

  int devices() const { return static_cast<int>(m_specs.size()); }

  const TrainingSpace& spaceOf(const Run& run) {
    auto& space = m_spaces[run];
    if (!space) {
      PlanSpaceOptions options;
      options.firstDevice = at(run.begin);
      options.endDevice = at(run.end);
      space = std::make_unique<TrainingSpace>(
          m_graph, m_program, m_shapes, m_specs, m_times, options, m_options.recomputes);
    }
    return *space;
  }

  // Forward and backward of the first operations on a run, at least, by their number.
  const std::vector<TrainingSeconds>& leastOn(const Run& run) {
    std::vector<TrainingSeconds>& sums = m_least[run];
    if (sums.empty()) {
      const TrainingSpace& space = spaceOf(run);
      sums.emplace_back();
      for (int op = 0; op < count(); ++op) {
        TrainingSeconds least{kNever, kNever};
        for (int layout = 0; layout < static_cast<int>(space.layouts().size()); ++layout) {
          const TrainingSeconds own = space.seconds(op, {op, layout, false});
          least.forward = std::min(least.forward, own.forward);
          least.backward = std::min(least.backward, own.backward);
        }
        sums.push_back(
            {sums.back().forward + least.forward, sums.back().backward + least.backward});
      }
    }
    return sums;
  }

  TrainingSeconds leastOn(const Run& run, int first, int end) {
    const auto& sums = leastOn(run);
    return {sums[at(end)].forward - sums[at(first)].forward,
            sums[at(end)].backward - sums[at(first)].backward};
  }

  // What stages from one on may end at, having begun at an operation and a device.
  int lastEnd(int stage) const { return count() - (m_options.stages - stage - 1); }

  int lastDevice(int stage) const { return devices() - (m_options.stages - stage - 1); }

  // The slowest of the stages to come, at least: by stage, operation and device.
  void findRest() {
    const auto stages = at(m_options.stages);
    m_rest.assign(stages + 1,
                  std::vector<std::vector<double>>(
                      m_ops.size() + 1, std::vector<double>(m_specs.size() + 1, kNever)));
    m_rest[stages][m_ops.size()][m_specs.size()] = 0.0;
    for (int stage = m_options.stages; stage-- > 0;) {
      for (int device = 0; device < devices(); ++device) {
        for (int to = device + 1; to <= lastDevice(stage); ++to) {
          for (int op = 0; op < count(); ++op) {
            for (int end = op + 1; end <= lastEnd(stage); ++end) {
              const double behind = m_rest[at(stage) + 1][at(end)][at(to)];
              double& rest = m_rest[at(stage)][at(op)][at(device)];
              if (behind < rest) {
                rest = std::min(rest, std::max(behind, leastOn({device, to}, op, end).both()));
              }
            }
          }
        }
      }
    }
  }

  PipelineResult within() {
    m_exact = true;
    Layer layer;
    Label start;
    start.forward.assign(at(m_options.stages), 0.0);
    start.backward = start.forward;
    layer[{}].push_back(std::move(start));
    for (int stage = 0; stage < m_options.stages; ++stage) {
      thin(layer);
      Layer next;
      for (const auto& [key, labels] : layer) {
        for (const Label& label : labels) {
          extend(label, stage, next);
        }
      }
      layer = std::move(next);
    }
    std::vector<const Label*> all;
    for (const auto& [key, labels] : layer) {
      for (const Label& label : labels) {
        all.push_back(&label);
      }
    }
    std::stable_sort(
        all.begin(), all.end(), [](const Label* a, const Label* b) { return a->least < b->least; });
    for (const Label* label : all) {
      Plan plan = m_options.goal == TrainingGoal::Smallest ? smallest(*label) : planOf(*label);
      if (m_options.goal == TrainingGoal::Smallest || fitsBudgets(plan)) {
        estimateTrainingTimes(plan, m_times);
        return {std::move(plan), m_exact};
      }
    }
    return {std::nullopt, m_exact};
  }

  Plan planOf(const Label& label) const {
    Plan plan = m_blank;
    plan.steps.resize(m_program.steps.size());
    int number = 0;
    for (int stage = 0; stage < m_options.stages; ++stage) {
      const Stage& one = label.stages[at(stage)];
      apply(*one.plan, *one.space, stage, number, plan);
    }
    predict(plan, m_graph, m_program, m_shapes);
    return plan;
  }

  // The same cuts, each stage needing least.
  Plan smallest(Label label) const {
    std::vector<StageResult> results(label.stages.size());
    int op = 0;
    for (std::size_t n = 0; n < results.size(); ++n) {
      Stage& stage = label.stages[n];
      StageRequest request = requestOf(label, static_cast<int>(n), op, stage.end);
      request.goal = TrainingGoal::Smallest;
      results[n] = searchStage(m_blank, m_facts, *stage.space, request);
      stage.plan = &results[n].plans.front();
      op = stage.end;
    }
    return planOf(label);
  }

  // Whether a label may still end within the limit, with these seconds of a stage.
  bool keepsLimit(Label& label, int stage, const TrainingSeconds& seconds) {
    label.forward[at(stage)] = seconds.forward / m_blank.microBatches;
    label.backward[at(stage)] = seconds.backward / m_blank.microBatches;
    label.least =
        pipelineSeconds(m_blank.schedule, label.forward, label.backward, m_blank.microBatches);
    // The slowest of the stages to come works on all micro-batches between the first's way to
    // it and the last's way back.
    double way = 0.0;
    for (int n = 0; n <= stage; ++n) {
      way += label.forward[at(n)] + label.backward[at(n)];
    }
    label.least =
        std::max(label.least, way + m_rest[at(stage) + 1][at(label.op)][at(label.device)]);
    const bool keeps = label.least <= m_limit;
    m_limited = m_limited || !keeps;
    return keeps;
  }

  void extend(const Label& from, int stage, Layer& next) {
    const bool last = stage + 1 == m_options.stages;
    for (int to = last ? devices() : from.device + 1; to <= lastDevice(stage); ++to) {
      for (int end = last ? count() : from.op + 1; end <= lastEnd(stage); ++end) {
        Label label = from;
        label.op = end;
        label.device = to;
        const Run run{from.device, to};
        if (!keepsLimit(label, stage, leastOn(run, from.op, end))) {
          continue;
        }
        for (const StagePlan& plan : plansOf(from, stage, run, end)) {
          Label made = label;
          if (keepsLimit(made, stage, plan.seconds)) {
            made.stages.push_back({&spaceOf(run), &plan, end});
            insert(std::move(made), next);
          }
        }
      }
    }
  }

  // The stage that made each node, of those before a label's next one.
  std::vector<int> makersOf(const Label& label) const {
    std::vector<int> makers(at(m_graph.size()), 0);
    int op = 0;
    for (std::size_t stage = 0; stage < label.stages.size(); ++stage) {
      for (; op < label.stages[stage].end; ++op) {
        std::fill(makers.begin() + m_ops[at(op)].begin,
                  makers.begin() + m_ops[at(op)].end,
                  static_cast<int>(stage));
      }
    }
    return makers;
  }

  StageRequest requestOf(const Label& label, int stage, int first, int end) const {
    StageRequest request;
    request.first = first;
    request.end = end;
    request.stage = stage;
    request.actions = m_actions;
    request.stageOf = makersOf(label);
    request.beam = m_options.stageBeam;
    return request;
  }

  const std::vector<StagePlan>& plansOf(const Label& from, int stage, const Run& run, int end) {
    const StageRequest request = requestOf(from, stage, from.op, end);
    std::vector<int> key{stage, from.op, end, run.begin, run.end};
    const NodeId begin = m_ops[at(from.op)].begin;
    for (const NodeId id : segmentOf(m_graph, begin, m_ops[at(end) - 1].end).reads) {
      key.push_back(request.stageOf[at(id)]);
    }
    const auto [found, isNew] = m_stages.try_emplace(std::move(key));
    if (isNew && m_replays > m_options.replays) {
      found->second.exact = false;
    } else if (isNew) {
      found->second = searchStage(m_searched, m_facts, spaceOf(run), request);
      m_replays += found->second.replays;
    }
    m_exact = m_exact && found->second.exact;
    return found->second.plans;
  }

  // Those that later stages see alike.
  void insert(Label label, Layer& layer) {
    std::vector<int> key{label.op, label.device};
    const std::vector<int> makers = makersOf(label);
    const NodeId begin = label.op < count() ? m_ops[at(label.op)].begin : m_graph.size();
    for (NodeId id = 1; id < begin; ++id) {
      if (m_facts.of(id).lastReader >= begin) {
        key.push_back(makers[at(id)]);
      }
    }
    std::vector<Label>& labels = layer[key];
    const auto noWorse = [](const Label& a, const Label& b) {
      for (std::size_t n = 0; n < a.forward.size(); ++n) {
        if (a.forward[n] > b.forward[n] || a.backward[n] > b.backward[n]) {
          return false;
        }
      }
      return true;
    };
    if (std::none_of(labels.begin(), labels.end(), [&](const Label& known) {
          return noWorse(known, label);
        })) {
      std::erase_if(labels, [&](const Label& known) { return noWorse(label, known); });
      labels.push_back(std::move(label));
    }
  }

  // Keeps the beam: those that may end first.
  void thin(Layer& layer) {
    std::vector<double> all;
    for (const auto& [key, labels] : layer) {
      for (const Label& label : labels) {
        all.push_back(label.least);
      }
    }
    if (all.size() <= m_options.beam) {
      return;
    }
    m_exact = false;
    const auto worst = all.begin() + static_cast<std::ptrdiff_t>(m_options.beam) - 1;
    std::nth_element(all.begin(), worst, all.end());
    for (auto& [key, labels] : layer) {
      std::erase_if(labels, [&](const Label& label) { return label.least > *worst; });
    }
  }

  const Plan& m_blank;
  Plan m_searched;  // with the budgets that the stages are searched for
  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const TimeModel& m_times;
  const PipelineOptions m_options;
  const TrainingFacts m_facts;
  const std::vector<TrainingOp> m_ops;
  const std::vector<std::vector<PipelineAction>> m_actions;
  std::vector<DeviceSpec> m_specs;
  std::map<Run, std::unique_ptr<TrainingSpace>> m_spaces;
  std::map<Run, std::vector<TrainingSeconds>> m_least;
  std::vector<std::vector<std::vector<double>>> m_rest;
  std::map<std::vector<int>, StageResult> m_stages;
  std::int64_t m_replays = 0;
  double m_limit = kNever;
  bool m_limited = false;  // something was left out
  bool m_exact = true;
};

}  // namespace

PipelineResult searchPipeline(const Plan& blank,
                              const Graph& graph,
                              const Program& program,
                              const std::vector<Shape>& shapes,
                              const TimeModel& times,
                              const PipelineOptions& options) {
  return Search(blank, graph, program, shapes, times, options).run();
}

}  // namespace argand::engine
