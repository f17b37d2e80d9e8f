// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/edit/tools.h"

namespace argand::ui {

// What the left mouse button does in a slice view.
enum class Tool { View, Paint, Erase, Threshold };

// The brush of Paint and Erase, and the value range of Threshold.
struct BrushState {
  edit::BrushShape shape = edit::BrushShape::Disc;
  double radiusMm = 5.0;
  bool limitToRange = false;  // paint only voxels whose value lies in [lower, upper]
  double lower = 0.0;
  double upper = 0.0;
  bool operator==(const BrushState&) const = default;

  static constexpr double kSmallestMm = 0.5;
  static constexpr double kLargestMm = 100.0;
};

// How the views show what there is; the same for all views.
struct DisplayState {
  double overlayOpacity = 0.5;  // 0 to 1
  bool overlayOutline = false;  // outlines instead of filled areas
  bool organsVisible = true;    // all organs at once, over each one's own eye
  bool crosshairVisible = true;
  bool patientDataHidden = false;
  bool interpolate = true;  // nearest voxel where false
  bool operator==(const DisplayState&) const = default;
};

}  // namespace argand::ui
