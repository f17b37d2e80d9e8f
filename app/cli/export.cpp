// SPDX-License-Identifier: Apache-2.0
#include "app/cli/dicom_output.h"
#include "app/cli/export_surfaces.h"
#include "app/cli/verb.h"
#include "core/base/text.h"
#include "core/study/outputs.h"
#include "core/volume/structure_table.h"

namespace argand::app {

namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  SurfaceExport what;  // what any format takes
  DicomSettings dicom;
};

Result<Outcome> exportLabels(const ExportOptions& given, const Context& context) {
  const SurfaceExport& options = given.what;
  if (const auto format = surfaceFormat(given.dicom.as)) {
    return exportSurfaces(options, *format, context);
  }
  if (options.reference.empty()) {
    return fail(ErrorCode::Usage,
                "A DICOM object lies on a series: give its folder with --reference.");
  }
  ARGAND_TRY(checkOutput(options.out, given.dicom.as));
  const fs::path inputs[] = {options.labels, options.reference, options.names};
  ARGAND_TRY(study::checkOutput(options.out, inputs, context.stop));
  ARGAND_ASSIGN(const study::Entry entry,
                study::findImage(options.reference, options.series, context.stop));
  ARGAND_ASSIGN(const study::LoadedVolume loaded,
                study::load(entry, context.stop, context.progress));
  const Volume& reference = loaded.volume;
  ARGAND_ASSIGN(const LabelTable names, namesOption(options.names));
  ARGAND_ASSIGN(study::LoadedLabels labels,
                study::loadSegmentation(options.labels, reference, names, context.stop));
  if (options.tg263) {
    labels.segmentation = withTg263Names(std::move(labels.segmentation));
  }
  ARGAND_ASSIGN(const WrittenDicom written,
                writeDicom(options.out,
                           labels.segmentation,
                           reference,
                           given.dicom,
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
  SurfaceExport& what = options->what;
  verb.add_option("LABELS", what.labels, "A label map, or an RTSTRUCT or SEG to write anew")
      ->required();
  verb.add_option("--reference",
                  what.reference,
                  "The folder of the series they lie on; surfaces of a label map need none");
  options->dicom
      .addTo(verb,
             "What to write: rtstruct or seg, or surfaces of the structures: stl, obj or ply",
             {"stl", "obj", "ply"})
      ->required();
  verb.add_option("--out",
                  what.out,
                  "The file to write, ending in .dcm; for surfaces a folder, or a file for one")
      ->required();
  verb.add_option("--names", what.names, "JSON file of label names");
  verb.add_option("--series", what.series, "Series Instance UID, where there are several");
  verb.add_option("--only", what.only, "Surfaces: only these structures")->delimiter(',');
  addChoice<mesh::Frame>(verb,
                         "--frame",
                         what.frame,
                         {{"lps", mesh::Frame::Lps}, {"ras", mesh::Frame::Ras}},
                         "Surfaces: what x, y and z grow towards, left, posterior and superior or "
                         "right, anterior and superior; default: lps");
  addStructureNames(verb, what.tg263);
  return [options](Context& context) { return exportLabels(*options, context); };
}

}  // namespace argand::app
