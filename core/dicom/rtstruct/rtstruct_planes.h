// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/warning.h"
#include "core/dicom/rtstruct/rtstruct_parser.h"
#include "core/dicom/slice_planes.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// Internal to core/dicom: which contours of an ROI belong to which image slice.
namespace argand::dicom {

using RingsBySlice = std::map<std::int64_t, std::vector<Ring>>;

struct DrawnRoi {
  RingsBySlice slices;     // in pixels of the slice
  bool exclusive = false;  // any contour is CLOSEDPLANAR_XOR
};

// Returns the closed planar contours of `roi` on the slices. Contours are grouped by
// the plane that they were drawn on (heights within a twentieth of the slice gap, at
// most 0.1 mm), and a slice takes the plane nearest to it among those whose nearest
// slice it is: one plane, all of it. Nothing is interpolated. What was left out, what
// lies outside the image of `size`, and the slices that lack a contour between two
// that lie over one another are named in `warnings`.
[[nodiscard]] DrawnRoi drawnOn(const SlicePlanes& planes,
                               const Size3& size,
                               const ParsedRoi& roi,
                               const std::string& name,
                               Warnings& warnings);

}  // namespace argand::dicom
