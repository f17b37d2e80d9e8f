// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <set>
#include <span>

// What the tools share: which voxels they may take, and what a change says of a structure.
namespace argand::edit {

// Fails where there is no such structure or it is locked.
[[nodiscard]] Result<void> checkChangeable(const Segmentation& segmentation, StructureId structure);

// Fails where the image is not on the segmentation's grid.
[[nodiscard]] Result<void> checkImageFits(const Segmentation& segmentation, const Volume& image);

// Clears the voxels of `mask` (over `box`) whose value in the image is not in [lower, upper].
void keepWithin(
    std::span<std::uint8_t> mask, const Box& box, const Volume& image, double lower, double upper);

// Gives the voxels of `mask` (over `box`) to the structure, or with `erase` makes
// those it has background; none is taken from a locked structure. Returns the box
// of what changed and adds the structures that lost or gained voxels to `touched`.
Box paint(Segmentation& segmentation,
          StructureId structure,
          const Box& box,
          std::span<const std::uint8_t> mask,
          bool erase,
          std::set<StructureId>& touched);

// Marks structures as changed by hand; an automatic one becomes semi-automatic, and a
// review that was completed is in progress again.
void markEdited(Segmentation& segmentation, const std::set<StructureId>& structures);

}  // namespace argand::edit
