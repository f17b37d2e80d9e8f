// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <cstdint>
#include <vector>

namespace argand::viz {

// What a label value looks like in a slice: colour, and how much of it covers
// the image (0 to 255) inside the structure and on its border.
struct LabelPaint {
  Color color;
  std::uint8_t fill = 0;
  std::uint8_t border = 0;
};

struct OverlayStyle {
  double opacity = 0.5;  // 0 to 1
  bool outlineOnly = false;
  // The structure that is shown in full while all others are dimmed; 0 is none.
  StructureId highlighted = 0;
};

// By label value, for one layer. Values that no visible structure has cover nothing.
using LabelLut = std::vector<LabelPaint>;

[[nodiscard]] LabelLut lutOf(const Segmentation& segmentation,
                             int layer,
                             const OverlayStyle& style);

[[nodiscard]] bool coversNothing(const LabelLut& lut);

}  // namespace argand::viz
