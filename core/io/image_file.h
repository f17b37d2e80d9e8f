// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/base/warning.h"
#include "core/volume/label_table.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// NIfTI (.nii, .nii.gz; versions 1 and 2), NRRD (.nrrd, .nhdr) and MetaImage
// (.mha, .mhd) files, in and out.
namespace argand::io {

enum class Format { Nifti, Nrrd, Meta };

// By the ending of the name; nothing for another ending.
[[nodiscard]] std::optional<Format> formatOf(const std::filesystem::path& path);

struct ImageFile {
  Volume volume;
  Warnings warnings;
};

// Geometry, type and warnings without the voxels.
struct ImageHeader {
  Geometry geometry;
  std::string voxelType;        // "int16", ...
  std::int64_t components = 1;  // time points or vector components
  Modality modality = Modality::Unknown;
  Warnings warnings;
};

[[nodiscard]] Result<ImageHeader> readImageHeader(const std::filesystem::path& path);

// One 3D image. A file with several time points is refused unless it has one;
// types that a Volume does not hold are converted without loss or refused.
[[nodiscard]] Result<ImageFile> readImage(const std::filesystem::path& path);

// A label map: whole numbers 0..65535, else refused with the first value that is not.
struct LabelFile {
  LabelMap labels;
  LabelTable names;  // those the file carries; may be empty
  Warnings warnings;
};

// Fails where the file has several layers, naming what lies in them: structures that
// may overlap have no one label map.
[[nodiscard]] Result<LabelFile> readLabels(const std::filesystem::path& path);

// The label maps of a file's layers, on one grid: structures of one layer never share a
// voxel, those of several may (3D Slicer's .seg.nrrd). Files of other kinds have one.
struct LayeredLabels {
  struct Layer {
    LabelMap labels;
    LabelTable names;
  };

  std::vector<Layer> layers;  // never empty
  Warnings warnings;
};

[[nodiscard]] Result<LayeredLabels> readLabelLayers(const std::filesystem::path& path);

// Writes through a pending file: an existing file stays whole if it fails. What ends in
// .gz is compressed, and so are label maps in .nrrd; all else is written as it is.
[[nodiscard]] Result<void> writeImage(const std::filesystem::path& path, const Volume& volume);
[[nodiscard]] Result<void> writeLabels(const std::filesystem::path& path,
                                       const LabelMap& labels,
                                       const LabelTable& names = {});

}  // namespace argand::io
