// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"

#include <string>
#include <vector>

// Internal to core/dicom: the frames of a series put together into volumes.
namespace argand::dicom {

// Frames that are one volume, in the order of k: along rowCosine x columnCosine.
struct Stack {
  std::vector<Frame> frames;
  Geometry geometry;
  std::string part;  // what tells it from the series' other volumes: "echo time 4.92 ms"
  Warnings warnings;
};

// A frame that no volume holds, and why, as a sentence.
struct LeftFrame {
  Frame frame;
  std::string reason;
};

struct Stacks {
  std::vector<Stack> stacks;
  std::vector<LeftFrame> left;
};

// Splits by orientation, matrix, pixel spacing and localizer; and where positions
// repeat, by the first attribute that tells the repeats apart. Parts are ordered by
// the attribute's value, as a number where it is one. Copies (the same place and
// pixels) are left out. Frames at one position that nothing tells apart are left
// out too, all of them where that is the rule in the series and not an exception.
[[nodiscard]] Stacks stacksOf(std::vector<Frame> frames);

// The grid of frames of one orientation and matrix, which it sorts; warnings
// about tilt, gaps and uneven spacing are added. Positions must differ.
[[nodiscard]] Geometry gridOf(std::vector<Frame>& frames, Warnings& warnings);

}  // namespace argand::dicom
