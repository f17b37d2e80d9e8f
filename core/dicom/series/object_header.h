// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"
#include "core/dicom/series/series.h"

#include <filesystem>
#include <string>
#include <vector>

// What a scan takes from one file. Internal to core/dicom.
namespace argand::dicom {

enum class HeaderKind {
  NotDicom,    // something else
  Empty,       // a file without a byte
  Unreadable,  // the system does not let it be read
  Directory,   // a DICOMDIR
  Object,      // SEG or RTSTRUCT
  Image,       // its frames have a place in the patient
  Refused,     // DICOM that is no volume's slice, or a damaged one
};

struct ObjectHeader {
  std::filesystem::path path;
  HeaderKind kind = HeaderKind::NotDicom;
  std::string reason;   // of kinds that are not used, as a sentence
  bool ofImage = true;  // Refused: it may be a slice that is now missing
  // Whose it is: Patient ID, its issuer, name and birth date in one text that is
  // compared and never shown.
  std::string patient;
  SeriesEntry entry;  // without files and geometry
  std::vector<Frame> frames;
};

// Reads the header of one file, never its pixels. May be called on several threads.
[[nodiscard]] ObjectHeader readHeader(const std::filesystem::path& path);

}  // namespace argand::dicom
