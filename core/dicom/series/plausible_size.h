// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/affine.h"

#include <filesystem>
#include <span>

// Internal to core/dicom: what files can hold.
namespace argand::dicom {

// Fails where an image of `size` cannot come from `files`: asked before anything is
// allocated for its voxels. A file may hold 4000 voxels for each of its bytes, which is
// more than any codec makes of an empty slice, and one slice of 1024 x 1024 besides;
// reading takes up to 16 bytes for a voxel.
[[nodiscard]] Result<void> checkPlausibleSize(const Size3& size,
                                              std::span<const std::filesystem::path> files);

}  // namespace argand::dicom
