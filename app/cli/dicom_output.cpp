// SPDX-License-Identifier: Apache-2.0
#include "app/cli/dicom_output.h"

#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/seg/seg.h"

namespace argand::app {

namespace {

Result<WrittenDicom> writeContours(const std::filesystem::path& path,
                                   const Segmentation& segmentation,
                                   const SourceSeries& source,
                                   const DicomSettings& settings,
                                   const std::stop_token& stop,
                                   const ProgressFn& progress) {
  dicom::RtStructOptions options;
  options.inventUids = settings.inventUids;
  options.holes = settings.separateHoles ? HoleStyle::Xor : HoleStyle::Keyhole;
  options.remark = settings.remark;
  options.plan = settings.plan;
  ARGAND_ASSIGN(dicom::WrittenRtStruct written,
                dicom::writeRtStruct(path, segmentation, source, options, {}, stop, progress));
  WrittenDicom result;
  for (const dicom::WrittenStructure& structure : written.structures) {
    result.structures.push_back({{"name", structure.name},
                                 {"contours", structure.contours},
                                 {"points", structure.points},
                                 {"dice_read_back", structure.diceReadBack}});
    result.text += fmt::format("{}: {} contours, {} points, Dice {:.4f} when read back\n",
                               structure.name,
                               structure.contours,
                               structure.points,
                               structure.diceReadBack);
  }
  result.warnings = std::move(written.warnings);
  return result;
}

Result<WrittenDicom> writeSegments(const std::filesystem::path& path,
                                   const Segmentation& segmentation,
                                   const SourceSeries& source,
                                   const DicomSettings& settings,
                                   const std::stop_token& stop,
                                   const ProgressFn& progress) {
  dicom::SegOptions options;
  options.inventUids = settings.inventUids;
  options.remark = settings.remark;
  ARGAND_ASSIGN(dicom::WrittenSeg written,
                dicom::writeSeg(path, segmentation, source, options, {}, stop, progress));
  WrittenDicom result;
  for (const dicom::WrittenSegment& structure : written.structures) {
    result.structures.push_back({{"name", structure.name},
                                 {"frames", structure.frames},
                                 {"voxels", structure.voxels},
                                 {"dice_read_back", structure.diceReadBack}});
    result.text += fmt::format("{}: {} frames, {} voxels, Dice {:.4f} when read back\n",
                               structure.name,
                               structure.frames,
                               structure.voxels,
                               structure.diceReadBack);
  }
  result.warnings = std::move(written.warnings);
  return result;
}

}  // namespace

CLI::Option* DicomSettings::addTo(CLI::App& verb,
                                  const std::string& meaning,
                                  const std::vector<std::string>& further) {
  verb.add_flag("--invent-uids",
                inventUids,
                "Write new UIDs and a new Frame of Reference where the source has none, and say so "
                "in the file");
  verb.add_flag("--separate-holes",
                separateHoles,
                "Write the holes of an RTSTRUCT as contours of their own, for systems that fill by "
                "XOR");
  std::vector<std::string> words{"rtstruct", "seg"};
  words.insert(words.end(), further.begin(), further.end());
  return verb.add_option("--as", as, meaning)->check(CLI::IsMember(words));
}

Result<void> checkReference(const Volume& reference, const DicomSettings& settings) {
  if (settings.inventUids) {
    return {};
  }
  const char* object = settings.as == "seg" ? "A SEG" : "An RTSTRUCT";
  if (!reference.source) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} belongs to a DICOM series, and this image is not from one. Give "
                            "the DICOM folder, or add --invent-uids to write one with invented "
                            "UIDs.",
                            object));
  }
  if (reference.source->frameOfReferenceUid.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} needs a Frame of Reference UID to be placed in the patient, and "
                            "the series has none. Add --invent-uids to write one with an invented "
                            "Frame of Reference.",
                            object));
  }
  return {};
}

Result<WrittenDicom> writeDicom(const std::filesystem::path& path,
                                const Segmentation& segmentation,
                                const Volume& reference,
                                const DicomSettings& settings,
                                const std::stop_token& stop,
                                const ProgressFn& progress) {
  ARGAND_TRY(checkReference(reference, settings));
  SourceSeries source;  // of an image that is from no DICOM series: nothing but what it is
  source.modality = std::string(toString(reference.modality));
  const SourceSeries& series = reference.source ? *reference.source : source;
  return settings.as == "seg" ? writeSegments(path, segmentation, series, settings, stop, progress)
                              : writeContours(path, segmentation, series, settings, stop, progress);
}

}  // namespace argand::app
