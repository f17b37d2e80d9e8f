// SPDX-License-Identifier: Apache-2.0
#include "app/cli/rtstruct_output.h"

namespace argand::app {

void RtStructSettings::addTo(CLI::App& verb) {
  verb.add_flag("--invent-uids",
                inventUids,
                "Write new UIDs and a new Frame of Reference where the source has none, and say so "
                "in the file");
  verb.add_flag("--separate-holes",
                separateHoles,
                "Write holes as contours of their own, for systems that fill by XOR");
}

Result<void> checkReference(const Volume& reference, const RtStructSettings& settings) {
  if (settings.inventUids) {
    return {};
  }
  if (!reference.source) {
    return fail(ErrorCode::InputRefused,
                "An RTSTRUCT belongs to a DICOM series, and this image is not from one. Give the "
                "DICOM folder, or add --invent-uids to write one with invented UIDs.");
  }
  if (reference.source->frameOfReferenceUid.empty()) {
    return fail(ErrorCode::InputRefused,
                "The series has no Frame of Reference UID, which an RTSTRUCT needs to be placed in "
                "the patient. Add --invent-uids to write one with an invented Frame of Reference.");
  }
  return {};
}

Result<dicom::WrittenRtStruct> writeRtStruct(const std::filesystem::path& path,
                                             const Segmentation& segmentation,
                                             const Volume& reference,
                                             const RtStructSettings& settings,
                                             const std::vector<StructureId>& only,
                                             const std::stop_token& stop,
                                             const ProgressFn& progress) {
  ARGAND_TRY(checkReference(reference, settings));
  dicom::RtStructOptions options;
  options.inventUids = settings.inventUids;
  options.holes = settings.separateHoles ? HoleStyle::Xor : HoleStyle::Keyhole;
  options.remark = settings.remark;
  SourceSeries source;  // of an image that is from no DICOM series: nothing but what it is
  source.modality = std::string(toString(reference.modality));
  return dicom::writeRtStruct(
      path, segmentation, reference.source.value_or(source), options, only, stop, progress);
}

Json toJson(const std::vector<dicom::WrittenStructure>& structures) {
  Json list = Json::array();
  for (const dicom::WrittenStructure& structure : structures) {
    list.push_back({{"name", structure.name},
                    {"contours", structure.contours},
                    {"points", structure.points},
                    {"dice_read_back", structure.diceReadBack}});
  }
  return list;
}

}  // namespace argand::app
