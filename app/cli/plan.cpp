// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/engine/planner.h"

#include <chrono>

namespace argand::app {

namespace {

struct PlanOptions {
  std::string model;
  std::string network;
  std::string size;
  std::string dtype = "fp32";
  std::string words;
  bool train = false;
  bool compare = false;
  DeviceOptions devices;
};

Result<engine::Graph> graphOf(const PlanOptions& options, const Context& context) {
  if (options.model.empty() == options.network.empty()) {
    return fail(ErrorCode::Usage, "Give either --model ID or --network NAME.");
  }
  if (!options.network.empty()) {
    return context.models.network(options.network);
  }
  ARGAND_ASSIGN(const infer::ModelCard card, context.models.card(options.model));
  return context.models.network(card.network);
}

Json devicesJson(const engine::Plan& plan) {
  Json list = Json::array();
  for (const engine::DevicePlan& device : plan.devices) {
    list.push_back({{"name", device.device.name},
                    {"budget_bytes", device.device.budgetBytes},
                    {"predicted_peak_bytes", device.predictedPeakBytes},
                    {"busy_s", device.busySeconds}});
  }
  return list;
}

Json devicesJson(const std::vector<engine::DeviceSpec>& devices) {
  Json list = Json::array();
  for (const engine::DeviceSpec& device : devices) {
    list.push_back({{"name", device.name},
                    {"budget_bytes", device.budgetBytes},
                    {"predicted_peak_bytes", nullptr},
                    {"busy_s", nullptr}});
  }
  return list;
}

Result<void> addCandidates(const engine::Graph& graph,
                           const engine::PlanRequest& request,
                           Outcome& outcome) {
  ARGAND_ASSIGN(const auto candidates, engine::candidates(graph, request));
  outcome.json["candidates"] = Json::array();
  outcome.text += "\nWeighed:\n";
  for (const engine::Candidate& candidate : candidates) {
    const engine::Plan& plan = candidate.plan;
    outcome.json["candidates"].push_back({{"kind", plan.kind},
                                          {"feasible", candidate.fits},
                                          {"makespan_s", plan.makespanSeconds},
                                          {"note", candidate.note}});
    outcome.text += fmt::format("  {} on {} device(s): {:.2f} s; {}\n",
                                plan.kind,
                                plan.devicesUsed(),
                                plan.makespanSeconds,
                                candidate.note);
  }
  return {};
}

Result<Outcome> plan(const PlanOptions& options, const Context& context) {
  ARGAND_ASSIGN(const engine::Graph graph, graphOf(options, context));
  ARGAND_ASSIGN(engine::Extent size, extentOption("--size", options.size));
  engine::PlanRequest request;
  ARGAND_ASSIGN(request.devices, options.devices.parse());
  request.dtype = options.dtype == "fp64" ? engine::DType::Float64 : engine::DType::Float32;
  request.training = options.train;
  request.outputBytesPerVoxel = options.train ? 0 : static_cast<std::int64_t>(sizeof(LabelValue));
  size = paddedFor(graph, size);
  request.input = engine::Shape{1, graph.inputChannels(), size};
  Outcome outcome;
  const auto start = std::chrono::steady_clock::now();
  ARGAND_ASSIGN(request.words, planText(options.words));
  const auto made = engine::makePlan(graph, request);
  const double planSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!made && made.error().code != ErrorCode::NoPlan) {
    return failureOf(made);
  }
  Json& json = outcome.json;
  if (made) {
    outcome.text = engine::toText(*made);
    json = {{"feasible", true},
            {"plan", outcome.text},
            {"devices", devicesJson(*made)},
            {"makespan_s", made->makespanSeconds},
            {"bound_s", made->boundSeconds},
            {"gap", made->gap()},
            {"plan_s", planSeconds},
            {"simulated", true},
            {"reason", made->reason}};
  } else {
    outcome.text = made.error().message + "\n";
    outcome.status = exitStatus(ErrorCode::NoPlan);
    json = {{"feasible", false},
            {"plan", nullptr},
            {"devices", devicesJson(request.devices)},
            {"makespan_s", nullptr},
            {"bound_s", nullptr},
            {"gap", nullptr},
            {"plan_s", planSeconds},
            {"simulated", true},
            {"reason", made.error().message}};
  }
  json["input_dhw"] = {size.d, size.h, size.w};
  if (options.compare) {
    ARGAND_TRY(addCandidates(graph, request, outcome));
  }
  return outcome;
}

}  // namespace

Action addPlan(CLI::App& verb) {
  auto options = std::make_shared<PlanOptions>();
  verb.add_option("--model", options->model, "A model's id");
  verb.add_option(
      "--network", options->network, "A network by name, as in lamp-unet:n=32,classes=10");
  verb.add_option("--size", options->size, "What the network sees: DEPTHxHEIGHTxWIDTH in voxels")
      ->required();
  verb.add_option("--dtype", options->dtype, "fp32 or fp64")
      ->check(CLI::IsMember({"fp32", "fp64"}))
      ->capture_default_str();
  verb.add_option("--plan", options->words, "Words that bind the planner: single, slabs");
  verb.add_flag("--train", options->train, "Plan a training step");
  verb.add_flag("--compare", options->compare, "List every candidate that was weighed");
  options->devices.addTo(verb);
  return [options](Context& context) { return plan(*options, context); };
}

}  // namespace argand::app
