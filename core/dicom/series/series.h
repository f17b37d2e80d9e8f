// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/file_walk.h"
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
  int stack = 0;     // 0, or 1..n where one Series Instance UID has several volumes
  std::string part;  // what tells it from those: "echo time 4.92 ms"; empty where it is alone
  // False for what nobody segments though it is a picture: dose grids, portal images,
  // secondary captures, localizers. It is listed, and chosen only by name.
  bool primary = true;
  Geometry geometry;  // images only
  Warnings warnings;
};

struct Refusal {
  std::filesystem::path path;
  std::string reason;  // a sentence
  Warnings warnings;
  int files = 1;        // of one series that are refused for this reason; `path` is the first
  bool ofImage = true;  // slices of a volume may be missing without it
};

struct ScanResult {
  std::vector<SeriesEntry> entries;
  std::vector<Refusal> refused;
};

// Everything DICOM under `path` (a file, a folder with its subfolders, or a DICOMDIR
// with its folder). Reads headers only, on all cores. A series is what one patient,
// study and Series Instance UID have in common. What was looked at and not used is in
// `refused`, and said in the warnings of image volumes beside it: files that are
// damaged, empty or unreadable, folders that are closed, files that a DICOMDIR lists
// and that are not there. Files that are plainly something else are passed over,
// unless `path` is that file itself.
[[nodiscard]] Result<ScanResult> scan(const std::filesystem::path& path,
                                      const std::stop_token& stop = {},
                                      const ProgressFn& progress = {});

// The same for files that were found already; `root` is the folder, or the one file.
[[nodiscard]] Result<ScanResult> scanFiles(const std::filesystem::path& root,
                                           const FilesUnder& found,
                                           const std::stop_token& stop = {},
                                           const ProgressFn& progress = {});

struct ReadOptions {
  // PET in SUV by body weight instead of the unit that it is stored in; fails where the
  // headers do not give the factor (see suv.h), and for other modalities.
  bool suv = false;
};

struct LoadedSeries {
  Volume volume;
  Warnings warnings;  // those that the entry does not hold already
};

// The voxels of one image entry, in the patient's units, with its SourceSeries. Slices
// are decoded on all cores; the result does not depend on their number. Ends within
// one slice per core of a request to stop. `progress` is called on this thread.
[[nodiscard]] Result<LoadedSeries> readSeries(const SeriesEntry& entry,
                                              const std::stop_token& stop = {},
                                              const ProgressFn& progress = {},
                                              const ReadOptions& options = {});

// Slice `k` alone, on its own grid of one slice: what a window can show while the
// others are read. The same values as in the whole.
[[nodiscard]] Result<LoadedSeries> readSlice(const SeriesEntry& entry,
                                             std::int64_t k,
                                             const ReadOptions& options = {});

}  // namespace argand::dicom
