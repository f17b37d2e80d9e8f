// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/kernels.h"
#include "core/engine/run/kernels/lanes.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace argand::engine::kernels {

namespace {

// The type of a vector of T.
template <typename T>
using VectorOf = typename Lanes<Wide<T>>::Vector;

template <bool kScales, bool kActivates, typename V>
ARGAND_INLINE V linear(const V& x, const V& scale, const V& shift, const V& slope) {
  const V y = kScales ? x * scale + shift : x;
  if constexpr (kActivates) {
    return y > 0 ? y : y * slope;
  }
  return y;
}

// A known number of blocks of channels, whose tables stay in registers.
template <typename From, typename To, bool kScales, bool kActivates, int kBlocks>
ARGAND_INLINE void transformBlocks(const From* from,
                                   std::int64_t voxels,
                                   To* to,
                                   std::int64_t toStride,
                                   const Transform<Wide<From>>& t) {
  using V = VectorOf<From>;
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  V scale[kBlocks] = {};
  V shift[kBlocks] = {};
  const V slope = V{} + t.slope;
  for (int b = 0; kScales && b < kBlocks; ++b) {
    scale[b] = loadLanes(t.scale + b * kLanes);
    shift[b] = loadLanes(t.shift + b * kLanes);
  }
  for (std::int64_t v = 0; v < voxels; ++v, from += kBlocks * kLanes, to += toStride) {
    for (int b = 0; b < kBlocks; ++b) {
      const V x = loadLanes(from + b * kLanes);
      storeLanes(linear<kScales, kActivates>(x, scale[b], shift[b], slope), to + b * kLanes);
    }
  }
}

template <typename From, typename To, bool kScales, bool kActivates>
ARGAND_INLINE void transformLinear(const From* from,
                                   std::int64_t voxels,
                                   std::int64_t channels,
                                   To* to,
                                   std::int64_t toStride,
                                   const Transform<Wide<From>>& t) {
  using V = VectorOf<From>;
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  if (channels == kLanes) {
    transformBlocks<From, To, kScales, kActivates, 1>(from, voxels, to, toStride, t);
    return;
  }
  if (channels == 2 * kLanes) {
    transformBlocks<From, To, kScales, kActivates, 2>(from, voxels, to, toStride, t);
    return;
  }
  if (channels == 4 * kLanes) {
    transformBlocks<From, To, kScales, kActivates, 4>(from, voxels, to, toStride, t);
    return;
  }
  const V slope = V{} + t.slope;
  const std::int64_t whole = channels / kLanes * kLanes;
  const std::int64_t rest = channels - whole;
  for (std::int64_t v = 0; v < voxels; ++v, from += channels, to += toStride) {
    for (std::int64_t c = 0; c < whole; c += kLanes) {
      const V scale = kScales ? loadLanes(t.scale + c) : V{};
      const V shift = kScales ? loadLanes(t.shift + c) : V{};
      storeLanes(linear<kScales, kActivates>(loadLanes(from + c), scale, shift, slope), to + c);
    }
    if (rest > 0) {
      const V scale = kScales ? loadSome(t.scale + whole, rest) : V{};
      const V shift = kScales ? loadSome(t.shift + whole, rest) : V{};
      storeSome(linear<kScales, kActivates>(loadSome(from + whole, rest), scale, shift, slope),
                to + whole,
                rest);
    }
  }
}

// Activations that are not piecewise linear, and gates.
template <typename From, typename To>
ARGAND_INLINE void transformCurved(const From* from,
                                   std::int64_t voxels,
                                   std::int64_t channels,
                                   To* to,
                                   std::int64_t toStride,
                                   const Transform<Wide<From>>& t) {
  using V = VectorOf<From>;
  using T = Wide<From>;
  constexpr std::int64_t kLanes = Lanes<T>::kCount;
  for (std::int64_t v = 0; v < voxels; ++v, from += channels, to += toStride) {
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      const std::int64_t count = std::min(kLanes, channels - c);
      V y = loadSome(from + c, count);
      if (t.scale != nullptr) {
        y = y * loadSome(t.scale + c, count) + loadSome(t.shift + c, count);
      }
      if (t.activates) {
        y = y > 0 ? y : y * t.slope;
      } else if (t.slopes != nullptr) {
        y = y > 0 ? y : y * loadSome(t.slopes + c, count);
      } else if (t.silu || t.sigmoid) {
        for (std::int64_t n = 0; n < count; ++n) {
          const T curve = T(1) / (T(1) + std::exp(-y[n]));
          y[n] = t.silu ? y[n] * curve : curve;
        }
      }
      if (t.gate != nullptr) {
        y = y * loadSome(t.gate + c, count);
      }
      storeSome(y, to + c, count);
    }
  }
}

template <typename From, typename To>
ARGAND_INLINE void transformAny(const From* from,
                                std::int64_t voxels,
                                std::int64_t channels,
                                To* to,
                                std::int64_t toStride,
                                const Transform<Wide<From>>& t) {
  if (t.slopes != nullptr || t.silu || t.sigmoid || t.gate != nullptr) {
    transformCurved(from, voxels, channels, to, toStride, t);
  } else if (t.scale != nullptr && t.activates) {
    transformLinear<From, To, true, true>(from, voxels, channels, to, toStride, t);
  } else if (t.scale != nullptr) {
    transformLinear<From, To, true, false>(from, voxels, channels, to, toStride, t);
  } else if (t.activates) {
    transformLinear<From, To, false, true>(from, voxels, channels, to, toStride, t);
  } else {
    transformLinear<From, To, false, false>(from, voxels, channels, to, toStride, t);
  }
}

// Sums over short runs in T, joined in double, of differences from the first
// voxel, so that a large mean costs no digits.
template <typename From, typename To, bool kCopies>
ARGAND_INLINE void storeBlock(const From* from,
                              std::int64_t voxels,
                              std::int64_t channels,
                              std::int64_t count,
                              To* to,
                              double* moments) {
  using V = VectorOf<From>;
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  constexpr std::int64_t kRun = 64;
  const bool full = count == kLanes;
  const V shift = loadSome(from, count);
  double sum[kLanes] = {};
  double squares[kLanes] = {};
  for (std::int64_t begin = 0; begin < voxels; begin += kRun) {
    const std::int64_t end = std::min(voxels, begin + kRun);
    V runSum = {};
    V runSquares = {};
    for (std::int64_t v = begin; v < end; ++v) {
      const V x = full ? loadLanes(from + v * channels) : loadSome(from + v * channels, count);
      if constexpr (kCopies) {
        if (full) {
          storeLanes(x, to + v * channels);
        } else {
          storeSome(x, to + v * channels, count);
        }
      }
      const V difference = x - shift;
      runSum += difference;
      runSquares += difference * difference;
    }
    for (std::int64_t n = 0; n < kLanes; ++n) {
      sum[n] += static_cast<double>(runSum[n]);
      squares[n] += static_cast<double>(runSquares[n]);
    }
  }
  const double inverse = 1.0 / static_cast<double>(voxels);
  for (std::int64_t n = 0; n < count; ++n) {
    const double mean = sum[n] * inverse;
    moments[2 * n] = static_cast<double>(shift[n]) + mean;
    moments[2 * n + 1] = std::max(0.0, squares[n] - sum[n] * mean);
  }
}

template <typename From, typename To>
ARGAND_INLINE void storeAny(
    const From* from, std::int64_t voxels, std::int64_t channels, To* to, double* moments) {
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  const bool copies = static_cast<const void*>(from) != static_cast<const void*>(to);
  if (moments == nullptr) {
    if (copies) {
      copyLanes(from, voxels * channels, to);
    }
    return;
  }
  for (std::int64_t c = 0; c < channels; c += kLanes) {
    const std::int64_t count = std::min(kLanes, channels - c);
    if (copies) {
      storeBlock<From, To, true>(from + c, voxels, channels, count, to + c, moments + 2 * c);
    } else {
      storeBlock<From, To, false>(from + c, voxels, channels, count, to + c, moments + 2 * c);
    }
  }
}

template <typename T, std::int64_t kBlock>
ARGAND_INLINE void gradientOfBlock(const T* from,
                                   const T* gradient,
                                   std::int64_t voxels,
                                   std::int64_t channels,
                                   const T* scale,
                                   const T* shift,
                                   T slope,
                                   T* toInput,
                                   double* toScale,
                                   double* toShift) {
  double scaleSum[kBlock] = {};
  double shiftSum[kBlock] = {};
  for (std::int64_t v = 0; v < voxels; ++v) {
    for (std::int64_t n = 0; n < kBlock; ++n) {
      const T x = from[v * channels + n];
      const T y = x * scale[n] + shift[n];
      const T g = y > T(0) ? gradient[v * channels + n] : gradient[v * channels + n] * slope;
      toInput[v * channels + n] = g * scale[n];
      scaleSum[n] += static_cast<double>(g) * static_cast<double>(x);
      shiftSum[n] += static_cast<double>(g);
    }
  }
  for (std::int64_t n = 0; n < kBlock; ++n) {
    toScale[n] = scaleSum[n];
    toShift[n] = shiftSum[n];
  }
}

template <typename T>
ARGAND_INLINE void gradientAny(const T* from,
                               const T* gradient,
                               std::int64_t voxels,
                               std::int64_t channels,
                               const Transform<T>& t,
                               T* toInput,
                               double* toScale,
                               double* toShift) {
  constexpr std::int64_t kBlock = 16;
  const auto block = [&](auto size, std::int64_t c) __attribute__((always_inline)) {
    gradientOfBlock<T, decltype(size)::value>(from + c,
                                              gradient + c,
                                              voxels,
                                              channels,
                                              t.scale + c,
                                              t.shift + c,
                                              t.slope,
                                              toInput + c,
                                              toScale + c,
                                              toShift + c);
  };
  std::int64_t c = 0;
  for (; c + kBlock <= channels; c += kBlock) {
    block(std::integral_constant<std::int64_t, kBlock>{}, c);
  }
  for (; c < channels; ++c) {
    block(std::integral_constant<std::int64_t, 1>{}, c);
  }
}

// One function per pair of types, since a template has no clones.
#define ARGAND_POINTWISE(From, To, Name)                                                       \
  ARGAND_CLONES void transform##Name(const From* from,                                         \
                                     std::int64_t voxels,                                      \
                                     std::int64_t channels,                                    \
                                     To* to,                                                   \
                                     std::int64_t toStride,                                    \
                                     const Transform<Wide<From>>& t) {                         \
    transformAny(from, voxels, channels, to, toStride, t);                                     \
  }                                                                                            \
  ARGAND_CLONES void store##Name(                                                              \
      const From* from, std::int64_t voxels, std::int64_t channels, To* to, double* moments) { \
    storeAny(from, voxels, channels, to, moments);                                             \
  }

ARGAND_POINTWISE(float, float, Float)
ARGAND_POINTWISE(double, double, Double)
ARGAND_POINTWISE(BFloat16, BFloat16, BFloat)
ARGAND_POINTWISE(BFloat16, float, BFloatToFloat)
ARGAND_POINTWISE(Float16, Float16, Half)
ARGAND_POINTWISE(Float16, float, HalfToFloat)
ARGAND_POINTWISE(float, BFloat16, FloatToBFloat)
ARGAND_POINTWISE(float, Float16, FloatToHalf)

ARGAND_CLONES void gradientFloat(const float* from,
                                 const float* gradient,
                                 std::int64_t voxels,
                                 std::int64_t channels,
                                 const Transform<float>& t,
                                 float* toInput,
                                 double* toScale,
                                 double* toShift) {
  gradientAny(from, gradient, voxels, channels, t, toInput, toScale, toShift);
}

ARGAND_CLONES void gradientDouble(const double* from,
                                  const double* gradient,
                                  std::int64_t voxels,
                                  std::int64_t channels,
                                  const Transform<double>& t,
                                  double* toInput,
                                  double* toScale,
                                  double* toShift) {
  gradientAny(from, gradient, voxels, channels, t, toInput, toScale, toShift);
}

}  // namespace

#define ARGAND_EXPORT_POINTWISE(From, To, Name)                                                \
  template <>                                                                                  \
  void transformVoxels(const From* from,                                                       \
                       std::int64_t voxels,                                                    \
                       std::int64_t channels,                                                  \
                       To* to,                                                                 \
                       std::int64_t toStride,                                                  \
                       const Transform<Wide<From>>& t) {                                       \
    transform##Name(from, voxels, channels, to, toStride, t);                                  \
  }                                                                                            \
  template <>                                                                                  \
  void storeVoxels(                                                                            \
      const From* from, std::int64_t voxels, std::int64_t channels, To* to, double* moments) { \
    store##Name(from, voxels, channels, to, moments);                                          \
  }

ARGAND_EXPORT_POINTWISE(float, float, Float)
ARGAND_EXPORT_POINTWISE(double, double, Double)
ARGAND_EXPORT_POINTWISE(BFloat16, BFloat16, BFloat)
ARGAND_EXPORT_POINTWISE(BFloat16, float, BFloatToFloat)
ARGAND_EXPORT_POINTWISE(Float16, Float16, Half)
ARGAND_EXPORT_POINTWISE(Float16, float, HalfToFloat)
ARGAND_EXPORT_POINTWISE(float, BFloat16, FloatToBFloat)
ARGAND_EXPORT_POINTWISE(float, Float16, FloatToHalf)

template <>
void transformGradient(const float* from,
                       const float* gradient,
                       std::int64_t voxels,
                       std::int64_t channels,
                       const Transform<float>& transform,
                       float* toInput,
                       double* toScale,
                       double* toShift) {
  gradientFloat(from, gradient, voxels, channels, transform, toInput, toScale, toShift);
}

template <>
void transformGradient(const double* from,
                       const double* gradient,
                       std::int64_t voxels,
                       std::int64_t channels,
                       const Transform<double>& transform,
                       double* toInput,
                       double* toScale,
                       double* toShift) {
  gradientDouble(from, gradient, voxels, channels, transform, toInput, toScale, toShift);
}

template <typename T>
void statistics(const T* from, std::int64_t voxels, std::int64_t channels, double* moments) {
  storeVoxels(from, voxels, channels, const_cast<T*>(from), moments);  // copies nothing
}

template void statistics(const float*, std::int64_t, std::int64_t, double*);
template void statistics(const double*, std::int64_t, std::int64_t, double*);

void joinMoments(const double* moments,
                 const std::int64_t* voxels,
                 std::int64_t count,
                 std::int64_t channels,
                 double* joined) {
  std::copy(moments, moments + 2 * channels, joined);
  auto total = static_cast<double>(voxels[0]);
  for (std::int64_t n = 1; n < count; ++n) {
    const double* piece = moments + 2 * n * channels;
    const auto more = static_cast<double>(voxels[n]);
    const double sum = total + more;
    const double share = more / sum;
    const double spread = total * more / sum;
    for (std::int64_t c = 0; c < channels; ++c) {
      const double difference = piece[2 * c] - joined[2 * c];
      joined[2 * c] += difference * share;
      joined[2 * c + 1] += piece[2 * c + 1] + difference * difference * spread;
    }
    total = sum;
  }
}

}  // namespace argand::engine::kernels
