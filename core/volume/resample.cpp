// SPDX-License-Identifier: Apache-2.0
#include "core/volume/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace argand {

namespace {

// Points of a target grid on a face of the source, or half way between two
// voxels, fall on one side of it whatever the rounding of the matrices.
constexpr double kSnap = 1e-6;

// Walks the rows of a target grid and gives, for each voxel that lies inside the
// source (half a voxel beyond the outermost centres), its continuous source index.
class RowWalker {
 public:
  RowWalker(const Geometry& source, const Geometry& target)
      : m_size(source.size), m_even(source.evenlySpaced()), m_indexer(source), m_target(target) {
    m_step = m_indexer.local().applyLinear(target.lpsFromIndex.column(0));
  }

  // Calls inside(i, index) along row (j, k), index clamped to the voxel centres.
  template <typename Inside>
  void row(std::int64_t j, std::int64_t k, Inside&& inside) const {
    const Vec3 start = m_indexer.local().apply(m_target.sliceToLps(0.0, static_cast<double>(j), k));
    if (m_even) {
      const auto [begin, end] = insideRange(start);
      for (std::int64_t i = begin; i < end; ++i) {
        inside(i, clamped(along(start, i)));
      }
      return;
    }
    for (std::int64_t i = 0; i < m_target.size.i; ++i) {
      const Vec3 index = m_indexer.resolved(along(start, i));
      if (contains(index)) {
        inside(i, clamped(index));
      }
    }
  }

 private:
  [[nodiscard]] Vec3 along(const Vec3& start, std::int64_t i) const {
    const auto n = static_cast<double>(i);
    return {start.x + n * m_step.x, start.y + n * m_step.y, start.z + n * m_step.z};
  }

  [[nodiscard]] bool contains(const Vec3& index) const {
    for (int axis = 0; axis < 3; ++axis) {
      const double face = static_cast<double>(m_size[axis]) - 0.5 + kSnap;
      if (!(index[axis] >= -0.5 - kSnap && index[axis] <= face)) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] Vec3 clamped(const Vec3& index) const {
    return {std::clamp(index.x, 0.0, static_cast<double>(m_size.i - 1)),
            std::clamp(index.y, 0.0, static_cast<double>(m_size.j - 1)),
            std::clamp(index.z, 0.0, static_cast<double>(m_size.k - 1))};
  }

  // The voxels of a row that lie inside, for a source of even slices: three
  // linear inequalities, with the ends settled by contains().
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> insideRange(const Vec3& start) const {
    double low = 0.0;
    auto high = static_cast<double>(m_target.size.i - 1);
    for (int axis = 0; axis < 3; ++axis) {
      const double below = -0.5 - kSnap - start[axis];
      const double above = static_cast<double>(m_size[axis]) - 0.5 + kSnap - start[axis];
      const double step = m_step[axis];
      if (std::abs(step) < 1e-12) {
        if (below > 0.0 || above < 0.0) {
          return {0, 0};
        }
        continue;
      }
      low = std::max(low, std::min(below / step, above / step));
      high = std::min(high, std::max(below / step, above / step));
    }
    if (low > high + 1.0) {
      return {0, 0};
    }
    auto begin = static_cast<std::int64_t>(std::floor(low));
    auto end = std::min(m_target.size.i, static_cast<std::int64_t>(std::ceil(high)) + 1);
    while (begin < end && !contains(along(start, begin))) {
      ++begin;
    }
    while (end > begin && !contains(along(start, end - 1))) {
      --end;
    }
    return {begin, end};
  }

  Size3 m_size;
  bool m_even;
  SliceIndexer m_indexer;
  Geometry m_target;
  Vec3 m_step;  // of the source's local coordinates along a target row
};

// Runs row(j, k, first voxel of the row) over the target; the stop is looked at once a slice.
template <typename Row>
Result<void> forEachRow(const Size3& size, const std::stop_token& stop, Row&& row) {
  for (std::int64_t k = 0; k < size.k; ++k) {
    ARGAND_TRY(checkStop(stop));
    for (std::int64_t j = 0; j < size.j; ++j) {
      row(j, k, static_cast<std::size_t>((k * size.j + j) * size.i));
    }
  }
  return {};
}

Index3 nearestTo(const Vec3& index) {
  constexpr double kHalf = 0.5 + kSnap;
  return {static_cast<std::int64_t>(index.x + kHalf),
          static_cast<std::int64_t>(index.y + kHalf),
          static_cast<std::int64_t>(index.z + kHalf)};
}

template <typename T>
Result<std::vector<T>> nearestVoxels(std::span<const T> voxels,
                                     const Geometry& source,
                                     const Geometry& target,
                                     T background,
                                     const std::stop_token& stop) {
  std::vector<T> result(static_cast<std::size_t>(target.size.voxels()), background);
  const RowWalker walker(source, target);
  const Size3& size = source.size;
  ARGAND_TRY(forEachRow(target.size, stop, [&](std::int64_t j, std::int64_t k, std::size_t first) {
    walker.row(j, k, [&](std::int64_t i, const Vec3& index) {
      const Index3 at = nearestTo(index);
      result[first + static_cast<std::size_t>(i)] =
          voxels[static_cast<std::size_t>((at.k * size.j + at.j) * size.i + at.i)];
    });
  }));
  return result;
}

// The two voxels on either side of a coordinate, and the share of the upper one.
struct Neighbours {
  std::int64_t low = 0;
  std::int64_t step = 0;  // to the upper one; 0 at the last voxel
  float share = 0.0F;

  Neighbours(double at, std::int64_t size)
      : low(static_cast<std::int64_t>(at)),
        step(low + 1 < size ? 1 : 0),
        share(static_cast<float>(at - static_cast<double>(low))) {}
};

float mix(float a, float b, float share) {
  return a + share * (b - a);
}

template <typename T>
float trilinear(const T* voxels, const Size3& size, const Vec3& index) {
  const Neighbours x(index.x, size.i);
  const Neighbours y(index.y, size.j);
  const Neighbours z(index.z, size.k);
  const std::int64_t down = y.step * size.i;
  const T* corner = voxels + (z.low * size.j + y.low) * size.i + x.low;
  const auto row = [&](const T* at) {
    return mix(static_cast<float>(at[0]), static_cast<float>(at[x.step]), x.share);
  };
  const auto plane = [&](const T* at) { return mix(row(at), row(at + down), y.share); };
  return mix(plane(corner), plane(corner + z.step * size.j * size.i), z.share);
}

template <typename T>
Result<std::vector<float>> linearVoxels(std::span<const T> voxels,
                                        const Geometry& source,
                                        const Geometry& target,
                                        float background,
                                        const std::stop_token& stop) {
  std::vector<float> result(static_cast<std::size_t>(target.size.voxels()), background);
  const RowWalker walker(source, target);
  ARGAND_TRY(forEachRow(target.size, stop, [&](std::int64_t j, std::int64_t k, std::size_t first) {
    walker.row(j, k, [&](std::int64_t i, const Vec3& index) {
      result[first + static_cast<std::size_t>(i)] = trilinear(voxels.data(), source.size, index);
    });
  }));
  return result;
}

// What lies outside, as the voxel type holds it.
template <typename T>
T backgroundAs(double value) {
  if constexpr (std::is_integral_v<T>) {
    value = std::clamp(std::round(value),
                       static_cast<double>(std::numeric_limits<T>::min()),
                       static_cast<double>(std::numeric_limits<T>::max()));
  }
  return static_cast<T>(value);
}

}  // namespace

Result<Volume> resampled(const Volume& volume,
                         const Geometry& target,
                         Interpolation interpolation,
                         const std::stop_token& stop) {
  ARGAND_TRY(target.check());
  const Geometry& source = volume.geometry();
  auto made = guarded(ErrorCode::InputRefused, "resampling the image", [&]() -> Result<Volume> {
    return volume.visit([&]<typename T>(std::span<const T> voxels) -> Result<Volume> {
      if (interpolation == Interpolation::Linear) {
        const auto background = static_cast<float>(volume.backgroundValue);
        ARGAND_ASSIGN(auto values, linearVoxels(voxels, source, target, background, stop));
        return Volume::create(target, std::move(values));
      }
      const T background = backgroundAs<T>(volume.backgroundValue);
      ARGAND_ASSIGN(auto values, nearestVoxels(voxels, source, target, background, stop));
      return Volume::create(target, std::move(values));
    });
  });
  if (made) {
    made->modality = volume.modality;
    made->description = volume.description;
    made->unit = volume.unit;
    made->windows = volume.windows;
    made->backgroundValue = volume.backgroundValue;
    made->source = volume.source;
    if (made->source && !(target == source)) {
      made->source->slices.clear();
      made->source->framesAreSlices = false;
    }
  }
  return made;
}

Result<LabelMap> resampledLabels(const LabelMap& labels,
                                 const Geometry& target,
                                 const std::stop_token& stop) {
  ARGAND_TRY(target.check());
  return guarded(ErrorCode::InputRefused, "resampling the labels", [&]() -> Result<LabelMap> {
    ARGAND_ASSIGN(auto voxels,
                  nearestVoxels(std::span<const LabelValue>(labels.voxels),
                                labels.geometry,
                                target,
                                LabelValue{0},
                                stop));
    return LabelMap{target, std::move(voxels)};
  });
}

Segmentation onGrid(const Segmentation& segmentation, const Geometry& geometry) {
  Segmentation result(geometry);
  const RowWalker walker(segmentation.geometry(), geometry);
  const Size3& size = geometry.size;
  std::vector<LabelValue> slice(static_cast<std::size_t>(size.i * size.j));
  for (int n = 0; n < segmentation.layerCount(); ++n) {
    const LabelLayer& from = segmentation.layer(n);
    LabelLayer& to = result.layer(result.addLayer());
    for (std::int64_t k = 0; k < size.k; ++k) {
      std::fill(slice.begin(), slice.end(), LabelValue{0});
      for (std::int64_t j = 0; j < size.j; ++j) {
        LabelValue* row = slice.data() + j * size.i;
        walker.row(
            j, k, [&](std::int64_t i, const Vec3& index) { row[i] = from.at(nearestTo(index)); });
      }
      to.write({{0, 0, k}, {size.i, size.j, k + 1}}, slice);
    }
  }
  for (std::size_t position = 0; position < segmentation.structures().size(); ++position) {
    result.insert(segmentation.structures()[position], position);
  }
  return result;
}

}  // namespace argand
