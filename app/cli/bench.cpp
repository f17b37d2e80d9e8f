// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/engine/run/trial.h"

#include <algorithm>

namespace argand::app {

namespace {

struct BenchOptions {
  std::string network;
  std::string size;
  std::string dtype = "fp32";
  std::string plan;
  std::string mode = "whole";
  std::string window = "64x64x64";
  double overlap = 0.25;
  int repeat = 3;
  bool againstFp32 = false;
  DeviceOptions devices;
};

Result<engine::TrialRequest> trialRequest(const BenchOptions& options, const engine::Graph& graph) {
  engine::TrialRequest request;
  ARGAND_ASSIGN(engine::DeviceChoice choice, options.devices.parse());
  request.plan.devices = std::move(choice.devices);
  request.plan.lastResort = std::move(choice.lastResort);
  ARGAND_ASSIGN(request.plan.dtype, engine::parseDType(options.dtype));
  ARGAND_ASSIGN(const std::string plan, planText(options.plan));
  (plan.find('\n') == std::string::npos ? request.plan.words : request.planText) = plan;
  ARGAND_ASSIGN(const engine::Extent size, extentOption("--size", options.size));
  request.plan.input = {1, graph.inputChannels(), paddedFor(graph, size)};
  if (options.mode == "window") {
    request.plan.input.size = size;
    request.window = engine::WindowOptions{};
    ARGAND_ASSIGN(request.window->size, extentOption("--window", options.window));
    request.window->overlap = options.overlap;
  }
  return request;
}

// The slowest and largest of several runs count.
void merge(engine::RunReport& all, const engine::RunReport& one) {
  if (all.devices.empty()) {
    all = one;
    return;
  }
  all.hostPeakBytes = std::max(all.hostPeakBytes, one.hostPeakBytes);
  for (std::size_t n = 0; n < all.devices.size(); ++n) {
    engine::DeviceReport& device = all.devices[n];
    device.peakBytes = std::max(device.peakBytes, one.devices[n].peakBytes);
    device.busySeconds = std::max(device.busySeconds, one.devices[n].busySeconds);
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2.0;
}

// The share of labels that differ from those of the same network in fp32.
Result<double> changedFromFp32(const engine::Graph& graph,
                               const engine::Trial& trial,
                               engine::TrialRequest request,
                               const Context& context) {
  request.plan.dtype = engine::DType::Float32;
  request.planText.clear();
  ARGAND_ASSIGN(engine::Trial reference, engine::Trial::create(graph, request));
  ARGAND_TRY(reference.run(context.stop, context.progress));
  return engine::changedLabels(trial, reference);
}

Result<Outcome> bench(const BenchOptions& options, const Context& context) {
  ARGAND_ASSIGN(const engine::Graph graph, context.models.network(options.network));
  ARGAND_ASSIGN(const engine::TrialRequest request, trialRequest(options, graph));
  ARGAND_ASSIGN(engine::Trial trial, engine::Trial::create(graph, request));
  engine::RunReport report;
  std::vector<double> seconds;
  for (int n = 0; n < options.repeat; ++n) {
    ARGAND_ASSIGN(const engine::RunReport one, trial.run(context.stop, context.progress));
    merge(report, one);
    seconds.push_back(one.seconds);
  }
  const double best = *std::min_element(seconds.begin(), seconds.end());
  const double tflop = static_cast<double>(trial.flops()) * 1e-12;
  const engine::Extent& size = request.plan.input.size;
  Outcome outcome;
  Json& json = outcome.json;
  json = {{"network", options.network},
          {"size_dhw", {size.d, size.h, size.w}},
          {"dtype", engine::toString(request.plan.dtype)},
          {"mode", options.mode},
          {"devices", Json::array()},
          {"seconds", {{"best", best}, {"median", median(seconds)}}},
          {"predicted_s", trial.predictedSeconds()},
          {"rss_peak_bytes", trial.residentPeakBytes()},
          {"host_bytes", report.hostPeakBytes},
          {"tflop", tflop},
          {"labels_hash", fmt::format("{:016x}", trial.labelsHash())},
          {"plan", trial.planText()}};
  std::int64_t peak = 0;
  for (const engine::DeviceReport& device : report.devices) {
    peak = std::max(peak, device.peakBytes);
    addDeviceUse(device, outcome);
  }
  json["peak_bytes"] = peak;
  outcome.text += fmt::format("{} {} {}: {:.3f} s (median {:.3f}), {:.3f} TFLOP, {:.2f} TFLOP/s\n",
                              options.mode,
                              engine::toString(size),
                              engine::toString(request.plan.dtype),
                              best,
                              median(seconds),
                              tflop,
                              tflop / best);
  outcome.text += fmt::format("The process held up to {} more than before, {} of it spilled.\n",
                              engine::formatBytes(trial.residentPeakBytes()),
                              engine::formatBytes(report.hostPeakBytes));
  if (options.againstFp32) {
    ARGAND_ASSIGN(const double changed, changedFromFp32(graph, trial, request, context));
    json["changed_labels"] = changed;
    outcome.text += fmt::format("{:.4f} % of the labels differ from fp32.\n", 100.0 * changed);
  }
  return outcome;
}

}  // namespace

Action addBench(CLI::App& verb) {
  auto options = std::make_shared<BenchOptions>();
  verb.add_option(
          "--network", options->network, "A network by name, as in lamp-unet:n=32,classes=10")
      ->required();
  verb.add_option("--size", options->size, "The input: DEPTHxHEIGHTxWIDTH in voxels")->required();
  verb.add_option("--dtype", options->dtype, "What activations are stored as")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16"}))
      ->capture_default_str();
  verb.add_option("--plan", options->plan, "A plan's file, or words that bind it: single, slabs");
  verb.add_option("--mode", options->mode, "The volume at once, or in overlapping windows")
      ->check(CLI::IsMember({"whole", "window"}))
      ->capture_default_str();
  verb.add_option("--window", options->window, "Of each window")->capture_default_str();
  verb.add_option("--overlap", options->overlap, "The share of a window that the next one sees too")
      ->capture_default_str();
  verb.add_option("--repeat", options->repeat, "Runs; the best and the median are reported")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_flag(
      "--against-fp32", options->againstFp32, "Run in fp32, too, and count the labels that differ");
  options->devices.addTo(verb);
  return [options](Context& context) { return bench(*options, context); };
}

}  // namespace argand::app
