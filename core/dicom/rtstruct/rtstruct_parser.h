// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/base/warning.h"
#include "core/volume/segmentation.h"

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

// An RTSTRUCT as it stands in the file, in plain types and UTF-8. Internal to
// core/dicom.
namespace argand::dicom {

struct ParsedContour {
  std::string type;  // Contour Geometric Type
  std::int64_t declaredPoints = 0;
  std::vector<Vec3> pointsMm;
  bool readable = true;  // Contour Data is a list of triples of numbers
};

struct ParsedRoi {
  std::optional<std::int64_t> number;  // nothing where the file's is no whole number
  std::string name;
  std::string frameOfReferenceUid;
  std::string algorithm;
  std::string generation;   // ROI Generation Description
  std::string description;  // ROI Description
  std::string interpretedType;
  std::optional<Color> color;
  std::optional<Code> code;
  std::vector<ParsedContour> contours;
};

struct ParsedRtStruct {
  std::string frameOfReferenceUid;  // of the file, or the first one that it refers to
  std::vector<std::string> seriesUids;
  std::set<std::string> instanceUids;
  std::vector<ParsedRoi> rois;
  Warnings warnings;  // doubled or unknown ROI Numbers, texts in another character set
};

// Fails, naming the file, where it is no RTSTRUCT. Contours go to the ROI whose number
// they name; where several ROIs have one number, the first ROI Contour item of that
// number goes to the first of them, and so on. Holds at most 16 times the file's size.
[[nodiscard]] Result<ParsedRtStruct> parseRtStruct(const std::filesystem::path& path);

}  // namespace argand::dicom
