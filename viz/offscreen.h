// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "viz/slice_renderer.h"
#include "viz/volume_scene.h"

namespace argand::viz {

// Draws a scene into a picture without a window of the desktop. Needs OpenGL,
// which on Linux needs an X display (a virtual one will do).
[[nodiscard]] SliceImage rendered(VolumeScene& scene, int width, int height);

}  // namespace argand::viz
