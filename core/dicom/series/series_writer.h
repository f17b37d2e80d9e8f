// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/volume/volume.h"

#include <filesystem>

namespace argand::dicom {

struct SeriesWriteOptions {
  Modality modality = Modality::Unknown;  // Ct or Mr; must be known here or in the volume
  std::string seriesDescription;
};

// Writes `volume` as a new CT or MR Image series (one file per slice, explicit
// VR little endian) into the folder `folder`, which is made and must be empty
// or absent. The volume is permuted and flipped to Image Orientation
// 1\0\0\0\1\0, never resampled; an oblique or sheared grid is refused. All
// UIDs are new; patient attributes are empty, or those of the volume's source.
// Float voxels are stored as 16 bit integers with a slope that keeps them to
// 1/65535 of their range; integers are stored as they are.
[[nodiscard]] Result<void> writeSeries(const std::filesystem::path& folder,
                                       const Volume& volume,
                                       const SeriesWriteOptions& options,
                                       const std::stop_token& stop = {},
                                       const ProgressFn& progress = {});

}  // namespace argand::dicom
