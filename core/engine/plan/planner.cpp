// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/planner.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/inference_planner.h"
#include "core/engine/plan/predict.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/simulator.h"
#include "core/engine/plan/training_planner.h"

namespace argand::engine {

namespace {

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
  ARGAND_ASSIGN(const TrainingWords words, parseTrainingWords(request));
  return trainingCandidates(graph, request, words);
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
