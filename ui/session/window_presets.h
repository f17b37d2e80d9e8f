// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/volume.h"

#include <QString>

#include <optional>
#include <vector>

namespace argand::ui {

// A window of the display that a number key sets.
struct WindowPreset {
  int key = 1;  // 1 to 9
  QString name;
  WindowLevel window;
};

// Those of CT, in Hounsfield units; empty for any other modality, whose values
// have no unit that a preset could be given in.
[[nodiscard]] std::vector<WindowPreset> windowPresets(Modality modality);
[[nodiscard]] std::optional<WindowPreset> windowPreset(Modality modality, int key);

// The windows that key 0 goes through: the source's own, then the one that its values
// ask for. The first is where a volume starts, unless the image would be all dark or
// all bright in it (a crop or a map with the window of its parent): then the last.
[[nodiscard]] std::vector<WindowLevel> ownWindows(const Volume& volume);
[[nodiscard]] WindowLevel startWindow(const Volume& volume);

}  // namespace argand::ui
