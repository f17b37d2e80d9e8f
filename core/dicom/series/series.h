// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/base/warning.h"
#include "core/volume/volume.h"

#include <filesystem>
#include <string>
#include <vector>

// DICOM series in: found under a file or folder, split into stacks that are
// volumes, and read.
namespace argand::dicom {

enum class ObjectKind { Image, Seg, RtStruct };

// One image volume (a stack of slices of one series with one orientation,
// matrix and spacing), one SEG or one RTSTRUCT. Nothing here names the patient
// but `patientLabel`, which is for the screen only and is never logged.
struct SeriesEntry {
  ObjectKind kind = ObjectKind::Image;
  std::vector<std::filesystem::path> files;  // sorted along the normal for images
  std::vector<int> frames;  // of images, per file: 1-based in a multi-frame object, 0 in others
  std::string studyUid;
  std::string seriesUid;
  std::string modality;
  std::string seriesDescription;
  std::string studyDescription;
  std::string studyDate;
  std::string patientLabel;
  int seriesNumber = 0;
  int stack = 0;      // 0, or 1..n where the series was split
  Geometry geometry;  // images only
  Warnings warnings;
};

struct Refusal {
  std::filesystem::path path;
  std::string reason;  // a sentence
  Warnings warnings;
};

struct ScanResult {
  std::vector<SeriesEntry> entries;
  std::vector<Refusal> refused;
};

// Everything DICOM under `path` (a file, or a folder with its subfolders).
// Reads headers only. Files that are not DICOM are left out, unless `path` is
// that file itself: it is then in `refused`.
[[nodiscard]] Result<ScanResult> scan(const std::filesystem::path& path,
                                      const std::stop_token& stop = {},
                                      const ProgressFn& progress = {});

// The voxels of one image entry, in the patient's units, with its SourceSeries.
[[nodiscard]] Result<Volume> readSeries(const SeriesEntry& entry,
                                        const std::stop_token& stop = {},
                                        const ProgressFn& progress = {});

}  // namespace argand::dicom
