// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <optional>

namespace argand::ui {

// Returns the structure's voxel that is nearest to its centroid, which itself may lie
// outside a structure that is bent or in pieces; nothing where it is empty.
[[nodiscard]] std::optional<Index3> middleVoxel(const Segmentation& segmentation, StructureId id);

}  // namespace argand::ui
