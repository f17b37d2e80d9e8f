// SPDX-License-Identifier: Apache-2.0
#include "ui/session/window_presets.h"

#include <QCoreApplication>

namespace argand::ui {
namespace {

QString translated(const char* text) {
  return QCoreApplication::translate("WindowPresets", text);
}

}  // namespace

std::vector<WindowPreset> windowPresets(Modality modality) {
  // A file without a modality (NIfTI) may well be a CT; the person who presses
  // the key knows.
  if (modality != Modality::Ct && modality != Modality::Unknown) {
    return {};
  }
  // Widths and levels that the common viewers agree on within a few units.
  return {
      {1, translated("Soft tissue"), {400.0, 40.0, {}}},
      {2, translated("Lung"), {1500.0, -600.0, {}}},
      {3, translated("Bone"), {2000.0, 400.0, {}}},
      {4, translated("Brain"), {80.0, 40.0, {}}},
      {5, translated("Liver"), {150.0, 90.0, {}}},
      {6, translated("Mediastinum"), {350.0, 50.0, {}}},
      {7, translated("Vessels (CTA)"), {600.0, 170.0, {}}},
      {8, translated("Stroke"), {40.0, 40.0, {}}},
  };
}

std::optional<WindowPreset> windowPreset(Modality modality, int key) {
  for (WindowPreset& preset : windowPresets(modality)) {
    if (preset.key == key) {
      return std::move(preset);
    }
  }
  return std::nullopt;
}

std::vector<WindowLevel> ownWindows(const Volume& volume) {
  std::vector<WindowLevel> windows = volume.windows;
  if (windows.empty() && volume.modality == Modality::Ct) {
    windows.push_back(volume.defaultWindow());
  }
  const Volume::Range& values = volume.range();
  const double width = values.high - values.low;
  windows.push_back({width > 0.0 ? width : 1.0, (values.low + values.high) / 2.0, {}});
  return windows;
}

WindowLevel startWindow(const Volume& volume) {
  const std::vector<WindowLevel> windows = ownWindows(volume);
  const WindowLevel& first = windows.front();
  const Volume::Range& values = volume.range();
  constexpr double kDarkest = 0.25;
  const double bottom = first.level - first.width / 2.0;
  const bool dark = values.high < bottom + kDarkest * first.width;
  const bool bright = values.low > bottom + (1.0 - kDarkest) * first.width;
  return dark || bright ? windows.back() : first;
}

}  // namespace argand::ui
