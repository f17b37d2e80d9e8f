// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/volume.h"

#include <cstdint>
#include <vector>

namespace argand::viz {

// What a drag of so many pixels (right and down positive) makes of `start`:
// right is wider, up is brighter (a lower level). The sensitivity is in
// proportion to the width; `inverted` turns both directions round.
[[nodiscard]] WindowLevel dragged(const WindowLevel& start,
                                  double dx,
                                  double dy,
                                  bool inverted = false);

// The grey value of every stored value from `first` on: PS3.3 C.11.2.1.2.1
// (LINEAR) of `window`, for volumes of whole numbers.
[[nodiscard]] std::vector<std::uint8_t> greyTable(const WindowLevel& window,
                                                  std::int64_t first,
                                                  std::int64_t count);

// The grey value of one real number: PS3.3 C.11.2.1.3.2 (LINEAR_EXACT).
[[nodiscard]] inline std::uint8_t greyOf(const WindowLevel& window, double value) {
  const double grey = ((value - window.level) / window.width + 0.5) * 255.0;
  // A NaN is black.
  return static_cast<std::uint8_t>(!(grey > 0.0) ? 0.0 : (grey >= 255.0 ? 255.0 : grey + 0.5));
}

}  // namespace argand::viz
