// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/dcmtk_tools.h"
#include "core/volume/segmentation.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

// A segmentation as it stands in the file, in plain types and UTF-8; its Pixel Data
// stays with DCMTK. Internal to core/dicom.
namespace argand::dicom {

enum class SegType { Binary, Fractional, LabelMap };

struct ParsedSegment {
  int number = 0;
  std::string label;
  std::string algorithmType;
  std::string algorithmName;
  std::string modelHash;  // where Argand wrote it
  std::optional<Code> category;
  std::optional<Code> type;
  Side side = Side::None;
  std::optional<Color> color;
};

// An image that a frame names as the one it was made from.
struct SourceImage {
  std::string sopInstanceUid;
  int frame = 0;  // 0 where none is named
};

struct ParsedFrame {
  int segment = 0;  // Referenced Segment Number; 0 in a label map
  std::optional<Vec3> positionMm;
  Vec3 rowCosine;
  Vec3 columnCosine;
  double columnSpacingMm = 0.0;
  double rowSpacingMm = 0.0;
  std::vector<SourceImage> images;
};

struct ParsedSeg {
  std::unique_ptr<DcmFileFormat> file;
  SegType type = SegType::Binary;
  std::string typeName;
  std::string fractionalType;  // PROBABILITY or OCCUPANCY
  int maximumFractionalValue = 0;
  int rows = 0;
  int columns = 0;
  int bitsAllocated = 0;
  int bitsStored = 0;
  int background = 0;  // in a label map: Pixel Padding Value
  double spacingBetweenSlicesMm = 0.0;
  double sliceThicknessMm = 0.0;
  std::string frameOfReferenceUid;
  std::vector<std::string> seriesUids;
  std::set<std::string> instanceUids;
  std::vector<ParsedSegment> segments;
  std::vector<ParsedFrame> frames;
};

// Fails, naming the file and what is wrong, where it is no segmentation or its parts
// contradict each other (frames and their descriptions, segments and their numbers).
[[nodiscard]] Result<ParsedSeg> parseSeg(const std::filesystem::path& path);

}  // namespace argand::dicom
