// SPDX-License-Identifier: Apache-2.0
// The engine's time and memory as ratios, measured side by side in one run. A
// plain program: it needs the engine and the networks, and no test library.
//
//   engine_bench [--network NAME] [--size DxHxW] [--window DxHxW] [--rounds N] [--threads N]
//                [--table windows|devices|plans|types|planner]
//     prints Markdown tables: whole against windows, one device against several,
//     plans and types against each other, and what planning itself takes. Cases of one
//     table take turns; the best of the rounds counts. Ends with 1 where plans disagree
//     on a label.
//
//   engine_bench --serve CASE [--network NAME] [--size DxHxW] [--threads N]
//     CASE is fp32, bf16, fp16 or window: runs once for every line on standard
//     input and answers with a line of JSON, for peers.py to take turns with.
#include "core/base/json.h"
#include "core/engine/plan/planner.h"
#include "core/engine/run/trial.h"
#include "models/networks/networks.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>

namespace argand::engine {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

struct Options {
  std::string network = "nnunet-plain:channels=16-32-64-128-160,classes=10";
  Extent size{128, 128, 128};
  Extent window{64, 64, 64};
  int rounds = 3;
  int threads = coreCount();
  std::string table;  // empty: all
  std::string serve;
};

struct Case {
  std::string name;
  TrialRequest request;
  bool sameLabels = false;  // as the first of the table
};

struct Measured {
  std::string name;
  std::string refusal;  // instead of all that follows
  double seconds = 0.0;
  double predictedSeconds = 0.0;
  std::int64_t peakBytes = 0;  // of the largest device
  std::int64_t predictedPeakBytes = 0;
  std::int64_t hostBytes = 0;
  double workShare = 1.0;
  double changedLabels = 0.0;  // from the first of the table
};

Result<Extent> parseExtent(const std::string& text) {
  Extent extent;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%ldx%ldx%ld%c", &extent.d, &extent.h, &extent.w, &rest) != 3) {
    return fail(ErrorCode::Usage, fmt::format("{} is not DEPTHxHEIGHTxWIDTH.", text));
  }
  return extent;
}

Result<Options> parse(int argc, char** argv) {
  Options options;
  for (int n = 1; n < argc; n += 2) {
    const std::string key = argv[n];
    if (n + 1 == argc) {
      return fail(ErrorCode::Usage, fmt::format("{} needs a value.", key));
    }
    const std::string value = argv[n + 1];
    if (key == "--network") {
      options.network = value;
    } else if (key == "--size") {
      ARGAND_ASSIGN(options.size, parseExtent(value));
    } else if (key == "--window") {
      ARGAND_ASSIGN(options.window, parseExtent(value));
    } else if (key == "--rounds") {
      options.rounds = std::max(1, std::atoi(value.c_str()));
    } else if (key == "--threads") {
      options.threads = std::max(1, std::atoi(value.c_str()));
    } else if (key == "--table") {
      options.table = value;
    } else if (key == "--serve") {
      options.serve = value;
    } else {
      return fail(ErrorCode::Usage, fmt::format("There is no option {}.", key));
    }
  }
  return options;
}

// `devices` as --devices of argand-cli.
Result<TrialRequest> requestFor(const Options& options,
                                const Graph& graph,
                                const std::string& devices,
                                int threads,
                                const std::string& words,
                                DType dtype = DType::Float32) {
  TrialRequest request;
  request.plan.input = {1, graph.inputChannels(), options.size};
  request.plan.words = words;
  request.plan.dtype = dtype;
  ARGAND_ASSIGN(request.plan.devices, parseDevices(devices, {}, threads));
  return request;
}

Measured refused(const Case& one, const Error& error) {
  Measured result;
  result.name = one.name;
  result.refusal = error.message;
  return result;
}

// One table's cases in turns.
Result<std::vector<Measured>> measure(const Graph& graph,
                                      const std::vector<Case>& cases,
                                      int rounds,
                                      bool& labelsAgree) {
  std::vector<Measured> all;
  std::vector<std::optional<Trial>> trials;
  for (const Case& one : cases) {
    auto trial = Trial::create(graph, one.request);
    if (!trial && trial.error().code != ErrorCode::NoPlan &&
        trial.error().code != ErrorCode::Usage) {
      return failureOf(trial);
    }
    Measured measured = trial ? Measured{} : refused(one, trial.error());
    measured.name = one.name;
    all.push_back(std::move(measured));
    trials.push_back(trial ? std::optional(std::move(*trial)) : std::nullopt);
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t n = 0; n < cases.size(); ++n) {
      if (!trials[n]) {
        continue;
      }
      std::fprintf(stderr, "round %d of %d: %s\n", round + 1, rounds, cases[n].name.c_str());
      ARGAND_ASSIGN(const RunReport report, trials[n]->run());
      Measured& to = all[n];
      to.seconds = round == 0 ? report.seconds : std::min(to.seconds, report.seconds);
      to.predictedSeconds = trials[n]->predictedSeconds();
      to.workShare = report.workShare;
      to.hostBytes = std::max(to.hostBytes, report.hostPeakBytes);
      for (const DeviceReport& device : report.devices) {
        to.peakBytes = std::max(to.peakBytes, device.peakBytes);
        to.predictedPeakBytes = std::max(to.predictedPeakBytes, device.predictedPeakBytes);
      }
    }
  }
  for (std::size_t n = 0; n < cases.size(); ++n) {
    if (trials[n] && trials[0]) {
      all[n].changedLabels = changedLabels(*trials[n], *trials[0]);
      labelsAgree = labelsAgree && (!cases[n].sameLabels || all[n].changedLabels == 0.0);
    }
  }
  return all;
}

void print(const std::string& title, const std::vector<Measured>& all) {
  const Measured& base = all.front();
  fmt::print("\n### {}\n\n", title);
  fmt::print(
      "| case | s | time, of the first | speed, of the first | peak MiB a device | of the first | "
      "measured / predicted peak | measured / predicted s | spilled MiB | work done / needed | "
      "labels changed |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Measured& one : all) {
    if (!one.refusal.empty()) {
      fmt::print("| {} | refused: {} | | | | | | | | | |\n", one.name, one.refusal);
      continue;
    }
    const auto peak = static_cast<double>(one.peakBytes);
    fmt::print(
        "| {} | {:.3f} | {:.3f} | {:.2f} | {:.1f} | {:.3f} | {:.3f} | {:.2f} | {:.1f} | {:.3f} | "
        "{:.4f} % "
        "|\n",
        one.name,
        one.seconds,
        one.seconds / base.seconds,
        base.seconds / one.seconds,
        peak / kMiB,
        peak / static_cast<double>(base.peakBytes),
        peak / static_cast<double>(one.predictedPeakBytes),
        one.seconds / one.predictedSeconds,
        static_cast<double>(one.hostBytes) / kMiB,
        one.workShare,
        100.0 * one.changedLabels);
  }
  std::fflush(stdout);
}

Result<std::vector<Case>> windowCases(const Options& options, const Graph& graph) {
  ARGAND_ASSIGN(const TrialRequest whole, requestFor(options, graph, "cpu", options.threads, ""));
  std::vector<Case> cases{{"whole", whole, false}};
  for (const double overlap : {0.25, 0.5}) {
    TrialRequest windows = whole;
    windows.window = WindowOptions{options.window, overlap};
    cases.push_back({fmt::format("windows of {}, overlap {}", toString(options.window), overlap),
                     windows,
                     false});
  }
  return cases;
}

Result<std::vector<Case>> deviceCases(const Options& options, const Graph& graph) {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name,
                       const std::string& devices,
                       int threads,
                       const std::string& words) -> Result<void> {
    ARGAND_ASSIGN(TrialRequest request, requestFor(options, graph, devices, threads, words));
    cases.push_back({name, std::move(request), true});
    return {};
  };
  ARGAND_TRY(add("one device, one thread", "cpu", 1, "single"));
  ARGAND_TRY(add("one device, two threads", "cpu", 2, "single"));
  ARGAND_TRY(add("two devices of one thread", "cpu:0,cpu:1", 1, "slabs"));
  ARGAND_TRY(add("three devices of one thread", "cpu:0,cpu:1,cpu:2", 1, "slabs"));
  ARGAND_TRY(add("four devices of one thread", "cpu:0,cpu:1,cpu:2,cpu:3", 1, "slabs"));
  return cases;
}

Result<std::vector<Case>> planCases(const Options& options, const Graph& graph) {
  std::vector<Case> cases;
  for (const std::string words : {"single,resident", "single,rolling", "single,spill", "single"}) {
    ARGAND_ASSIGN(TrialRequest request, requestFor(options, graph, "cpu", options.threads, words));
    cases.push_back({words == "single" ? "the planner's choice" : words, std::move(request), true});
  }
  TrialRequest tight = cases.back().request;
  PlanRequest resident = cases.front().request.plan;
  resident.outputBytesPerVoxel = static_cast<std::int64_t>(sizeof(std::uint16_t));
  ARGAND_ASSIGN(const Plan needs, makePlan(graph, resident));
  tight.plan.devices.front().budgetBytes = needs.devices.front().predictedPeakBytes * 2 / 5;
  cases.push_back({"the planner's choice in 0.4 of what resident needs", std::move(tight), true});
  return cases;
}

Result<std::vector<Case>> typeCases(const Options& options, const Graph& graph) {
  std::vector<Case> cases;
  for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float16}) {
    ARGAND_ASSIGN(TrialRequest request,
                  requestFor(options, graph, "cpu", options.threads, "single", dtype));
    cases.push_back({std::string(toString(dtype)), std::move(request), false});
  }
  return cases;
}

// What planning takes of this processor, and how far its plan is from the bound.
Result<void> printPlanner(int rounds) {
  struct PlannerCase {
    const char* network;
    Extent size;
    const char* devices;
    DType dtype;
  };

  const PlannerCase cases[] = {
      {"nnunet-plain:channels=16-32-64-128-160,classes=10",
       {128, 128, 128},
       "cpu:0,cpu:1",
       DType::Float32},
      {"lamp-unet:n=128,classes=10", {192, 320, 256}, "sim:4xh100-nvlink", DType::BFloat16},
      {"nnunet-plain:channels=32-64-128-256-320-320,classes=25",
       {512, 512, 512},
       "sim:8xh100-nvlink",
       DType::BFloat16}};
  fmt::print(
      "\n### Planning\n\n| network | size | devices | s of planning | gap to the bound | "
      "peak MiB a device |\n|---|---|---|---|---|---|\n");
  for (const PlannerCase& one : cases) {
    ARGAND_ASSIGN(const Graph graph, models::buildNetwork(one.network));
    PlanRequest request;
    request.input = {1, graph.inputChannels(), one.size};
    request.dtype = one.dtype;
    request.outputBytesPerVoxel = static_cast<std::int64_t>(sizeof(std::uint16_t));
    ARGAND_ASSIGN(request.devices, parseDevices(one.devices));
    double least = 0.0;
    Plan plan;
    for (int round = 0; round < rounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      ARGAND_ASSIGN(plan, makePlan(graph, request));
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      least = round == 0 ? taken.count() : std::min(least, taken.count());
    }
    std::int64_t peak = 0;
    for (const DevicePlan& device : plan.devices) {
      peak = std::max(peak, device.predictedPeakBytes);
    }
    fmt::print("| {} | {} | {} | {:.2f} | {:.1f} % | {:.1f} |\n",
               one.network,
               toString(one.size),
               one.devices,
               least,
               100.0 * plan.gap(),
               static_cast<double>(peak) / kMiB);
  }
  std::fflush(stdout);
  return {};
}

Result<bool> tables(const Options& options, const Graph& graph) {
  fmt::print("{} at {}, {} threads, best of {}\n",
             options.network,
             toString(options.size),
             options.threads,
             options.rounds);

  struct Table {
    const char* name;
    const char* title;
    Result<std::vector<Case>> (*cases)(const Options&, const Graph&);
  };

  const Table all[] = {{"windows", "Whole against windows", windowCases},
                       {"devices", "One device against several", deviceCases},
                       {"plans", "Plans on one device", planCases},
                       {"types", "Types", typeCases}};
  bool labelsAgree = true;
  for (const Table& table : all) {
    if (!options.table.empty() && options.table != table.name) {
      continue;
    }
    ARGAND_ASSIGN(const std::vector<Case> cases, table.cases(options, graph));
    ARGAND_ASSIGN(const auto measured, measure(graph, cases, options.rounds, labelsAgree));
    print(table.title, measured);
  }
  if (options.table.empty() || options.table == "planner") {
    ARGAND_TRY(printPlanner(options.rounds));
  }
  return labelsAgree;
}

Result<bool> serve(const Options& options, const Graph& graph) {
  const bool windows = options.serve == "window";
  ARGAND_ASSIGN(const DType dtype, parseDType(windows ? "fp32" : options.serve));
  ARGAND_ASSIGN(TrialRequest request,
                requestFor(options, graph, "cpu", options.threads, "", dtype));
  if (windows) {
    request.window = WindowOptions{options.window, 0.25};
  }
  ARGAND_ASSIGN(Trial trial, Trial::create(graph, request));
  for (std::string line; std::getline(std::cin, line);) {
    ARGAND_ASSIGN(const RunReport report, trial.run());
    const Json answer{{"seconds", report.seconds},
                      {"ledger_bytes", report.devices.front().peakBytes},
                      {"peak_bytes", trial.residentPeakBytes()}};
    std::cout << answer.dump() << std::endl;
  }
  return true;
}

Result<bool> run(int argc, char** argv) {
  ARGAND_ASSIGN(const Options options, parse(argc, argv));
  ARGAND_ASSIGN(const Graph graph, models::buildNetwork(options.network));
  return options.serve.empty() ? tables(options, graph) : serve(options, graph);
}

}  // namespace
}  // namespace argand::engine

int main(int argc, char** argv) {
  const auto done = argand::engine::run(argc, argv);
  if (!done) {
    std::fprintf(stderr, "engine_bench: %s\n", done.error().message.c_str());
    return 2;
  }
  if (!*done) {
    std::fprintf(stderr, "engine_bench: plans disagree on labels that must be equal\n");
    return 1;
  }
  return 0;
}
