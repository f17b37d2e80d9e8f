// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/metrics/metrics.h"

namespace argand::app {

namespace {

namespace fs = std::filesystem;

struct EvaluateOptions {
  fs::path labels;
  fs::path reference;
  fs::path names;
};

Json orNull(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string orDash(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}", *value) : std::string("-");
}

Result<Outcome> evaluate(const EvaluateOptions& options, const Context& context) {
  ARGAND_ASSIGN(const LabelTable given, namesOption(options.names));
  ARGAND_ASSIGN(const io::LabelFile reference, io::readLabels(options.reference));
  LabelTable names = reference.names;
  for (const auto& [value, entry] : given.entries()) {
    names.set(value, entry);
  }
  ARGAND_ASSIGN(
      const study::LoadedLabelMap labels,
      study::loadLabelMap(options.labels, reference.labels.geometry, given, context.stop));
  ARGAND_ASSIGN(
      const metrics::Evaluation evaluation,
      metrics::evaluate(
          labels.labels, reference.labels, names.empty() ? labels.names : names, context.stop));
  Outcome outcome;
  outcome.json = {{"labels", Json::array()}, {"mean_dice", evaluation.meanDice}};
  outcome.text = fmt::format("{:>5} {:24} {:>7} {:>8} {:>8} {:>10} {:>10}\n",
                             "value",
                             "name",
                             "Dice",
                             "HD95 mm",
                             "MSD mm",
                             "ml",
                             "reference");
  for (const metrics::LabelScore& score : evaluation.labels) {
    outcome.json["labels"].push_back(
        {{"value", score.value},
         {"name", score.name},
         {"dice", score.dice},
         {"hd95_mm", orNull(score.hd95Mm)},
         {"mean_surface_distance_mm", orNull(score.meanSurfaceDistanceMm)},
         {"volume_ml", score.volumeMl},
         {"reference_volume_ml", score.referenceVolumeMl}});
    outcome.text += fmt::format("{:>5} {:24} {:>7.4f} {:>8} {:>8} {:>10.2f} {:>10.2f}\n",
                                score.value,
                                score.name,
                                score.dice,
                                orDash(score.hd95Mm),
                                orDash(score.meanSurfaceDistanceMm),
                                score.volumeMl,
                                score.referenceVolumeMl);
  }
  outcome.text += fmt::format("Mean Dice {:.4f}\n", evaluation.meanDice);
  for (const auto& [key, sentence] : metrics::definitions()) {
    outcome.json["definitions"][key] = sentence;
    outcome.text += fmt::format("  {}: {}\n", key, sentence);
  }
  Warnings warnings = labels.warnings;
  append(warnings, reference.warnings);
  addWarnings(warnings, outcome);
  return outcome;
}

}  // namespace

Action addEvaluate(CLI::App& verb) {
  auto options = std::make_shared<EvaluateOptions>();
  verb.add_option("LABELS", options->labels, "The label map to judge")->required();
  verb.add_option("REFERENCE", options->reference, "The label map held to be right")->required();
  verb.add_option("--names", options->names, "JSON file of label names");
  return [options](Context& context) { return evaluate(*options, context); };
}

}  // namespace argand::app
