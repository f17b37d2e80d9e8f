// SPDX-License-Identifier: Apache-2.0
#include "core/infer/preprocess.h"

#include "core/base/assert.h"
#include "core/volume/resample.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace argand::infer {
namespace {

constexpr double kSameSpacing = 0.01;

std::int64_t roundedUp(std::int64_t size, std::int64_t multiple) {
  return (size + multiple - 1) / multiple * multiple;
}

// A grid of this size and spacing that stands straight at the origin. Voxels
// are resampled on it rather than in space, so that the result does not depend,
// not even in the last bit, on how the volume was stored.
Geometry straightGrid(const Size3& size, const Vec3& spacingMm) {
  Geometry grid;
  grid.size = size;
  for (int axis = 0; axis < 3; ++axis) {
    Vec3 column;
    column[axis] = spacingMm[axis];
    grid.lpsFromIndex.setColumn(axis, column);
  }
  return grid;
}

// One channel's voxels in the network's axes and spacing.
Result<Volume> onNetworkGrid(const Volume& volume,
                             const NetworkGrid& grid,
                             const std::stop_token& stop) {
  Volume part = grid.box == volume.geometry().box() ? volume : cropped(volume, grid.box);
  if (!part.geometry().evenlySpaced()) {
    Geometry regular = part.geometry();
    regular.sliceOrigins.clear();
    ARGAND_ASSIGN(part, resampled(part, regular, Interpolation::Linear, stop));
  }
  if (!grid.order.identity()) {
    part = reordered(part, grid.order);
  }
  if (!grid.respaced) {
    return part;
  }
  Vec3 spacing;
  for (int axis = 0; axis < 3; ++axis) {
    spacing[axis] = grid.spacingMm[axis] * grid.stepsPerVoxel[axis];
  }
  ARGAND_ASSIGN(Volume straight,
                Volume::create(straightGrid(grid.orderedSize, spacing), part.buffer()));
  straight.backgroundValue = volume.backgroundValue;
  return resampled(
      straight, respaced(straight.geometry(), grid.spacingMm), Interpolation::Linear, stop);
}

void normalizeByOwnStatistics(std::span<float> voxels) {
  double sum = 0.0;
  for (const float voxel : voxels) {
    sum += voxel;
  }
  const double mean = sum / static_cast<double>(voxels.size());
  double squares = 0.0;
  for (const float voxel : voxels) {
    const double difference = voxel - mean;
    squares += difference * difference;
  }
  const double deviation = std::sqrt(squares / static_cast<double>(voxels.size()));
  const double factor = deviation > 0.0 ? 1.0 / deviation : 0.0;  // one value only: all 0
  for (float& voxel : voxels) {
    voxel = static_cast<float>((voxel - mean) * factor);
  }
}

void clipAndScale(std::span<float> voxels, double lower, double upper) {
  for (float& voxel : voxels) {
    voxel = static_cast<float>((std::clamp<double>(voxel, lower, upper) - lower) / (upper - lower));
  }
}

std::vector<float> normalized(const Volume& volume, const ModelInput& input) {
  std::vector<float> voxels(static_cast<std::size_t>(volume.geometry().size.voxels()));
  const auto background = static_cast<float>(volume.backgroundValue);
  volume.visit([&](const auto& source) {
    std::transform(source.begin(), source.end(), voxels.begin(), [&](auto value) {
      const auto real = static_cast<float>(value);
      return std::isfinite(real) ? real : background;
    });
  });
  if (input.normalization == Normalization::ZScore) {
    normalizeByOwnStatistics(voxels);
  } else {
    clipAndScale(voxels, input.lower, input.upper);
  }
  return voxels;
}

void copyPadded(std::span<const float> voxels,
                const Size3& size,
                const engine::Extent& padded,
                std::span<float> target) {
  for (std::int64_t k = 0; k < size.k; ++k) {
    for (std::int64_t j = 0; j < size.j; ++j) {
      const auto row = voxels.subspan(static_cast<std::size_t>((k * size.j + j) * size.i),
                                      static_cast<std::size_t>(size.i));
      std::copy(row.begin(), row.end(), target.begin() + (k * padded.h + j) * padded.w);
    }
  }
}

}  // namespace

Vec3 NetworkGrid::extentMm() const {
  return {static_cast<double>(size.i) * spacingMm.x,
          static_cast<double>(size.j) * spacingMm.y,
          static_cast<double>(size.k) * spacingMm.z};
}

Result<NetworkGrid> networkGrid(const Geometry& source,
                                const Box& box,
                                const ModelCard& card,
                                const engine::Extent& alignment) {
  NetworkGrid grid;
  grid.box = box;
  grid.part = cropped(source, box);
  Geometry regular = grid.part;
  regular.sliceOrigins.clear();
  ARGAND_ASSIGN(grid.order, orderTo(regular, card.axisCodes));
  const Geometry ordered = reordered(regular, grid.order);
  const Vec3 spacing = ordered.spacingMm();
  grid.orderedSize = ordered.size;
  for (int axis = 0; axis < 3; ++axis) {
    const double ratio = spacing[axis] / card.spacingMm[axis];
    grid.respaced = grid.respaced || std::abs(ratio - 1.0) > kSameSpacing;
  }
  grid.spacingMm = grid.respaced ? card.spacingMm : spacing;
  grid.geometry = grid.respaced ? respaced(ordered, card.spacingMm) : ordered;
  grid.size = grid.geometry.size;
  for (int axis = 0; axis < 3; ++axis) {
    grid.stepsPerVoxel[axis] = spacing[axis] / grid.spacingMm[axis];
  }
  grid.padded = {roundedUp(grid.size.k, alignment.d),
                 roundedUp(grid.size.j, alignment.h),
                 roundedUp(grid.size.i, alignment.w)};
  return grid;
}

Result<std::vector<float>> networkInput(const std::vector<std::shared_ptr<const Volume>>& channels,
                                        const NetworkGrid& grid,
                                        const ModelCard& card,
                                        const std::stop_token& stop) {
  ARGAND_ASSERT(channels.size() == card.inputs.size());
  const auto perChannel = static_cast<std::size_t>(grid.padded.voxels());
  std::vector<float> input(perChannel * channels.size(), 0.0F);
  const Geometry& source = channels.front()->geometry();
  for (std::size_t channel = 0; channel < channels.size(); ++channel) {
    ARGAND_TRY(checkStop(stop));
    Volume volume = *channels[channel];
    if (!sameGrid(volume.geometry(), source)) {
      ARGAND_ASSIGN(volume, resampled(volume, source, Interpolation::Linear, stop));
    }
    ARGAND_ASSIGN(const Volume seen, onNetworkGrid(volume, grid, stop));
    copyPadded(normalized(seen, card.inputs[channel]),
               grid.size,
               grid.padded,
               std::span(input).subspan(channel * perChannel, perChannel));
  }
  return input;
}

}  // namespace argand::infer
