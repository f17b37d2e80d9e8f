// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/warning.h"
#include "core/dicom/seg/seg_parser.h"
#include "core/dicom/slice_planes.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// Where the frames of a segmentation lie on the slices of a series. Internal to
// core/dicom.
namespace argand::dicom {

// Pixels of a frame to pixels of a slice:
// x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5].
struct PixelMap {
  std::array<double, 6> m{1, 0, 0, 0, 1, 0};
  bool exact = true;  // pixel centres meet pixel centres; whole numbers then
};

struct FramePlace {
  std::optional<std::int64_t> k;  // nothing: it lies on no slice
  PixelMap map;
};

struct Placement {
  // Where the frames are not on the slices of the reference (turned, finer or coarser),
  // the grid that they make by themselves; labels are then brought from it.
  std::optional<Geometry> ownGrid;
  std::vector<FramePlace> places;  // by frame
  Warnings warnings;
};

// Fails where the frames neither lie on the slices nor make a regular grid.
[[nodiscard]] Result<Placement> placed(const ParsedSeg& seg,
                                       const Geometry& geometry,
                                       const SlicePlanes& planes,
                                       const SourceSeries& source);

// Brings the values of a frame to a slice of `width` x `height` pixels, background
// outside the frame: each pixel takes the value of the nearest of the frame. Returns how
// many pixels of the frame that are no background lie outside the slice.
std::int64_t moveToSlice(std::span<const std::uint16_t> frame,
                         std::int64_t columns,
                         std::int64_t rows,
                         const PixelMap& map,
                         std::int64_t width,
                         std::int64_t height,
                         std::vector<std::uint16_t>& slice);

}  // namespace argand::dicom
