// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/base/text.h"
#include "core/dicom/series/series_writer.h"
#include "core/study/outputs.h"

#include <algorithm>

namespace argand::app {

namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  fs::path in;
  fs::path out;
  std::string series;
  fs::path reference;
  fs::path names;
  std::string modality;
};

Outcome written(const std::vector<fs::path>& files, const Warnings& warnings) {
  Outcome outcome;
  outcome.json = {{"outputs", Json::array()}};
  for (const fs::path& file : files) {
    outcome.json["outputs"].push_back(displayed(file));
    outcome.text += fmt::format("Wrote {}\n", displayed(file));
  }
  addWarnings(warnings, outcome);
  return outcome;
}

// An RTSTRUCT, SEG or label map on the grid of the reference series.
Result<Outcome> convertLabels(const ConvertOptions& options, const Context& context) {
  ARGAND_TRY(checkOutput(options.out, {}));
  ARGAND_ASSIGN(const study::Entry entry,
                study::findImage(options.reference, options.series, context.stop));
  ARGAND_ASSIGN(const study::LoadedVolume loaded,
                study::load(entry, context.stop, context.progress));
  const Volume& reference = loaded.volume;
  ARGAND_ASSIGN(const LabelTable names, namesOption(options.names));
  ARGAND_ASSIGN(const study::LoadedLabels labels,
                study::loadSegmentation(options.in, reference, names, context.stop));
  ARGAND_ASSIGN(const auto files,
                study::saveLabels(options.out, labels.segmentation, {{}, entry.seriesUid(), {}}));
  Warnings warnings = loaded.warnings;
  append(warnings, labels.warnings);
  return written(files, warnings);
}

Result<Outcome> convertImage(const ConvertOptions& options, const Context& context) {
  ARGAND_ASSIGN(const study::Entry entry,
                study::findImage(options.in, options.series, context.stop));
  ARGAND_ASSIGN(const study::LoadedVolume loaded,
                study::load(entry, context.stop, context.progress));
  const Volume& volume = loaded.volume;
  Warnings warnings = loaded.warnings;
  if (io::formatOf(options.out)) {
    ARGAND_TRY(checkOutput(options.out, {}));
    ARGAND_TRY(io::writeImage(options.out, volume));
  } else {
    dicom::SeriesWriteOptions series;
    series.modality =
        options.modality.empty() ? volume.modality : modalityFromCode(options.modality);
    series.seriesDescription = volume.description;
    if (series.modality != Modality::Ct && series.modality != Modality::Mr) {
      return fail(ErrorCode::Usage,
                  fmt::format("{} does not say what it is: add --modality CT or --modality MR.",
                              displayed(options.in)));
    }
    ARGAND_ASSIGN(const Warnings rounded,
                  dicom::writeSeries(options.out, volume, series, context.stop, context.progress));
    append(warnings, rounded);
  }
  return written({options.out}, warnings);
}

Result<Outcome> convert(const ConvertOptions& options, const Context& context) {
  const fs::path inputs[] = {options.in, options.reference, options.names};
  ARGAND_TRY(study::checkOutput(options.out, inputs, context.stop));
  if (!options.reference.empty()) {
    return convertLabels(options, context);
  }
  ARGAND_ASSIGN(const study::Found found, study::find(options.in, context.stop));
  const bool image = std::any_of(found.entries.begin(), found.entries.end(), [](const auto& e) {
    return e.kind == dicom::ObjectKind::Image;
  });
  if (!image && !found.entries.empty()) {
    return fail(ErrorCode::Usage,
                fmt::format("{} holds contours or segments, which lie on the slices of a series: "
                            "add --reference with its folder.",
                            displayed(options.in)));
  }
  return convertImage(options, context);
}

}  // namespace

Action addConvert(CLI::App& verb) {
  auto options = std::make_shared<ConvertOptions>();
  verb.add_option("IN", options->in, "An image, a folder of DICOM, an RTSTRUCT or a SEG")
      ->required();
  verb.add_option("OUT", options->out, "A .nii.gz, .nii, .nrrd or .mha file, or a DICOM folder")
      ->required();
  verb.add_option("--series", options->series, "Series Instance UID, where there are several");
  verb.add_option("--reference", options->reference, "The series that an RTSTRUCT or SEG lies on");
  verb.add_option("--names", options->names, "JSON file of label names");
  verb.add_option("--modality", options->modality, "For a DICOM folder: CT or MR")
      ->check(CLI::IsMember({"CT", "MR"}));
  return [options](Context& context) { return convert(*options, context); };
}

}  // namespace argand::app
