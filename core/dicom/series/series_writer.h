// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/base/warning.h"
#include "core/volume/volume.h"

#include <filesystem>

namespace argand::dicom {

struct SeriesWriteOptions {
  Modality modality = Modality::Unknown;  // Ct or Mr; must be known here or in the volume
  std::string seriesDescription;
};

// Writes `volume` as a new CT or MR Image series (one file per slice, explicit
// VR little endian) into the folder `folder`, which is made and must be empty
// or absent. The volume is permuted and flipped to axes left, posterior and
// superior, never resampled; a grid that is oblique or sheared by more than 1e-4
// radians is refused, a lesser tilt is written as it is. All UIDs are new; patient
// and study attributes are empty, or those of the volume's source.
//
// Whole numbers are stored exactly, signed, unsigned or with an intercept, where
// they span at most 65536 values. Others are rounded to steps of 1/65535 of the
// range, which a warning states; where that step exceeds 1/4096 of the range of
// the middle 98 % of the voxels beside the most common one, or a voxel is not
// finite, the volume is refused. Texts that had to be changed are warnings too.
[[nodiscard]] Result<Warnings> writeSeries(const std::filesystem::path& folder,
                                           const Volume& volume,
                                           const SeriesWriteOptions& options,
                                           const std::stop_token& stop = {},
                                           const ProgressFn& progress = {});

}  // namespace argand::dicom
