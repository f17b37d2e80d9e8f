// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/dicom/series/series.h"
#include "core/io/image_file.h"
#include "core/study/provenance.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// What a person points at - a file or a folder of DICOM, NIfTI, NRRD, MHA - as
// volumes and segmentations, whatever the format. Both programs open and save
// through it.
namespace argand::study {

// Something that can be opened: a DICOM series (or one stack of it), a SEG, an
// RTSTRUCT, or an image file.
struct Entry {
  dicom::ObjectKind kind = dicom::ObjectKind::Image;
  std::filesystem::path path;                // the file, or the folder of the series
  std::optional<dicom::SeriesEntry> series;  // DICOM
  std::string modality;                      // "" where the format has none
  std::string description;
  std::optional<Geometry> geometry;  // where there is a grid
  Warnings warnings;

  // What --series names it by: the Series Instance UID, and for an image file,
  // which has none, its path.
  [[nodiscard]] std::string seriesUid() const { return series ? series->seriesUid : path.string(); }

  // For lists and messages: description or file name, modality and size.
  [[nodiscard]] std::string title() const;
};

struct Refusal {
  std::filesystem::path path;
  std::string reason;
  Warnings warnings;
  int files = 1;        // of one series that are refused for this reason; `path` is the first
  bool ofImage = true;  // slices of a volume may be missing without it
};

struct Found {
  std::vector<Entry> entries;
  std::vector<Refusal> refused;
};

// Everything that can be opened under `path`, searched with its subfolders. A
// file named itself is always in one of the two lists.
[[nodiscard]] Result<Found> find(const std::filesystem::path& path,
                                 const std::stop_token& stop = {},
                                 const ProgressFn& progress = {});

// The one image volume under `path`, or the one that `seriesUid` names ("UID#2" is
// the second part of a series that was split). Dose grids, secondary captures and
// localizers are taken only where they are named or all there is. Files beside it that
// could not be used are among its warnings. Fails with the list of what there is,
// and what tells parts of a series apart, where that is not one volume.
[[nodiscard]] Result<Entry> findImage(const std::filesystem::path& path,
                                      const std::string& seriesUid = {},
                                      const std::stop_token& stop = {});

struct LoadedVolume {
  Volume volume;
  Warnings warnings;  // the entry's, and what reading the voxels brought up
};

// `options` are for DICOM series.
[[nodiscard]] Result<LoadedVolume> load(const Entry& entry,
                                        const std::stop_token& stop = {},
                                        const ProgressFn& progress = {},
                                        const dicom::ReadOptions& options = {});

struct LoadedLabels {
  Segmentation segmentation;
  Warnings warnings;  // resampled to the reference's grid, odd contours...
};

// The Series Instance UIDs of the images that an RTSTRUCT or SEG names as those it was
// drawn on.
[[nodiscard]] Result<std::vector<std::string>> referencedSeries(const Entry& entry);

// A label map, an RTSTRUCT or a SEG, on the grid of `reference`. Labels whose corners
// lie within 1 % of a voxel of the reference grid are on it; another grid is
// resampled label-safe with a warning, one that only orders its axes otherwise
// is brought over voxel for voxel, and one that does not overlap is refused.
// `names` name values before the file's own do.
[[nodiscard]] Result<LoadedLabels> loadSegmentation(const std::filesystem::path& path,
                                                    const Volume& reference,
                                                    const LabelTable& names = {},
                                                    const std::stop_token& stop = {});

// The same for a label map file alone, where there is a grid but no image.
struct LoadedLabelMap {
  LabelMap labels;
  LabelTable names;
  Warnings warnings;
};

[[nodiscard]] Result<LoadedLabelMap> loadLabelMap(const std::filesystem::path& path,
                                                  const Geometry& grid,
                                                  const LabelTable& names = {},
                                                  const std::stop_token& stop = {});

// Writes a segmentation as .nii.gz, .nii, .nrrd or .mha, and where it came from
// as JSON beside it (see provenance.h). Where structures overlap, one file per
// layer is written, named FILE-layer1.nii.gz and so on. Returns the label maps.
[[nodiscard]] Result<std::vector<std::filesystem::path>> saveLabels(
    const std::filesystem::path& path,
    const Segmentation& segmentation,
    const Provenance& provenance = {});

// The names and colours of a segmentation's values in `flattened` order.
[[nodiscard]] LabelTable labelTable(const Segmentation& segmentation);

}  // namespace argand::study
