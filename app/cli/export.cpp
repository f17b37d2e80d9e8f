// SPDX-License-Identifier: Apache-2.0
#include "app/cli/rtstruct_output.h"
#include "app/cli/verb.h"
#include "core/base/text.h"
#include "core/study/outputs.h"

namespace argand::app {

namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  fs::path labels;
  fs::path reference;
  fs::path out;
  fs::path names;
  std::string as;
  std::string series;
  RtStructSettings rtstruct;
};

Result<Outcome> exportLabels(const ExportOptions& options, const Context& context) {
  ARGAND_TRY(checkOutput(options.out, options.as));
  const fs::path inputs[] = {options.labels, options.reference, options.names};
  ARGAND_TRY(study::checkOutput(options.out, inputs, context.stop));
  ARGAND_ASSIGN(const study::Entry entry,
                study::findImage(options.reference, options.series, context.stop));
  ARGAND_ASSIGN(const study::LoadedVolume loaded,
                study::load(entry, context.stop, context.progress));
  const Volume& reference = loaded.volume;
  ARGAND_ASSIGN(const LabelTable names, namesOption(options.names));
  ARGAND_ASSIGN(const study::LoadedLabels labels,
                study::loadSegmentation(options.labels, reference, names, context.stop));
  ARGAND_ASSIGN(const dicom::WrittenRtStruct written,
                writeRtStruct(options.out,
                              labels.segmentation,
                              reference,
                              options.rtstruct,
                              {},
                              context.stop,
                              context.progress));
  Outcome outcome;
  outcome.json = {{"outputs", {displayed(options.out)}}};
  outcome.json["structures"] = toJson(written.structures);
  for (const dicom::WrittenStructure& structure : written.structures) {
    outcome.text += fmt::format("{}: {} contours, {} points, Dice {:.4f} when read back\n",
                                structure.name,
                                structure.contours,
                                structure.points,
                                structure.diceReadBack);
  }
  Warnings warnings = loaded.warnings;
  append(warnings, labels.warnings);
  append(warnings, written.warnings);
  addWarnings(warnings, outcome);
  outcome.text += fmt::format("Wrote {}\n", displayed(options.out));
  return outcome;
}

}  // namespace

Action addExport(CLI::App& verb) {
  auto options = std::make_shared<ExportOptions>();
  verb.add_option("LABELS", options->labels, "A label map, or an RTSTRUCT to write anew")
      ->required();
  verb.add_option("--reference", options->reference, "The folder of the series they lie on")
      ->required();
  verb.add_option("--as", options->as, "rtstruct")
      ->required()
      ->check(CLI::IsMember({"rtstruct", "seg"}));
  verb.add_option("--out", options->out, "The file to write, ending in .dcm")->required();
  verb.add_option("--names", options->names, "JSON file of label names");
  verb.add_option("--series", options->series, "Series Instance UID, where there are several");
  options->rtstruct.addTo(verb);
  return [options](Context& context) { return exportLabels(*options, context); };
}

}  // namespace argand::app
