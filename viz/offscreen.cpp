// SPDX-License-Identifier: Apache-2.0
#include "viz/offscreen.h"

#include <vtkNew.h>
#include <vtkRenderWindow.h>
#include <vtkUnsignedCharArray.h>

namespace argand::viz {

SliceImage rendered(VolumeScene& scene, int width, int height) {
  vtkNew<vtkRenderWindow> window;
  window->SetOffScreenRendering(1);
  window->SetSize(width, height);
  scene.attach(*window);
  scene.render();
  vtkNew<vtkUnsignedCharArray> bytes;
  window->GetPixelData(0, 0, width - 1, height - 1, 1, bytes);
  scene.detach();

  SliceImage image;
  image.width = width;
  image.height = height;
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto at = static_cast<vtkIdType>(height - 1 - y) * width + x;  // VTK's rows go up
      const auto channel = [&](int c) {
        return static_cast<std::uint32_t>(bytes->GetValue(3 * at + c));
      };
      image.pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                   static_cast<std::size_t>(x)] =
          0xff000000U | channel(0) << 16U | channel(1) << 8U | channel(2);
    }
  }
  return image;
}

}  // namespace argand::viz
