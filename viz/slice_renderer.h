// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"
#include "core/volume/volume.h"
#include "viz/label_lut.h"
#include "viz/slice_frame.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace argand::viz {

struct SliceStyle {
  WindowLevel window;
  // Linear between voxels, and smooth borders of structures; else every voxel
  // is a flat rectangle of one grey value and one label.
  bool interpolate = true;
  bool overlayVisible = true;
  OverlayStyle overlay;
  int borderPx = 1;  // width of a structure's outline, in device pixels
};

// A picture; each pixel is 0xffrrggbb, rows from the top.
struct SliceImage {
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> pixels;

  [[nodiscard]] std::uint32_t at(int x, int y) const {
    return pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
};

// Draws slices of a volume with the structures over them, at the resolution of
// the screen: VTK samples the slice through the camera's pixel centres, then
// window, fill and outline are applied to the samples. No display is needed.
// For one thread at a time.
class SliceRenderer {
 public:
  SliceRenderer();
  ~SliceRenderer();
  SliceRenderer(const SliceRenderer&) = delete;
  SliceRenderer& operator=(const SliceRenderer&) = delete;

  // The volume that render() shows; null shows black.
  void setVolume(std::shared_ptr<const Volume> volume);

  // `slice` is an index along frame.sliceAxis(); `segmentation` may be null, else
  // it lies on the volume's grid. `image` is written anew, its storage reused.
  void render(const SliceFrame& frame,
              std::int64_t slice,
              const SliceCamera& camera,
              const Segmentation* segmentation,
              const SliceStyle& style,
              SliceImage& image);

 private:
  struct Pipeline;
  std::unique_ptr<Pipeline> m_pipeline;
};

}  // namespace argand::viz
