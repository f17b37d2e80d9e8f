// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <gtest/gtest.h>

namespace argand::test {

// A ball (left), a shell round it (right, edited), a block that overlaps both and touches
// the border, scattered voxels, and one voxel in the last corner, in two or more layers,
// with names, codes, colours and origins that differ.
[[nodiscard]] Segmentation overlappingShapes(const Geometry& geometry);

// The names and every voxel of the structures, in order.
void expectSameMasks(const Segmentation& a, const Segmentation& b);

}  // namespace argand::test
