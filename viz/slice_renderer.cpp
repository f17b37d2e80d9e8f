// SPDX-License-Identifier: Apache-2.0
#include "viz/slice_renderer.h"

#include "viz/slice_overlay.h"
#include "viz/vtk_bridge.h"
#include "viz/window_level.h"

#include <vtkImageReslice.h>
#include <vtkNew.h>

#include <algorithm>
#include <limits>

namespace argand::viz {

namespace {

constexpr std::uint32_t kBlack = 0xff000000U;

std::uint32_t grey(std::uint32_t value) {
  return kBlack | value * 0x010101U;
}

// Sets the reslice's axes so that its output voxel (x, y) samples the volume at
// the centre of the screen's pixel (x, y).
void aim(vtkImageReslice& reslice,
         const SliceFrame& frame,
         std::int64_t slice,
         const SliceCamera& camera) {
  const auto index = [&](double x, double y) {
    const Point2 inPlane = frame.indexFromPlane(camera.planeFromScreen({x, y}));
    Vec3 point;
    point[frame.columnAxis()] = inPlane.x;
    point[frame.rowAxis()] = inPlane.y;
    point[frame.sliceAxis()] = static_cast<double>(slice);
    return point;
  };
  Affine indexFromScreen;
  indexFromScreen.offset = index(0.5, 0.5);
  indexFromScreen.setColumn(0, index(1.5, 0.5) - indexFromScreen.offset);
  indexFromScreen.setColumn(1, index(0.5, 1.5) - indexFromScreen.offset);
  Vec3 through;
  through[frame.sliceAxis()] = 1.0;
  indexFromScreen.setColumn(2, through);
  reslice.SetResliceAxes(matrixFrom(indexFromScreen));
  reslice.SetOutputExtent(0, camera.width - 1, 0, camera.height - 1, 0, 0);
}

template <typename T>
void applyWindow(const T* samples, const WindowLevel& window, SliceImage& image) {
  const auto count = image.pixels.size();
  if constexpr (std::is_integral_v<T>) {
    constexpr std::int64_t kFirst = std::numeric_limits<T>::min();
    const auto table = greyTable(window, kFirst, std::int64_t{1} << 16);
    for (std::size_t n = 0; n < count; ++n) {
      image.pixels[n] = grey(table[static_cast<std::size_t>(samples[n] - kFirst)]);
    }
  } else {
    for (std::size_t n = 0; n < count; ++n) {
      image.pixels[n] = grey(greyOf(window, samples[n]));
    }
  }
}

// Pixels whose centres lie outside the slice's voxels become black: the
// sampling's own background is a value that the window could show as grey.
void blackenOutside(const SliceFrame& frame, const SliceCamera& camera, SliceImage& image) {
  const auto inside = [&](double value, std::int64_t size) {
    return value >= -0.5 && value < static_cast<double>(size) - 0.5;
  };
  const auto at = [&](double x, double y) {
    return frame.indexFromPlane(camera.planeFromScreen({x, y}));
  };
  const Point2 first = at(0.5, 0.5);
  const Point2 right = at(1.5, 0.5);
  const Point2 step{right.x - first.x, right.y - first.y};
  for (int y = 0; y < image.height; ++y) {
    const Point2 start = at(0.5, y + 0.5);
    const auto holds = [&](int x) {
      return inside(start.x + x * step.x, frame.columns()) &&
             inside(start.y + x * step.y, frame.rows());
    };
    // What a row sees of a parallelogram is one run of pixels.
    std::uint32_t* row = image.pixels.data() + static_cast<std::ptrdiff_t>(y) * image.width;
    int left = 0;
    while (left < image.width && !holds(left)) {
      row[left++] = kBlack;
    }
    int end = image.width;
    while (end > left && !holds(end - 1)) {
      row[--end] = kBlack;
    }
  }
}

}  // namespace

struct SliceRenderer::Pipeline {
  std::shared_ptr<const Volume> volume;
  vtkNew<vtkImageReslice> reslice;
};

SliceRenderer::SliceRenderer() : m_pipeline(std::make_unique<Pipeline>()) {
  vtkImageReslice& reslice = *m_pipeline->reslice;
  reslice.SetOutputOrigin(0, 0, 0);
  reslice.SetOutputSpacing(1, 1, 1);
  reslice.BorderOn();  // voxels reach to their faces
  reslice.SetOutputDimensionality(2);
}

SliceRenderer::~SliceRenderer() = default;

void SliceRenderer::setVolume(std::shared_ptr<const Volume> volume) {
  if (m_pipeline->volume == volume) {
    return;
  }
  m_pipeline->volume = std::move(volume);
  if (m_pipeline->volume != nullptr) {
    m_pipeline->reslice->SetInputData(imageDataFrom(*m_pipeline->volume));
  } else {
    m_pipeline->reslice->SetInputData(nullptr);
  }
}

void SliceRenderer::render(const SliceFrame& frame,
                           std::int64_t slice,
                           const SliceCamera& camera,
                           const Segmentation* segmentation,
                           const SliceStyle& style,
                           SliceImage& image) {
  image.width = camera.width;
  image.height = camera.height;
  image.pixels.resize(static_cast<std::size_t>(image.width) *
                      static_cast<std::size_t>(image.height));
  if (m_pipeline->volume == nullptr) {
    std::fill(image.pixels.begin(), image.pixels.end(), kBlack);
    return;
  }
  vtkImageReslice& reslice = *m_pipeline->reslice;
  reslice.SetInterpolationMode(style.interpolate ? VTK_RESLICE_LINEAR : VTK_RESLICE_NEAREST);
  aim(reslice, frame, slice, camera);
  reslice.Update();
  const void* samples = reslice.GetOutput()->GetScalarPointer();
  m_pipeline->volume->visit([&](auto voxels) {
    using T = std::remove_const_t<typename decltype(voxels)::element_type>;
    applyWindow(static_cast<const T*>(samples), style.window, image);
  });
  blackenOutside(frame, camera, image);
  if (segmentation != nullptr && style.overlayVisible) {
    blendStructures(frame, slice, camera, *segmentation, style, image);
  }
}

}  // namespace argand::viz
