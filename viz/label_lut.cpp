// SPDX-License-Identifier: Apache-2.0
#include "viz/label_lut.h"

#include <algorithm>
#include <cmath>

namespace argand::viz {

namespace {

constexpr double kDimmed = 0.3;  // of the opacity, for all but the highlighted structure

std::uint8_t share(double opacity) {
  return static_cast<std::uint8_t>(std::lround(std::clamp(opacity, 0.0, 1.0) * 255.0));
}

}  // namespace

LabelLut lutOf(const Segmentation& segmentation, int layer, const OverlayStyle& style) {
  LabelLut lut(1);
  // The border stays readable where the fill is faint, and goes with it at 0.
  const double border = std::sqrt(std::clamp(style.opacity, 0.0, 1.0));
  for (const Structure& structure : segmentation.structures()) {
    if (structure.layer != layer || !structure.visible) {
      continue;
    }
    const bool dimmed = style.highlighted != 0 && style.highlighted != structure.id;
    const double kept = dimmed ? kDimmed : 1.0;
    if (lut.size() <= structure.label) {
      lut.resize(std::size_t{structure.label} + 1);
    }
    lut[structure.label] = {structure.color,
                            style.outlineOnly ? std::uint8_t{0} : share(style.opacity * kept),
                            share(border * kept)};
  }
  return lut;
}

bool coversNothing(const LabelLut& lut) {
  return std::all_of(lut.begin(), lut.end(), [](const LabelPaint& paint) {
    return paint.fill == 0 && paint.border == 0;
  });
}

}  // namespace argand::viz
