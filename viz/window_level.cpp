// SPDX-License-Identifier: Apache-2.0
#include "viz/window_level.h"

#include <algorithm>
#include <cmath>

namespace argand::viz {

namespace {

constexpr double kPixelsPerDoubling = 180.0;  // of the width
constexpr double kPixelsPerWidth = 400.0;     // to move the level by one width

}  // namespace

WindowLevel dragged(const WindowLevel& start, double dx, double dy, bool inverted) {
  const double sign = inverted ? -1.0 : 1.0;
  WindowLevel window = start;
  window.name.clear();
  window.width = start.width * std::exp2(sign * dx / kPixelsPerDoubling);
  window.level = start.level + sign * dy * start.width / kPixelsPerWidth;
  return window;
}

std::vector<std::uint8_t> greyTable(const WindowLevel& window,
                                    std::int64_t first,
                                    std::int64_t count) {
  std::vector<std::uint8_t> table(static_cast<std::size_t>(count));
  const double range = std::max(window.width - 1.0, 1e-6);
  for (std::int64_t n = 0; n < count; ++n) {
    const double value = static_cast<double>(first + n);
    const double grey = ((value - (window.level - 0.5)) / range + 0.5) * 255.0;
    table[static_cast<std::size_t>(n)] =
        static_cast<std::uint8_t>(std::clamp(std::lround(grey), 0L, 255L));
  }
  return table;
}

}  // namespace argand::viz
