// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/engine/graph/graph.h"
#include "core/engine/plan/devices.h"
#include "core/infer/model_source.h"
#include "core/study/study.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

// The verbs of argand-cli. Each is a function that adds its options to a
// subcommand and returns what to do once they are parsed.
namespace argand::app {

// What a verb works with.
struct Context {
  infer::ModelSource& models;
  std::stop_token stop;
  ProgressFn progress;
};

// What a verb has to say: one JSON object for --json, text for a person, and
// the exit status.
struct Outcome {
  Json json = Json::object();
  std::string text;
  int status = 0;
};

using Action = std::function<Result<Outcome>(Context&)>;

[[nodiscard]] Action addInfo(CLI::App& verb);
[[nodiscard]] Action addConvert(CLI::App& verb);
[[nodiscard]] Action addSegment(CLI::App& verb);
[[nodiscard]] Action addExport(CLI::App& verb);
[[nodiscard]] Action addPlan(CLI::App& verb);
[[nodiscard]] Action addBench(CLI::App& verb);
[[nodiscard]] Action addEvaluate(CLI::App& verb);
[[nodiscard]] Action addTrain(CLI::App& verb);
[[nodiscard]] Action addDemo(CLI::App& verb);
// Several subcommands: list, show, import, verify. The one that was given is
// looked up when the action runs.
[[nodiscard]] Action addModels(CLI::App& verb);

// An option that takes one of some words, in any case. `value` is set to the word's.
template <typename T>
CLI::Option* addChoice(CLI::App& verb,
                       const std::string& name,
                       T& value,
                       const std::vector<std::pair<std::string, T>>& choices,
                       const std::string& description) {
  std::string words;
  for (const auto& choice : choices) {
    words += (words.empty() ? "" : "|") + choice.first;
  }
  const auto choose = [&value, choices, name, words](const std::string& given) {
    for (const auto& [word, meaning] : choices) {
      if (CLI::detail::to_lower(given) == word) {
        value = meaning;
        return;
      }
    }
    throw CLI::ValidationError(name, fmt::format("'{}' is none of {}", given, words));
  };
  return verb.add_option_function<std::string>(name, choose, description)->option_text(words);
}

// --structure-names, as the verbs that write structures take it: sets `tg263`.
void addStructureNames(CLI::App& verb, bool& tg263);

// --devices, --budget and --threads, as plan, segment and train take them.
struct DeviceOptions {
  std::string devices = "cpu";
  std::string budgets;
  std::optional<int> threads;

  void addTo(CLI::App& verb);
  [[nodiscard]] Result<engine::DeviceChoice> parse() const;
};

// "192x320x256": depth, height and width in voxels. `option` is named where the
// text is something else.
[[nodiscard]] Result<engine::Extent> extentOption(const std::string& option,
                                                  const std::string& text);

// A network sees sizes that its strides divide; what is asked for is padded up.
[[nodiscard]] engine::Extent paddedFor(const engine::Graph& graph, engine::Extent size);

// The text of --plan: words as they are, a file's content where it names one.
[[nodiscard]] Result<std::string> planText(const std::string& option);

// "a.dcm" and "--as rtstruct" or "--as seg": fails with Usage where the two do not
// go together, or where there is no folder to write into.
[[nodiscard]] Result<void> checkOutput(const std::filesystem::path& path, const std::string& as);

// The table of --names; empty where the option is.
[[nodiscard]] Result<LabelTable> namesOption(const std::filesystem::path& path);

[[nodiscard]] Json toJson(const Geometry& geometry);  // size, spacing_mm, lps_from_index
[[nodiscard]] Json toJson(const Warnings& warnings);  // [{code, text}]
// Puts the warnings into the object's "warnings" and, a line each, into the text.
void addWarnings(const Warnings& warnings, Outcome& outcome);

// A row of "devices" and a line of text: what one device was given and took. `Use` is an
// engine::DeviceReport or an infer::DeviceUse.
template <typename Use>
void addDeviceUse(const Use& device, Outcome& outcome) {
  outcome.json["devices"].push_back({{"name", device.name},
                                     {"budget_bytes", device.budgetBytes},
                                     {"predicted_peak_bytes", device.predictedPeakBytes},
                                     {"peak_bytes", device.peakBytes},
                                     {"busy_s", device.busySeconds}});
  outcome.text += fmt::format("{}: peak {} (predicted {}, budget {}), busy {:.2f} s\n",
                              device.name,
                              engine::formatBytes(device.peakBytes),
                              engine::formatBytes(device.predictedPeakBytes),
                              engine::formatBytes(device.budgetBytes),
                              device.busySeconds);
}

}  // namespace argand::app
