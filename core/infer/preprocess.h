// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/engine/graph/graph.h"
#include "core/infer/model_card.h"
#include "core/volume/volume.h"

#include <memory>
#include <vector>

namespace argand::infer {

// The grid that a network sees, made from a source grid or a part of it: its
// axes in the card's order (the nearest ones; an oblique grid stays oblique),
// regular slices, the card's spacing.
struct NetworkGrid {
  Box box;             // of the source, what is looked at
  Geometry part;       // the source's grid within `box`
  AxisOrder order;     // from the part's axes to the network's
  Size3 orderedSize;   // of the part, in the network's axes
  Vec3 stepsPerVoxel;  // network voxels per ordered voxel
  bool respaced = false;
  Size3 size;             // i, j, k of the network's grid
  engine::Extent padded;  // the same as depth, height, width, multiples of the alignment
  Vec3 spacingMm;
  Geometry geometry;  // of the network's grid, without padding

  [[nodiscard]] Vec3 extentMm() const;
};

// Spacings within 1 % of the card's count as the card's: nothing is interpolated.
[[nodiscard]] Result<NetworkGrid> networkGrid(const Geometry& source,
                                              const Box& box,
                                              const ModelCard& card,
                                              const engine::Extent& alignment);

// The network's input (channel, depth, height, width), `grid.padded` voxels a
// channel. The first channel lies on the source's grid; others are resampled to
// it. Voxels that are no number count as the volume's background. Each channel
// is normalised by its own voxels in the grid; the padding, which lies after
// them, is 0: the mean of a z-score, the lower bound of a clipped range.
[[nodiscard]] Result<std::vector<float>> networkInput(
    const std::vector<std::shared_ptr<const Volume>>& channels,
    const NetworkGrid& grid,
    const ModelCard& card,
    const std::stop_token& stop = {});

}  // namespace argand::infer
