// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/series/series.h"

#include <cstdint>
#include <map>
#include <optional>

// Internal to core/dicom: the frames of one object, by their headers.
namespace argand::dicom {

// How stored values become voxels (PS3.3 C.7.6.3, C.11.1).
struct PixelFormat {
  int rows = 0;
  int columns = 0;
  int bitsAllocated = 16;
  int bitsStored = 16;
  int highBit = 15;
  bool isSigned = false;
  double slope = 1.0;
  double intercept = 0.0;
  // Stored values from the first to the second are padding (PS3.3 C.7.5.1.1.2).
  std::optional<std::pair<std::int64_t, std::int64_t>> padding;
};

struct Frame {
  std::filesystem::path file;
  SourceSlice slice;  // UIDs, frame number, position
  std::string seriesUid;
  std::string frameOfReferenceUid;
  Vec3 rowCosine;                // unit
  Vec3 columnCosine;             // unit
  double columnSpacingMm = 0.0;  // between columns: along the row
  double rowSpacingMm = 0.0;     // between rows: along the column
  std::optional<double> thicknessMm;
  std::optional<double> spacingBetweenMm;
  bool localizer = false;
  int instanceNumber = 0;
  PixelFormat pixels;
  // Attributes by which a series with repeated positions may be split, by the
  // word that a warning names them with.
  std::map<std::string, std::string> splitBy;
  Warnings warnings;
};

// What splits a series with repeated positions, in the order of preference.
[[nodiscard]] const std::vector<std::string>& splitWords();

struct ObjectInfo {
  ObjectKind kind = ObjectKind::Image;
  std::string studyUid;
  std::string seriesUid;
  std::string modality;
  // False for what nobody segments though it is a picture: dose grids, portal and
  // simulator images, secondary captures, presentation copies and localizers. Such
  // an object is listed, and chosen only where a person names it.
  bool primary = true;
};

[[nodiscard]] ObjectInfo infoOf(DcmDataset& dataset);

// The frames of an image object; fails, naming the attribute, where one is
// missing without which its place in the patient is a guess. The message does
// not repeat the file's name.
[[nodiscard]] Result<std::vector<Frame>> framesOf(DcmFileFormat& file,
                                                  const std::filesystem::path& path);

}  // namespace argand::dicom
