// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/program.h"
#include "core/engine/run/kernels/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace argand::engine::kernels {

namespace {

// Inputs on either side of an output of linear up-sampling, and how far it lies from the first.
template <typename T>
struct Between {
  std::int64_t low = 0;
  std::int64_t high = 0;
  T share = 0;
};

template <typename T>
Between<T> between(std::int64_t output, std::int64_t factor, std::int64_t inputs) {
  const T at = std::max(T(0), (static_cast<T>(output) + T(0.5)) / static_cast<T>(factor) - T(0.5));
  Between<T> place;
  place.low = std::min(static_cast<std::int64_t>(at), inputs - 1);
  place.high = std::min(place.low + 1, inputs - 1);
  place.share = at - static_cast<T>(place.low);
  return place;
}

}  // namespace

template <typename T>
void poolLine(const PoolOp& op,
              const ChunkView<T>& in,
              std::int64_t d,
              std::int64_t h,
              std::int64_t outWidth,
              T* to) {
  const bool max = op.kind == PoolOp::Kind::Max;
  const T factor = max ? T(1) : T(1) / static_cast<T>(op.kernel.voxels());
  const auto inside = [&](std::int64_t output, int axis) {
    const std::int64_t first = output * op.stride[axis] - op.padding[axis];
    return clamped({first, first + op.kernel[axis]}, in.size[axis]);
  };
  const RowRange rows = inside(d, 0);
  const RowRange lines = inside(h, 1);
  for (std::int64_t w = 0; w < outWidth; ++w, to += in.channels) {
    const RowRange voxels = inside(w, 2);
    std::fill(to, to + in.channels, max ? -std::numeric_limits<T>::infinity() : T(0));
    for (std::int64_t kd = rows.begin; kd < rows.end; ++kd) {
      for (std::int64_t kh = lines.begin; kh < lines.end; ++kh) {
        for (std::int64_t kw = voxels.begin; kw < voxels.end; ++kw) {
          const T* from = in.voxel(kd, kh, kw);
          for (std::int64_t c = 0; c < in.channels; ++c) {
            to[c] = max ? std::max(to[c], from[c]) : to[c] + from[c];
          }
        }
      }
    }
    for (std::int64_t c = 0; c < in.channels; ++c) {
      to[c] *= factor;
    }
  }
}

template <typename T>
void upsampleLine(const UpsampleOp& op,
                  const ChunkView<T>& in,
                  std::int64_t d,
                  std::int64_t h,
                  std::int64_t outWidth,
                  T* to) {
  if (op.kind == UpsampleOp::Kind::Nearest) {
    for (std::int64_t w = 0; w < outWidth; ++w, to += in.channels) {
      const T* from = in.voxel(d / op.factor.d, h / op.factor.h, w / op.factor.w);
      std::copy(from, from + in.channels, to);
    }
    return;
  }
  const auto row = between<T>(d, op.factor.d, in.size.d);
  const auto line = between<T>(h, op.factor.h, in.size.h);
  for (std::int64_t w = 0; w < outWidth; ++w, to += in.channels) {
    const auto voxel = between<T>(w, op.factor.w, in.size.w);
    const auto along = [&](std::int64_t id, std::int64_t ih, std::int64_t c) {
      const T a = in.voxel(id, ih, voxel.low)[c];
      const T b = in.voxel(id, ih, voxel.high)[c];
      return (T(1) - voxel.share) * a + voxel.share * b;
    };
    for (std::int64_t c = 0; c < in.channels; ++c) {
      const T upper = (T(1) - line.share) * along(row.low, line.low, c) +
                      line.share * along(row.low, line.high, c);
      const T lower = (T(1) - line.share) * along(row.high, line.low, c) +
                      line.share * along(row.high, line.high, c);
      to[c] = (T(1) - row.share) * upper + row.share * lower;
    }
  }
}

template <typename T>
void meanOf(const T* from, std::int64_t voxels, std::int64_t channels, T* to) {
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0.0;
    for (std::int64_t v = 0; v < voxels; ++v) {
      sum += static_cast<double>(from[v * channels + c]);
    }
    to[c] = static_cast<T>(sum / static_cast<double>(voxels));
  }
}

template <typename T>
void softmaxVoxels(const T* from, std::int64_t voxels, std::int64_t channels, T* to) {
  for (std::int64_t v = 0; v < voxels; ++v, from += channels, to += channels) {
    const T highest = *std::max_element(from, from + channels);
    T sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      to[c] = std::exp(from[c] - highest);
      sum += to[c];
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      to[c] /= sum;
    }
  }
}

template <typename T>
void argmaxVoxels(const T* from, std::int64_t voxels, std::int64_t channels, T* to) {
  for (std::int64_t v = 0; v < voxels; ++v, from += channels) {
    to[v] = static_cast<T>(std::max_element(from, from + channels) - from);
  }
}

#define ARGAND_SAMPLING(T)                                                                   \
  template void poolLine(                                                                    \
      const PoolOp&, const ChunkView<T>&, std::int64_t, std::int64_t, std::int64_t, T*);     \
  template void upsampleLine(                                                                \
      const UpsampleOp&, const ChunkView<T>&, std::int64_t, std::int64_t, std::int64_t, T*); \
  template void meanOf(const T*, std::int64_t, std::int64_t, T*);                            \
  template void softmaxVoxels(const T*, std::int64_t, std::int64_t, T*);                     \
  template void argmaxVoxels(const T*, std::int64_t, std::int64_t, T*);

ARGAND_SAMPLING(float)
ARGAND_SAMPLING(double)

}  // namespace argand::engine::kernels
