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

}  // namespace argand::ui
