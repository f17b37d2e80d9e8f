// SPDX-License-Identifier: Apache-2.0
#include "app/cli/dicom_output.h"
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
  std::string series;
  DicomSettings dicom;
};

Result<Outcome> exportLabels(const ExportOptions& options, const Context& context) {
  ARGAND_TRY(checkOutput(options.out, options.dicom.as));
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
  ARGAND_ASSIGN(const WrittenDicom written,
                writeDicom(options.out,
                           labels.segmentation,
                           reference,
                           options.dicom,
                           context.stop,
                           context.progress));
  Outcome outcome;
  outcome.json = {{"outputs", {displayed(options.out)}}};
  outcome.json["structures"] = written.structures;
  outcome.text = written.text;
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
  verb.add_option("LABELS", options->labels, "A label map, or an RTSTRUCT or SEG to write anew")
      ->required();
  verb.add_option("--reference", options->reference, "The folder of the series they lie on")
      ->required();
  options->dicom.addTo(verb, "What to write: rtstruct or seg")->required();
  verb.add_option("--out", options->out, "The file to write, ending in .dcm")->required();
  verb.add_option("--names", options->names, "JSON file of label names");
  verb.add_option("--series", options->series, "Series Instance UID, where there are several");
  return [options](Context& context) { return exportLabels(*options, context); };
}

}  // namespace argand::app
