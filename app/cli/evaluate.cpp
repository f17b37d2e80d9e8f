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
  metrics::EvaluateOptions metrics;
};

std::string orDash(const std::optional<double>& value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : std::string("-");
}

Json toJson(const metrics::LabelScore& score) {
  return {{"value", score.value},
          {"name", score.name},
          {"dice", score.dice},
          {"jaccard", score.jaccard},
          {"hd_mm", metrics::jsonOrNull(score.hdMm)},
          {"hd95_mm", metrics::jsonOrNull(score.hd95Mm)},
          {"mean_surface_distance_mm", metrics::jsonOrNull(score.meanSurfaceDistanceMm)},
          {"surface_dice", score.surfaceDice},
          {"volume_ml", score.volumeMl},
          {"reference_volume_ml", score.referenceVolumeMl},
          {"volume_difference_ml", score.volumeDifferenceMl},
          {"volume_difference_percent", metrics::jsonOrNull(score.volumeDifferencePercent)}};
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
  ARGAND_ASSIGN(const metrics::Evaluation evaluation,
                metrics::evaluate(labels.labels,
                                  reference.labels,
                                  names.empty() ? labels.names : names,
                                  options.metrics,
                                  context.stop));
  Outcome outcome;
  outcome.json = {{"labels", Json::array()},
                  {"mean_dice", metrics::jsonOrNull(evaluation.meanDice)},
                  {"tolerance_mm", evaluation.toleranceMm}};
  constexpr std::string_view kRow =
      "{:>5} {:24} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8}\n";
  outcome.text = fmt::format(kRow,
                             "value",
                             "name",
                             "Dice",
                             "Jaccard",
                             "HD mm",
                             "HD95 mm",
                             "MSD mm",
                             "surface",
                             "ml",
                             "reference",
                             "differ");
  for (const metrics::LabelScore& score : evaluation.labels) {
    outcome.json["labels"].push_back(toJson(score));
    const auto percent = orDash(score.volumeDifferencePercent, 1);
    outcome.text += fmt::format(kRow,
                                score.value,
                                score.name,
                                orDash(score.dice, 4),
                                orDash(score.jaccard, 4),
                                orDash(score.hdMm, 2),
                                orDash(score.hd95Mm, 2),
                                orDash(score.meanSurfaceDistanceMm, 2),
                                orDash(score.surfaceDice, 4),
                                orDash(score.volumeMl, 2),
                                orDash(score.referenceVolumeMl, 2),
                                percent == "-" ? percent : percent + " %");
  }
  outcome.text += fmt::format("Mean Dice {}; surface Dice at {} mm\n",
                              orDash(evaluation.meanDice, 4),
                              evaluation.toleranceMm);
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
  verb.add_option("--tolerance",
                  options->metrics.toleranceMm,
                  "Up to how many mm apart two surfaces count as one, for the surface Dice")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  return [options](Context& context) { return evaluate(*options, context); };
}

}  // namespace argand::app
