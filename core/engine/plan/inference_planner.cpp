// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/inference_planner.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/ladder.h"
#include "core/engine/plan/layer_cut.h"
#include "core/engine/plan/plan_search.h"
#include "core/engine/plan/plan_space.h"
#include "core/engine/plan/plan_words.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/simulator.h"
#include "core/engine/plan/spill.h"

#include <algorithm>

namespace argand::engine {

namespace {

// Time that is given for a plan that needs less memory, of the fastest plan's.
constexpr double kPatience = 0.02;

// Above the bound by more than this, a plan may be beaten by one that spills.
constexpr double kGapWorthSpilling = 0.1;

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

class Ladder {
 public:
  Ladder(const Graph& graph,
         const PlanRequest& request,
         const InferenceWords& words,
         const Program& program,
         const std::vector<Shape>& shapes,
         const TimeModel& times)
      : m_graph(graph),
        m_request(request),
        m_words(words),
        m_program(program),
        m_shapes(shapes),
        m_times(times),
        m_blank(blankPlan(request)) {}

  std::vector<Candidate> run() {
    tryAll(m_words.spill);
    const bool fast = std::any_of(m_found.begin(), m_found.end(), [](const Candidate& c) {
      return c.fits && c.plan.gap() < kGapWorthSpilling;
    });
    if (!fast && !m_words.spill && !m_words.resident) {
      std::erase_if(m_found, [](const Candidate& c) { return !c.fits; });
      tryAll(true);
    }
    sortBestFirst(m_found);
    return std::move(m_found);
  }

  // torchgpipe's division, to be compared with.
  Candidate layerCut() const {
    Candidate cut;
    cut.name = "whole layers, one device after the other (torchgpipe)";
    cut.plan = layerCutPlan(m_blank, m_graph, m_program, m_shapes, m_times);
    cut.fits = fitsBudgets(cut.plan);
    cut.note = cut.fits ? std::string() : shortfall(cut.plan);
    return cut;
  }

 private:
  int deviceCount() const { return static_cast<int>(m_request.devices.size()); }

  PlanSpaceOptions spaceOptions(bool spill) const {
    PlanSpaceOptions options;
    options.rolling = !m_words.resident;
    options.maySpill = spill;
    options.mustSpill = m_words.spill;
    return options;
  }

  PlanSpace emptySpace(bool spill) const {
    PlanSpaceOptions options = spaceOptions(spill);
    options.single = options.slabs = false;
    return {m_graph, m_program, m_shapes, m_request.devices, m_times, options};
  }

  void tryAll(bool spill) {
    if (!m_words.slabs) {
      for (const int device : unlikeDevices(m_request.devices)) {
        trySingle(device, spill);
      }
    }
    if (!m_words.single && deviceCount() > 1) {
      trySlabs(spill);
    }
  }

  void trySingle(int device, bool spill) {
    PlanSpace space = emptySpace(spill);
    space.add(m_request.devices[at(device)].name, allOn(device, m_request.devices.size()));
    keep("single", fmt::format("all on {}", m_request.devices[at(device)].name), space, {}, spill);
  }

  void trySlabs(bool spill) {
    PlanSpace space(m_graph, m_program, m_shapes, m_request.devices, m_times, spaceOptions(spill));
    if (const auto shares = sharesByRoom(); !shares.empty()) {
      space.add("slabs by room", shares);
    }
    PlanSearchOptions options;
    options.mustDivide = true;
    keep("slabs", "slabs", space, options, spill);
  }

  // Where a device is too small for its share by speed, the others take the rest; empty
  // where none is.
  std::vector<double> sharesByRoom() const {
    std::vector<double> shares;
    for (int device = 0; device < deviceCount(); ++device) {
      shares.push_back(1.0 / m_times.aloneSeconds(device));
    }
    for (int round = 0; round < 12; ++round) {
      PlanSpace space = emptySpace(false);
      space.add("slabs", shares);
      const Plan plan = uniformPlan(space, 0);
      if (fitsBudgets(plan)) {
        return round == 0 ? std::vector<double>{} : shares;
      }
      shares = sharesWithinRoom(std::move(shares), plan);
      if (shares.empty()) {
        return {};
      }
    }
    return shares;
  }

  // Every step by one layout of a space, in the longest groups.
  Plan uniformPlan(const PlanSpace& space, int layout) const {
    Plan plan = m_blank;
    const auto count = static_cast<StepId>(m_program.steps.size());
    for (StepId first = 0; first < count;) {
      const std::vector<GroupChoice> all = space.groupsFrom(first);
      GroupChoice best{first, layout, false};
      for (const GroupChoice& choice : all) {
        if (choice.layout == layout && (choice.last > best.last || choice.spill)) {
          best = choice;
        }
      }
      for (StepId id = first; id <= best.last; ++id) {
        plan.steps.push_back(*space.stepPlan(first, best, id));
      }
      first = best.last + 1;
    }
    predict(plan, m_graph, m_program, m_shapes);
    (void)estimateTimes(plan, m_graph, m_program, m_times);
    return plan;
  }

  // The layout that comes nearest to fitting, for the figures of a refusal.
  Plan leastDemanding(const PlanSpace& space, const std::string& kind) const {
    std::optional<Plan> least;
    for (int n = 0; n < static_cast<int>(space.layouts().size()); ++n) {
      if (kind == "slabs" && space.layouts()[at(n)].devices < 2) {
        continue;
      }
      Plan plan = uniformPlan(space, n);
      if (!least || tightness(plan) < tightness(*least)) {
        least = std::move(plan);
      }
    }
    return *least;
  }

  void keep(const std::string& kind,
            const std::string& name,
            const PlanSpace& space,
            PlanSearchOptions options,
            bool spill) {
    options.patience = kPatience;
    PlanSearchResult found =
        searchPlan(m_blank, m_graph, m_program, m_shapes, m_times, space, options);
    Candidate candidate;
    candidate.name = name;
    candidate.fits = found.plan.has_value();
    candidate.exact = found.exact;
    candidate.plan = found.plan ? std::move(*found.plan) : leastDemanding(space, kind);
    candidate.plan.kind = kind;
    if (candidate.fits) {
      if (spill && !m_words.spill) {
        trimSpills(candidate.plan, m_graph, m_program, m_shapes, m_times);
      }
      candidate.name += candidate.plan.hostPeakBytes > 0 ? ", spilled" : "";
      candidate.plan.reason = reasonOf(candidate.plan);
    } else if (candidate.plan.devicesUsed() > 1 || kind == "single") {
      candidate.note = shortfall(candidate.plan);
    } else {
      return;  // too few slices to be divided
    }
    m_found.push_back(std::move(candidate));
  }

  // Which step of the ladder it is, and why.
  std::string reasonOf(const Plan& plan) const {
    std::string reason = divisionWords(plan);
    if (!m_words.resident) {
      Plan resident = plan;
      for (StepPlan& step : resident.steps) {
        step.rolling = step.joined = false;
        step.spilledRows.clear();
      }
      predict(resident, m_graph, m_program, m_shapes);
      if (!fitsBudgets(resident)) {
        reason += fmt::format(
            " Slices are dropped as soon as they have been read, as keeping them would not fit: "
            "{}.",
            shortfall(resident));
      }
    }
    if (plan.hostPeakBytes > 0) {
      reason += fmt::format(" {} {} in host memory until {} needed{}.",
                            formatBytes(plan.hostPeakBytes),
                            "of results wait",
                            "they are",
                            m_words.spill ? "" : ", as there is no room for them on the device");
    }
    return reason;
  }

  const Graph& m_graph;
  const PlanRequest& m_request;
  const InferenceWords& m_words;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const TimeModel& m_times;
  const Plan m_blank;
  std::vector<Candidate> m_found;
};

}  // namespace

Result<InferenceWords> parseInferenceWords(const PlanRequest& request) {
  InferenceWords words;
  const std::pair<std::string_view, bool*> known[] = {{"single", &words.single},
                                                      {"slabs", &words.slabs},
                                                      {"resident", &words.resident},
                                                      {"rolling", &words.rolling},
                                                      {"spill", &words.spill}};
  for (const std::string& word : wordsOf(request)) {
    const auto found = std::find_if(
        std::begin(known), std::end(known), [&](const auto& k) { return k.first == word; });
    if (found == std::end(known)) {
      return fail(ErrorCode::Usage,
                  fmt::format("'{}' does not bind a plan; the words are single, slabs, resident, "
                              "rolling and spill.",
                              word));
    }
    *found->second = true;
  }
  if (words.single && words.slabs) {
    return fail(ErrorCode::Usage, "A plan is either 'single' or 'slabs', not both.");
  }
  if (words.resident && (words.rolling || words.spill)) {
    return fail(ErrorCode::Usage,
                fmt::format("'resident' keeps everything on its device; '{}' does not. Give one of "
                            "the two.",
                            words.rolling ? "rolling" : "spill"));
  }
  if (words.slabs && request.devices.size() < 2) {
    return fail(ErrorCode::Usage,
                "Slabs need at least two devices; name them, for instance cpu:0,cpu:1.");
  }
  return words;
}

Result<std::vector<Candidate>> inferenceCandidates(const Graph& graph,
                                                   const PlanRequest& request,
                                                   const InferenceWords& words) {
  ARGAND_ASSIGN(const std::vector<Shape> shapes, graph.shapes(request.input));
  const Program program = lowered(graph);
  ARGAND_ASSIGN(const TimeModel times,
                TimeModel::create(request.devices, request.dtype, graph, program, shapes));
  Ladder ladder(graph, request, words, program, shapes, times);
  std::vector<Candidate> found = ladder.run();
  if (request.compare && request.devices.size() > 1) {
    found.push_back(ladder.layerCut());
  }
  return found;
}

}  // namespace argand::engine
