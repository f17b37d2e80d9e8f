// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/engine/plan/device_profile.h"
#include "core/engine/plan/planner.h"
#include "core/engine/run/profiler.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

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
  bool profile = false;
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

// "0.0307 s", "12.3 s": three digits that mean something.
std::string seconds(double value) {
  const int digits =
      value > 0.0 ? std::clamp(2 - static_cast<int>(std::floor(std::log10(value))), 0, 6) : 0;
  return fmt::format("{:.{}f} s", value, digits);
}

std::string bar(double share) {
  constexpr int kWidth = 24;
  const int full = std::clamp(static_cast<int>(std::lround(share * kWidth)), 0, kWidth);
  return fmt::format("[{:#<{}}{:.<{}}]", "", full, "", kWidth - full);
}

// Memory and time of each device, as comments of the plan's text.
std::string bars(const engine::Plan& plan) {
  std::size_t width = 0;
  for (const engine::DevicePlan& device : plan.devices) {
    width = std::max(width, device.device.name.size());
  }
  std::string text = plan.simulated() ? "# simulated: these devices are not there\n" : "";
  for (const engine::DevicePlan& device : plan.devices) {
    text += fmt::format(
        "# {:{}}  memory {} {} of {}  time {} {} of {}\n",
        device.device.name,
        width,
        bar(static_cast<double>(device.predictedPeakBytes) /
            static_cast<double>(std::max<std::int64_t>(1, device.device.budgetBytes))),
        engine::formatBytes(device.predictedPeakBytes),
        engine::formatBytes(device.device.budgetBytes),
        bar(plan.makespanSeconds > 0.0 ? device.busySeconds / plan.makespanSeconds : 0.0),
        seconds(device.busySeconds),
        seconds(plan.makespanSeconds));
  }
  return text;
}

// Where each kind of device's speed is taken from, in words.
Result<std::string> sources(const std::vector<engine::DeviceSpec>& devices) {
  std::set<std::string> lines;
  for (const engine::DeviceSpec& device : devices) {
    ARGAND_ASSIGN(const engine::DeviceProfile profile, engine::profileOf(device));
    lines.insert(fmt::format("# speeds of {}: {}\n", profile.title, profile.source));
  }
  return fmt::format("{}", fmt::join(lines, ""));
}

Result<void> addCandidates(const engine::Graph& graph,
                           engine::PlanRequest request,
                           Outcome& outcome) {
  request.compare = true;
  ARGAND_ASSIGN(const auto candidates, engine::candidates(graph, request));
  Json& list = outcome.json["candidates"] = Json::array();
  outcome.text += "#\n# weighed:\n";
  for (const engine::Candidate& candidate : candidates) {
    const engine::Plan& plan = candidate.plan;
    std::int64_t peak = 0;
    for (const engine::DevicePlan& device : plan.devices) {
      peak = std::max(peak, device.predictedPeakBytes);
    }
    const std::string note = candidate.fits ? plan.reason : candidate.note;
    list.push_back({{"name", candidate.name},
                    {"kind", plan.kind},
                    {"feasible", candidate.fits},
                    {"makespan_s", plan.makespanSeconds},
                    {"gap", plan.gap()},
                    {"predicted_peak_bytes", peak},
                    {"host_bytes", plan.hostPeakBytes},
                    {"best_of_its_kind", candidate.exact},
                    {"simulated", plan.simulated()},
                    {"note", note}});
    outcome.text += fmt::format("#   {}: {}, at most {} on a device{}. {}\n",
                                candidate.name.empty() ? plan.kind : candidate.name,
                                seconds(plan.makespanSeconds),
                                engine::formatBytes(peak),
                                candidate.fits ? "" : "; does not fit",
                                note);
  }
  return {};
}

// What --plan asks for: words for the planner, or a plan from a file, predicted anew.
Result<engine::Plan> planned(const engine::Graph& graph, const engine::PlanRequest& request) {
  if (request.words.find('\n') == std::string::npos) {
    return engine::makePlan(graph, request);
  }
  ARGAND_ASSIGN(engine::Plan given, engine::parsePlan(request.words));
  if (given.input != request.input) {
    return fail(ErrorCode::Usage,
                fmt::format("The plan is for an input of {}; --size asks for {}.",
                            engine::toString(given.input.size),
                            engine::toString(request.input.size)));
  }
  return engine::adoptPlan(graph, std::move(given), request.devices);
}

Result<Outcome> plan(const PlanOptions& options, const Context& context) {
  ARGAND_ASSIGN(const engine::Graph graph, graphOf(options, context));
  ARGAND_ASSIGN(engine::Extent size, extentOption("--size", options.size));
  engine::PlanRequest request;
  if (options.profile) {
    ARGAND_TRY(engine::profileProcessor(context.stop, context.progress));
  }
  ARGAND_ASSIGN(engine::DeviceChoice choice, options.devices.parse());
  request.devices = std::move(choice.devices);
  request.lastResort = std::move(choice.lastResort);
  ARGAND_ASSIGN(request.dtype, engine::parseDType(options.dtype));
  request.training = options.train;
  request.outputBytesPerVoxel = options.train ? 0 : static_cast<std::int64_t>(sizeof(LabelValue));
  size = paddedFor(graph, size);
  request.input = engine::Shape{1, graph.inputChannels(), size};
  Outcome outcome;
  const auto start = std::chrono::steady_clock::now();
  ARGAND_ASSIGN(request.words, planText(options.words));
  const auto made = planned(graph, request);
  const double planSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!made && made.error().code != ErrorCode::NoPlan) {
    return failureOf(made);
  }
  Json& json = outcome.json;
  const bool simulated = request.devices.front().kind == engine::DeviceKind::Simulated;
  if (made) {
    const std::string text = engine::toText(*made);
    ARGAND_ASSIGN(const std::string speeds, sources(request.devices));
    outcome.text = text + bars(*made) + speeds;
    json = {{"feasible", true},
            {"plan", text},
            {"devices", devicesJson(*made)},
            {"makespan_s", made->makespanSeconds},
            {"bound_s", made->boundSeconds},
            {"gap", made->gap()},
            {"plan_s", planSeconds},
            {"simulated", simulated},
            {"reason", made->reason},
            {"host_bytes", made->hostPeakBytes}};
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
            {"simulated", simulated},
            {"reason", made.error().message}};
  }
  json["input_dhw"] = {size.d, size.h, size.w};
  if (options.compare && request.words.find('\n') == std::string::npos) {
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
  verb.add_option("--dtype", options->dtype, "What values are stored as")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16", "fp64"}))
      ->capture_default_str();
  verb.add_option("--plan",
                  options->words,
                  "Words that bind the planner (single, slabs, resident, rolling, spill), or a "
                  "file with a plan");
  verb.add_flag("--train", options->train, "Plan a training step");
  verb.add_flag("--compare",
                options->compare,
                "List what was weighed, and whole layers on one device after the other");
  verb.add_flag("--profile",
                options->profile,
                "First time this machine's processor and keep what it does for later plans");
  options->devices.addTo(verb);
  return [options](Context& context) { return plan(*options, context); };
}

}  // namespace argand::app
