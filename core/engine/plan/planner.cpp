// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/planner.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/inference_planner.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/simulator.h"
#include "core/engine/plan/training_plan.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

namespace argand::engine {

namespace {

struct Words {
  bool single = true;
  bool slabs = true;
  bool pipeline = true;
  bool recomputes = true;
  PipelineSchedule schedule = PipelineSchedule::OneForwardOneBackward;
};

Result<Words> parseWords(const PlanRequest& request) {
  std::string text = request.words;
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream stream(text);
  bool single = false;
  bool slabs = false;
  bool pipeline = false;
  Words words;
  for (std::string word; stream >> word;) {
    single = single || word == "single";
    slabs = slabs || word == "slabs";
    if (request.training && (word == "pipeline" || word == "gpipe" || word == "stored")) {
      pipeline = pipeline || word != "stored";
      words.recomputes = words.recomputes && word != "stored";
      words.schedule = word == "gpipe" ? PipelineSchedule::GPipe : words.schedule;
      continue;
    }
    if (word != "single" && word != "slabs" && word != "resident") {
      return fail(
          ErrorCode::Usage,
          fmt::format("'{}' does not bind a plan; the words are single, slabs and resident.",
                      word));
    }
  }
  if (single + slabs + pipeline > 1) {
    return fail(ErrorCode::Usage, "A plan is one of 'single', 'slabs' and 'pipeline'.");
  }
  if (pipeline && request.microBatches < static_cast<int>(request.devices.size())) {
    return fail(ErrorCode::Usage,
                fmt::format("A pipeline over {} devices needs at least as many micro-batches; "
                            "there are {}.",
                            request.devices.size(),
                            request.microBatches));
  }
  if ((slabs || pipeline) && request.devices.size() < 2) {
    return fail(
        ErrorCode::Usage,
        "Slabs and pipelines need at least two devices; name them, for instance cpu:0,cpu:1.");
  }
  words.single = !slabs && !pipeline;
  words.slabs = !single && !pipeline;
  words.pipeline = !single && !slabs && request.training;
  return words;
}

// Training: the candidates are shares of the depth.
class Search {
 public:
  Search(const Graph& graph,
         const PlanRequest& request,
         const Program& program,
         const std::vector<Shape>& shapes,
         const TimeModel& times)
      : m_graph(graph), m_request(request), m_program(program), m_shapes(shapes), m_times(times) {}

  std::vector<Candidate> run(const Words& words) {
    m_words = words;
    if (words.single) {
      for (int device = 0; device < deviceCount(); ++device) {
        addSingle(device);
      }
    }
    if (words.slabs && deviceCount() > 1) {
      for (const std::int64_t below : gatherDepths()) {
        // Nothing gathered: it does not matter where.
        const int targets = below == 0 ? 1 : deviceCount();
        for (int target = 0; target < targets; ++target) {
          addSlabs(below, target);
        }
      }
    }
    if (words.pipeline) {
      addPipeline();
    }
    std::stable_sort(
        m_candidates.begin(), m_candidates.end(), [](const Candidate& a, const Candidate& b) {
          if (a.fits != b.fits) {
            return a.fits;
          }
          return a.fits ? a.plan.makespanSeconds < b.plan.makespanSeconds
                        : tightness(a.plan) < tightness(b.plan);
        });
    return std::move(m_candidates);
  }

 private:
  int deviceCount() const { return static_cast<int>(m_request.devices.size()); }

  std::int64_t depthOf(std::size_t step) const {
    return outputShape(m_program.steps[step], m_graph, m_shapes).size.d;
  }

  // Levels with fewer slices than this are gathered on one device; every
  // choice that differs, but never the whole network.
  std::vector<std::int64_t> gatherDepths() const {
    std::set<std::int64_t> depths;
    for (std::size_t n = 0; n < m_program.steps.size(); ++n) {
      depths.insert(depthOf(n));
    }
    std::vector<std::int64_t> below{0};
    for (const std::int64_t depth : depths) {
      if (depth != *depths.rbegin()) {
        below.push_back(depth + 1);
      }
    }
    return below;
  }

  Plan blank(std::string kind) const {
    Plan plan;
    plan.kind = std::move(kind);
    plan.input = m_request.input;
    plan.dtype = m_request.dtype;
    plan.training = m_request.training;
    plan.microBatches = m_request.microBatches;
    plan.schedule = m_words.schedule;
    plan.outputBytesPerVoxel = m_request.outputBytesPerVoxel;
    for (const DeviceSpec& device : m_request.devices) {
      DevicePlan d;
      d.device = device;
      plan.devices.push_back(d);
    }
    return plan;
  }

  // All rows of every step by `shares` of the depth, or on `target` alone where
  // the depth is below `below`.
  void place(Plan& plan, const std::vector<double>& shares, std::int64_t below, int target) const {
    plan.steps.clear();
    for (std::size_t n = 0; n < m_program.steps.size(); ++n) {
      const std::int64_t depth = depthOf(n);
      const std::int64_t grid = chunkRows(m_program.steps[n], m_graph, m_shapes);
      StepPlan step;
      step.step = m_program.name(m_graph, static_cast<StepId>(n));
      step.bounds = {0};
      double sum = 0.0;
      for (int device = 0; device < deviceCount(); ++device) {
        sum += shares[static_cast<std::size_t>(device)];
        const bool last = device + 1 == deviceCount();
        const double chunks =
            std::round(sum * static_cast<double>(depth) / static_cast<double>(grid));
        const std::int64_t slab =
            last ? depth
                 : std::clamp<std::int64_t>(static_cast<std::int64_t>(chunks) * grid, 0, depth);
        step.bounds.push_back(depth < below ? (device < target ? 0 : depth) : slab);
      }
      plan.steps.push_back(std::move(step));
    }
    predict(plan, m_graph, m_program, m_shapes);
  }

  void keep(Plan plan) {
    if (m_words.recomputes) {
      recomputeToFit(plan, m_graph, m_program, m_shapes, m_times);
    }
    estimateTrainingTimes(plan, m_times);
    const auto recomputed = std::count_if(
        plan.steps.begin(), plan.steps.end(), [](const auto& s) { return s.recomputed > 0; });
    if (recomputed > 0) {
      plan.reason += fmt::format(
          " {} of {} steps are recomputed in backward: kept, their values would not fit.",
          recomputed,
          plan.steps.size());
    }
    Candidate candidate;
    candidate.fits = fitsBudgets(plan);
    if (!candidate.fits) {
      candidate.note = shortfall(plan);
    }
    candidate.plan = std::move(plan);
    m_candidates.push_back(std::move(candidate));
  }

  void addSingle(int device) {
    Plan plan = blank("single");
    std::vector<double> shares(m_request.devices.size(), 0.0);
    shares[static_cast<std::size_t>(device)] = 1.0;
    place(plan, shares, 0, 0);
    plan.reason =
        fmt::format("All on {}.", plan.devices[static_cast<std::size_t>(device)].device.name);
    keep(std::move(plan));
  }

  void addSlabs(std::int64_t below, int target) {
    Plan plan = blank("slabs");
    std::vector<double> shares;
    double sum = 0.0;
    for (int device = 0; device < deviceCount(); ++device) {
      double seconds = 0.0;
      for (StepId id = 0; id < static_cast<StepId>(m_program.steps.size()); ++id) {
        seconds += m_times.trainingSeconds(device, id, {0, m_times.work(id).depth}).both();
      }
      shares.push_back(1.0 / seconds);
      sum += shares.back();
    }
    for (double& share : shares) {
      share /= sum;
    }
    place(plan, shares, below, target);
    // Where a device is too small for its share by speed, the others take the rest.
    for (int round = 0; round < 12 && !fitsBudgets(plan); ++round) {
      sum = 0.0;
      for (std::size_t n = 0; n < shares.size(); ++n) {
        const DevicePlan& d = plan.devices[n];
        const double room = static_cast<double>(d.device.budgetBytes - d.weightBytes);
        const double need = static_cast<double>(d.predictedPeakBytes - d.weightBytes);
        if (need > room) {
          shares[n] *= std::max(0.0, room) / need * 0.99;
        }
        sum += shares[n];
      }
      if (sum <= 0.0) {
        break;
      }
      for (std::size_t n = 0; n < shares.size(); ++n) {
        shares[n] /= sum;
      }
      place(plan, shares, below, target);
    }
    plan.reason = fmt::format(
        "Slabs over {} devices{}.",
        plan.devicesUsed(),
        below == 0 ? std::string()
                   : fmt::format("; levels of fewer than {} slices are "
                                 "gathered on {}, too thin to divide",
                                 below,
                                 m_request.devices[static_cast<std::size_t>(target)].name));
    if (plan.devicesUsed() > 1) {
      keep(std::move(plan));
    }
  }

  void addPipeline() {
    Plan plan = blank("pipeline");
    place(plan, std::vector<double>(m_request.devices.size(), 0.0), 0, 0);
    if (!cutIntoStages(plan, m_program, m_times)) {
      return;
    }
    predict(plan, m_graph, m_program, m_shapes);
    plan.reason = fmt::format("A pipeline of {} stages for {} micro-batches, as {}.",
                              m_request.devices.size(),
                              plan.microBatches,
                              toString(plan.schedule));
    keep(std::move(plan));
  }

  const Graph& m_graph;
  const PlanRequest& m_request;
  Words m_words;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const TimeModel& m_times;
  std::vector<Candidate> m_candidates;
};

// Why the best one, against the best of the other kind.
std::string comparison(const std::vector<Candidate>& all) {
  const Candidate& best = all.front();
  for (const Candidate& other : all) {
    if (other.plan.kind == best.plan.kind) {
      continue;
    }
    const std::string_view kind = other.plan.kind == "single"  ? "One device"
                                  : other.plan.kind == "slabs" ? "Slabs"
                                                               : "A pipeline";
    return other.fits ? fmt::format(" {} would take about {:.2f} s instead of {:.2f} s.",
                                    kind,
                                    other.plan.makespanSeconds,
                                    best.plan.makespanSeconds)
                      : fmt::format(" {} would not fit: {}.", kind, other.note);
  }
  return {};
}

Result<void> check(const Graph& graph, const PlanRequest& request) {
  const Extent alignment = graph.alignment();
  for (int axis = 0; axis < 3; ++axis) {
    if (request.input.size[axis] < 1 || request.input.size[axis] % alignment[axis] != 0) {
      return fail(ErrorCode::Usage,
                  fmt::format("The size {} does not suit this network: it takes multiples of {}.",
                              toString(request.input.size),
                              toString(alignment)));
    }
  }
  if (request.devices.empty()) {
    return fail(ErrorCode::Usage, "No device is named.");
  }
  ARGAND_TRY(checkKinds(request.devices));
  if (request.microBatches < 1 || request.microBatches > request.input.samples ||
      (request.microBatches > 1 && !request.training)) {
    return fail(ErrorCode::Usage,
                fmt::format("{} samples cannot be divided into {} micro-batches{}.",
                            request.input.samples,
                            request.microBatches,
                            request.training ? "" : "; they are for training"));
  }
  if (request.input.samples < 1 || (request.input.samples > 1 && !request.training)) {
    return fail(ErrorCode::Usage,
                fmt::format("{} samples at once are for training; inference takes one volume.",
                            request.input.samples));
  }
  return {};
}

}  // namespace

Result<std::vector<Candidate>> candidates(const Graph& graph, const PlanRequest& request) {
  ARGAND_TRY(check(graph, request));
  if (!request.training) {
    ARGAND_ASSIGN(const InferenceWords words, parseInferenceWords(request));
    return inferenceCandidates(graph, request, words);
  }
  ARGAND_ASSIGN(const Words words, parseWords(request));
  ARGAND_ASSIGN(const std::vector<Shape> shapes, graph.shapes(request.input));
  const Program program = lowered(graph);
  ARGAND_ASSIGN(const TimeModel times,
                TimeModel::create(request.devices, request.dtype, graph, program, shapes));
  return Search(graph, request, program, shapes, times).run(words);
}

Result<Plan> makePlan(const Graph& graph, const PlanRequest& request) {
  ARGAND_ASSIGN(const std::vector<Candidate> all, candidates(graph, request));
  if (all.empty() || !all.front().fits) {
    std::string why = all.empty()
                          ? fmt::format("{} has too few slices to be divided into slabs.",
                                        toString(request.input.size))
                          : fmt::format(
                                "No plan for {} voxels in {} fits: with the least demanding one "
                                "({}), {}. Allow more memory, name more devices or take a "
                                "smaller region.",
                                toString(request.input.size),
                                toString(request.dtype),
                                all.front().plan.kind,
                                all.front().note);
    if (!request.lastResort) {
      return fail(ErrorCode::NoPlan, std::move(why));
    }
    PlanRequest instead = request;
    instead.devices = {*request.lastResort};
    instead.lastResort.reset();
    instead.words.clear();
    ARGAND_ASSIGN(Plan plan, makePlan(graph, instead));
    plan.reason = fmt::format("On {} instead, as {}. {}",
                              request.lastResort->name,
                              all.empty() ? "there are too few slices for slabs"
                                          : "the least demanding plan " + all.front().note,
                              plan.reason);
    return plan;
  }
  Plan plan = all.front().plan;
  plan.reason += comparison(all);
  return plan;
}

Result<Plan> adoptPlan(const Graph& graph, Plan plan, const std::vector<DeviceSpec>& devices) {
  ARGAND_TRY(validate(plan, graph));
  if (devices.size() != plan.devices.size()) {
    return fail(
        ErrorCode::Usage,
        fmt::format(
            "The plan is for {} device(s), {} are named.", plan.devices.size(), devices.size()));
  }
  for (std::size_t n = 0; n < devices.size(); ++n) {
    plan.devices[n].device = devices[n];
  }
  ARGAND_ASSIGN(const auto shapes, graph.shapes(plan.input));
  const Program program = lowered(graph);
  predict(plan, graph, program, shapes);
  ARGAND_ASSIGN(const TimeModel times,
                TimeModel::create(devices, plan.dtype, graph, program, shapes));
  if (plan.training) {
    estimateTrainingTimes(plan, times);
  } else {
    (void)estimateTimes(plan, graph, program, times);
  }
  if (!fitsBudgets(plan)) {
    return fail(ErrorCode::NoPlan, fmt::format("The plan does not fit: {}.", shortfall(plan)));
  }
  return plan;
}

}  // namespace argand::engine
