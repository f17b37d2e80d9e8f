// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_planner.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/ladder.h"
#include "core/engine/plan/pipeline_search.h"
#include "core/engine/plan/plan_words.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/training_search.h"

#include <algorithm>
#include <set>

namespace argand::engine {

namespace {

// What a second is enough for.
constexpr std::size_t kSingleBeam = 512;
constexpr std::size_t kDividedBeam = 64;
constexpr std::int64_t kReplaysOfOneOfMany = 60'000;

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

class Ladder {
 public:
  Ladder(const Graph& graph,
         const PlanRequest& request,
         const TrainingWords& words,
         const Program& program,
         const std::vector<Shape>& shapes,
         const TimeModel& times)
      : m_graph(graph),
        m_request(request),
        m_words(words),
        m_program(program),
        m_shapes(shapes),
        m_times(times),
        m_blank(blankPlan(request)) {
    m_blank.schedule = words.schedule;
  }

  std::vector<Candidate> run() {
    const bool free = !m_words.single && !m_words.slabs && !m_words.pipeline;
    if (free || m_words.single) {
      for (const int device : unlikeDevices(m_request.devices)) {
        trySingle(device);
      }
    }
    if (deviceCount() > 1 && (free || m_words.slabs)) {
      trySlabs();
    }
    if (free || m_words.pipeline) {
      tryPipelines();
    }
    sortBestFirst(m_found);
    return std::move(m_found);
  }

 private:
  int deviceCount() const { return static_cast<int>(m_request.devices.size()); }

  TrainingSpace spaceOf(const PlanSpaceOptions& options) const {
    return {m_graph, m_program, m_shapes, m_request.devices, m_times, options, !m_words.stored};
  }

  void trySingle(int device) {
    PlanSpaceOptions options;
    options.slabs = false;
    options.firstDevice = at(device);
    options.endDevice = at(device) + 1;
    search("single",
           fmt::format("all on {}", m_request.devices[at(device)].name),
           spaceOf(options),
           false);
  }

  void trySlabs() {
    TrainingSpace space = spaceOf({});
    for (const bool recomputed : {false, true}) {
      if (recomputed && m_words.stored) {
        continue;
      }
      if (const Room room = bestRoom(recomputed); !room.shares.empty()) {
        space.add("slabs by room", room.shares);
        if (room.depth > 0) {
          space.add(m_request.devices[at(room.target)].name,
                    allOn(room.target, m_request.devices.size()));
        }
      }
    }
    search("slabs", "slabs", space, true);
  }

  // Slabs by the room that budgets leave, operations of at most `depth` slices being gathered
  // on one device.
  struct Room {
    std::vector<double> shares;
    std::int64_t depth = 0;
    int target = 0;
    Plan plan;
  };

  // Where a device is too small for its share by speed, the others take the rest; without
  // shares where none is. With everything stored, or recomputed; of the ways to gather the
  // one that does best by such shares.
  Room bestRoom(bool recomputed) const {
    std::set<std::int64_t> depths{0};
    for (StepId id = 0; id < static_cast<StepId>(m_program.steps.size()); ++id) {
      depths.insert(m_times.work(id).depth);
    }
    depths.erase(std::prev(depths.end()));
    Room best;
    double bestRank = 0.0;
    for (const std::int64_t depth : depths) {
      for (int target = 0; target < (depth == 0 ? 1 : deviceCount()); ++target) {
        Room room = roomOf(recomputed, depth, target);
        if (room.shares.empty()) {
          return {};
        }
        // What fits goes by time, the rest by how far it is from that.
        const double rank =
            fitsBudgets(room.plan) ? -1.0 / room.plan.makespanSeconds : tightness(room.plan);
        if (best.shares.empty() || rank < bestRank) {
          best = std::move(room);
          bestRank = rank;
        }
      }
    }
    return best;
  }

  // With which everything fits, if it can.
  Room roomOf(bool recomputed, std::int64_t depth, int target) const {
    Room room{{}, depth, target, {}};
    for (int device = 0; device < deviceCount(); ++device) {
      room.shares.push_back(1.0 / m_times.trainingAloneSeconds(device));
    }
    PlanSpaceOptions none;
    none.single = none.slabs = false;
    for (int round = 0; round < 12; ++round) {
      TrainingSpace space = spaceOf(none);
      space.add("slabs", room.shares);
      space.add("gathered", allOn(target, m_request.devices.size()));
      StagePlan uniform;
      for (int op = 0; op < static_cast<int>(space.ops().size()); ++op) {
        const bool gathers = m_times.work(space.ops()[at(op)].steps.back()).depth <= depth;
        uniform.choices.push_back({op, {op, gathers ? 1 : 0, recomputed}});
      }
      room.plan = planOf(uniform, space);
      if (fitsBudgets(room.plan)) {
        return round == 0 && depth == 0 ? Room{} : std::move(room);
      }
      std::vector<double> less = sharesWithinRoom(room.shares, room.plan);
      if (less.empty()) {
        break;
      }
      room.shares = std::move(less);
    }
    return room;
  }

  Plan planOf(const StagePlan& stage, const TrainingSpace& space) const {
    Plan plan = m_blank;
    plan.steps.resize(m_program.steps.size());
    int number = 0;
    apply(stage, space, 0, number, plan);
    predict(plan, m_graph, m_program, m_shapes);
    estimateTrainingTimes(plan, m_times);
    return plan;
  }

  void search(const std::string& kind,
              const std::string& name,
              const TrainingSpace& space,
              bool mustDivide) {
    const TrainingFacts facts(m_blank, m_graph, m_program, m_shapes);
    StageRequest request;
    request.end = static_cast<int>(space.ops().size());
    request.actions = pipelineActions(m_blank.schedule, 1, 1);
    request.mustDivide = mustDivide;
    request.beam = mustDivide ? kDividedBeam : kSingleBeam;
    StageResult result = searchStage(m_blank, facts, space, request);
    if (result.plans.empty()) {
      // For the figures of a refusal.
      request.goal = TrainingGoal::Smallest;
      result = searchStage(m_blank, facts, space, request);
    }
    if (!result.plans.empty()) {  // else too few slices to be divided
      keep(kind, name, planOf(result.plans.front(), space), result.exact);
    }
  }

  // Unless all are to be seen, only those that are faster than what has been found.
  void tryPipelines() {
    const int most = std::min(deviceCount(), m_request.microBatches);
    for (int stages = m_words.pipeline ? most : 2; stages <= most; ++stages) {
      PipelineOptions options;
      options.stages = stages;
      options.recomputes = !m_words.stored;
      options.replays = m_words.pipeline ? options.replays : kReplaysOfOneOfMany;
      bool fits = false;
      for (const Candidate& one : m_found) {
        fits = fits || one.fits;
        if (one.fits && !m_request.compare) {
          options.withinSeconds = std::min(options.withinSeconds, one.plan.makespanSeconds);
        }
      }
      const auto search = [&] {
        return searchPipeline(m_blank, m_graph, m_program, m_shapes, m_times, options);
      };
      PipelineResult result = search();
      if (!result.plan && (!fits || m_request.compare)) {
        options.goal = TrainingGoal::Smallest;
        result = search();
      }
      if (result.plan) {
        keep("pipeline",
             fmt::format("a pipeline of {} stages", stages),
             std::move(*result.plan),
             result.exact);
      }
    }
  }

  void keep(const std::string& kind, const std::string& name, Plan plan, bool exact) {
    Candidate candidate;
    candidate.name = name;
    candidate.exact = exact;
    candidate.fits = fitsBudgets(plan);
    candidate.note = candidate.fits ? std::string() : shortfall(plan);
    candidate.plan = std::move(plan);
    candidate.plan.kind = kind;
    candidate.plan.reason = reasonOf(candidate.plan);
    m_found.push_back(std::move(candidate));
  }

  std::string reasonOf(const Plan& plan) const {
    std::string reason = plan.kind == "pipeline"
                             ? fmt::format("A pipeline of {} stages for {} micro-batches, as {}.",
                                           stageCount(plan),
                                           plan.microBatches,
                                           toString(plan.schedule))
                             : divisionWords(plan);
    const auto recomputed = std::count_if(
        plan.steps.begin(), plan.steps.end(), [](const auto& s) { return s.recomputed > 0; });
    if (recomputed > 0) {
      Plan stored = plan;
      for (StepPlan& step : stored.steps) {
        step.recomputed = 0;
      }
      predict(stored, m_graph, m_program, m_shapes);
      reason += fmt::format(
          " {} of {} steps are recomputed in backward: kept, their values would not fit, as {}.",
          recomputed,
          plan.steps.size(),
          shortfall(stored));
    }
    return reason;
  }

  const Graph& m_graph;
  const PlanRequest& m_request;
  const TrainingWords& m_words;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const TimeModel& m_times;
  Plan m_blank;
  std::vector<Candidate> m_found;
};

}  // namespace

Result<TrainingWords> parseTrainingWords(const PlanRequest& request) {
  TrainingWords words;
  for (const std::string& word : wordsOf(request)) {
    words.single = words.single || word == "single";
    words.slabs = words.slabs || word == "slabs";
    words.pipeline = words.pipeline || word == "pipeline" || word == "gpipe";
    words.stored = words.stored || word == "stored";
    words.schedule = word == "gpipe" ? PipelineSchedule::GPipe : words.schedule;
    constexpr std::string_view kKnown[] = {
        "single", "slabs", "pipeline", "gpipe", "stored", "resident"};
    if (std::find(std::begin(kKnown), std::end(kKnown), word) == std::end(kKnown)) {
      return fail(ErrorCode::Usage,
                  fmt::format("'{}' does not bind a plan for training; the words are single, "
                              "slabs, pipeline, gpipe, stored and resident.",
                              word));
    }
  }
  if (words.single + words.slabs + words.pipeline > 1) {
    return fail(ErrorCode::Usage, "A plan is one of 'single', 'slabs' and 'pipeline'.");
  }
  if (words.pipeline && request.microBatches < static_cast<int>(request.devices.size())) {
    return fail(ErrorCode::Usage,
                fmt::format("A pipeline over {} devices needs at least as many micro-batches; "
                            "there are {}.",
                            request.devices.size(),
                            request.microBatches));
  }
  if ((words.slabs || words.pipeline) && request.devices.size() < 2) {
    return fail(
        ErrorCode::Usage,
        "Slabs and pipelines need at least two devices; name them, for instance cpu:0,cpu:1.");
  }
  return words;
}

Result<std::vector<Candidate>> trainingCandidates(const Graph& graph,
                                                  const PlanRequest& request,
                                                  const TrainingWords& words) {
  ARGAND_ASSIGN(const std::vector<Shape> shapes, graph.shapes(request.input));
  const Program program = lowered(graph);
  ARGAND_ASSIGN(const TimeModel times,
                TimeModel::create(request.devices, request.dtype, graph, program, shapes));
  return Ladder(graph, request, words, program, shapes, times).run();
}

}  // namespace argand::engine
