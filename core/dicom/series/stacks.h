// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"

#include <vector>

// Internal to core/dicom: the frames of a series put together into volumes.
namespace argand::dicom {

// Frames that are one volume, in the order of k: along rowCosine x columnCosine.
struct Stack {
  std::vector<Frame> frames;
  Geometry geometry;
  Warnings warnings;
};

// Splits by orientation, matrix, pixel spacing and localizer; and where
// positions repeat, by the first attribute that tells the repeats apart.
[[nodiscard]] std::vector<Stack> stacksOf(std::vector<Frame> frames);

// The grid of frames of one orientation and matrix, which it sorts; warnings
// about tilt, gaps and uneven spacing are added. Positions must differ.
[[nodiscard]] Geometry gridOf(std::vector<Frame>& frames, Warnings& warnings);

}  // namespace argand::dicom
