// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/series/pixel_format.h"
#include "core/dicom/series/series.h"

#include <cstdint>
#include <map>
#include <optional>

// Internal to core/dicom: the frames of one object, by their headers.
namespace argand::dicom {

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

// One of them, `number` as in SourceSlice::frame, without a look at the others.
[[nodiscard]] Result<Frame> frameAt(DcmFileFormat& file,
                                    const std::filesystem::path& path,
                                    int number);

}  // namespace argand::dicom
