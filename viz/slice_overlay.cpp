// SPDX-License-Identifier: Apache-2.0
#include "viz/slice_overlay.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace argand::viz {

namespace {

// The labels of one slice, `columns` to a row, with a rim of background.
struct LabelSlice {
  std::vector<LabelValue> labels;
  std::int64_t stride = 0;

  [[nodiscard]] const LabelValue* at(std::int64_t column, std::int64_t row) const {
    return labels.data() + (row + 1) * stride + column + 1;
  }
};

LabelSlice sliceOf(const LabelLayer& layer, const SliceFrame& frame, std::int64_t slice) {
  const int column = frame.columnAxis();
  const int row = frame.rowAxis();
  Box box{{0, 0, 0}, layer.size()};
  box.begin[frame.sliceAxis()] = slice;
  box.end[frame.sliceAxis()] = slice + 1;
  const std::vector<LabelValue> read = layer.read(box);

  const Size3 size = box.size();
  const std::array<std::int64_t, 3> steps{1, size.i, size.i * size.j};
  const std::int64_t columnStep = steps[static_cast<std::size_t>(column)];
  const std::int64_t rowStep = steps[static_cast<std::size_t>(row)];
  LabelSlice result;
  result.stride = frame.columns() + 2;
  result.labels.assign(static_cast<std::size_t>(result.stride * (frame.rows() + 2)), 0);
  for (std::int64_t r = 0; r < frame.rows(); ++r) {
    LabelValue* to = result.labels.data() + (r + 1) * result.stride + 1;
    const LabelValue* from = read.data() + r * rowStep;
    for (std::int64_t c = 0; c < frame.columns(); ++c) {
      to[c] = from[c * columnStep];
    }
  }
  return result;
}

// The label with the greatest linear weight at (fx, fy) between four voxels.
LabelValue strongest(const LabelValue* corner, std::int64_t stride, float fx, float fy) {
  const std::array<LabelValue, 4> labels{corner[0], corner[1], corner[stride], corner[stride + 1]};
  if (labels[0] == labels[1] && labels[0] == labels[2] && labels[0] == labels[3]) {
    return labels[0];
  }
  const std::array<float, 4> weights{(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy};
  LabelValue best = 0;
  float most = -1.0F;
  for (std::size_t n = 0; n < 4; ++n) {
    float weight = 0.0F;
    for (std::size_t m = 0; m < 4; ++m) {
      weight += labels[m] == labels[n] ? weights[m] : 0.0F;
    }
    if (weight > most) {
      most = weight;
      best = labels[n];
    }
  }
  return best;
}

// The index coordinates of a screen pixel's centre, as steps from pixel (0, 0).
struct PixelSteps {
  Point2 first;
  Point2 perColumn;
  Point2 perRow;
};

PixelSteps stepsOf(const SliceFrame& frame, const SliceCamera& camera) {
  const auto index = [&](double x, double y) {
    return frame.indexFromPlane(camera.planeFromScreen({x, y}));
  };
  const Point2 first = index(0.5, 0.5);
  const Point2 right = index(1.5, 0.5);
  const Point2 below = index(0.5, 1.5);
  return {first, {right.x - first.x, right.y - first.y}, {below.x - first.x, below.y - first.y}};
}

// The label of every pixel of the screen.
void sampleLabels(const LabelSlice& slice,
                  const SliceFrame& frame,
                  const SliceCamera& camera,
                  bool interpolate,
                  std::vector<LabelValue>& labels) {
  const PixelSteps steps = stepsOf(frame, camera);
  const auto columns = static_cast<float>(frame.columns());
  const auto rows = static_cast<float>(frame.rows());
  // Shifted so that truncation is floor: by one voxel where four are weighed, by
  // half of one where the nearest is taken.
  const float shift = interpolate ? 1.0F : 0.5F;
  labels.resize(static_cast<std::size_t>(camera.width) * static_cast<std::size_t>(camera.height));
  for (int y = 0; y < camera.height; ++y) {
    LabelValue* out = labels.data() + static_cast<std::ptrdiff_t>(y) * camera.width;
    const double startC = steps.first.x + y * steps.perRow.x;
    const double startR = steps.first.y + y * steps.perRow.y;
    for (int x = 0; x < camera.width; ++x) {
      const auto c = static_cast<float>(startC + x * steps.perColumn.x);
      const auto r = static_cast<float>(startR + x * steps.perColumn.y);
      if (!(c >= -0.5F && c < columns - 0.5F && r >= -0.5F && r < rows - 0.5F)) {
        out[x] = 0;
        continue;
      }
      const auto ci = static_cast<std::int64_t>(c + shift);
      const auto ri = static_cast<std::int64_t>(r + shift);
      if (!interpolate) {
        out[x] = *slice.at(ci, ri);
        continue;
      }
      out[x] = strongest(slice.at(ci - 1, ri - 1),
                         slice.stride,
                         c + 1.0F - static_cast<float>(ci),
                         r + 1.0F - static_cast<float>(ri));
    }
  }
}

std::uint32_t blended(std::uint32_t base, const Color& color, std::uint32_t share) {
  const auto mix = [&](std::uint32_t shift, std::uint32_t top) {
    const std::uint32_t below = (base >> shift) & 0xffU;
    return ((below * (255U - share) + top * share + 127U) / 255U) << shift;
  };
  return 0xff000000U | mix(16, color.red) | mix(8, color.green) | mix(0, color.blue);
}

void blend(const std::vector<LabelValue>& labels,
           const LabelLut& lut,
           int borderPx,
           SliceImage& image) {
  const int width = image.width;
  const int height = image.height;
  const int reach = std::max(borderPx, 1);
  for (int y = 0; y < height; ++y) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(y) * width;
    const LabelValue* here = labels.data() + row;
    const LabelValue* above =
        labels.data() + static_cast<std::ptrdiff_t>(std::max(y - reach, 0)) * width;
    const LabelValue* below =
        labels.data() + static_cast<std::ptrdiff_t>(std::min(y + reach, height - 1)) * width;
    std::uint32_t* out = image.pixels.data() + row;
    for (int x = 0; x < width; ++x) {
      const LabelValue label = here[x];
      if (label == 0 || label >= lut.size()) {
        continue;
      }
      const LabelPaint& paint = lut[label];
      const bool border = above[x] != label || below[x] != label ||
                          here[std::max(x - reach, 0)] != label ||
                          here[std::min(x + reach, width - 1)] != label;
      const std::uint32_t share = border ? paint.border : paint.fill;
      if (share != 0) {
        out[x] = blended(out[x], paint.color, share);
      }
    }
  }
}

}  // namespace

void blendStructures(const SliceFrame& frame,
                     std::int64_t slice,
                     const SliceCamera& camera,
                     const Segmentation& segmentation,
                     const SliceStyle& style,
                     SliceImage& image) {
  std::vector<LabelValue> labels;
  for (int layer = 0; layer < segmentation.layerCount(); ++layer) {
    const LabelLut lut = lutOf(segmentation, layer, style.overlay);
    if (coversNothing(lut)) {
      continue;
    }
    const LabelSlice voxels = sliceOf(segmentation.layer(layer), frame, slice);
    sampleLabels(voxels, frame, camera, style.interpolate, labels);
    blend(labels, lut, style.borderPx, image);
  }
}

}  // namespace argand::viz
