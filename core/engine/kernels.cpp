// SPDX-License-Identifier: Apache-2.0
#include "core/engine/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// Chosen at run time by the processor. Sanitizers are not ready when the choice is made.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ARGAND_CLONES \
  __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define ARGAND_CLONES
#endif
#define ARGAND_INLINE __attribute__((always_inline)) inline

namespace argand::engine::kernels {

namespace {

// One cache line of numbers; the compiler maps it to the registers there are.
template <typename T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(64)));
  static constexpr std::int64_t kCount = 64 / sizeof(T);
};

template <typename T, bool kScales, bool kActivates>
ARGAND_INLINE T transformed(T x, std::int64_t c, const Transform<T>& t) {
  const T y = kScales ? x * t.scale[c] + t.shift[c] : x;
  return kActivates ? (y > T(0) ? y : y * t.slope) : y;
}

template <typename T, bool kScales, bool kActivates>
ARGAND_INLINE void transformAll(const T* from,
                                std::int64_t voxels,
                                std::int64_t channels,
                                T* to,
                                std::int64_t toStride,
                                const Transform<T>& t) {
  constexpr std::int64_t kBlock = Lanes<T>::kCount;
  for (std::int64_t v = 0; v < voxels; ++v, from += channels, to += toStride) {
    std::int64_t c = 0;
    for (; c + kBlock <= channels; c += kBlock) {
      for (std::int64_t n = 0; n < kBlock; ++n) {
        to[c + n] = transformed<T, kScales, kActivates>(from[c + n], c + n, t);
      }
    }
    for (; c < channels; ++c) {
      to[c] = transformed<T, kScales, kActivates>(from[c], c, t);
    }
  }
}

template <typename T>
ARGAND_INLINE void transformAny(const T* from,
                                std::int64_t voxels,
                                std::int64_t channels,
                                T* to,
                                std::int64_t toStride,
                                const Transform<T>& t) {
  if (t.scale != nullptr) {
    if (t.activates) {
      transformAll<T, true, true>(from, voxels, channels, to, toStride, t);
    } else {
      transformAll<T, true, false>(from, voxels, channels, to, toStride, t);
    }
  } else if (t.activates) {
    transformAll<T, false, true>(from, voxels, channels, to, toStride, t);
  } else {
    transformAll<T, false, false>(from, voxels, channels, to, toStride, t);
  }
}

// Sums of (x - first voxel) and its square for a block of channels, so that a
// large mean costs no digits.
template <typename T, std::int64_t kBlock>
ARGAND_INLINE void momentsOfBlock(const T* from,
                                  std::int64_t voxels,
                                  std::int64_t channels,
                                  double* moments) {
  double shift[kBlock];
  double sum[kBlock] = {};
  double squares[kBlock] = {};
  for (std::int64_t n = 0; n < kBlock; ++n) {
    shift[n] = static_cast<double>(from[n]);
  }
  for (std::int64_t v = 0; v < voxels; ++v) {
    for (std::int64_t n = 0; n < kBlock; ++n) {
      const double x = static_cast<double>(from[v * channels + n]) - shift[n];
      sum[n] += x;
      squares[n] += x * x;
    }
  }
  const double inverse = 1.0 / static_cast<double>(voxels);
  for (std::int64_t n = 0; n < kBlock; ++n) {
    const double mean = sum[n] * inverse;
    moments[2 * n] = shift[n] + mean;
    moments[2 * n + 1] = std::max(0.0, squares[n] - sum[n] * mean);
  }
}

template <typename T>
ARGAND_INLINE void statisticsAny(const T* from,
                                 std::int64_t voxels,
                                 std::int64_t channels,
                                 double* moments) {
  constexpr std::int64_t kBlock = 16;
  std::int64_t c = 0;
  for (; c + kBlock <= channels; c += kBlock) {
    momentsOfBlock<T, kBlock>(from + c, voxels, channels, moments + 2 * c);
  }
  for (; c < channels; ++c) {
    momentsOfBlock<T, 1>(from + c, voxels, channels, moments + 2 * c);
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
  std::int64_t c = 0;
  for (; c + kBlock <= channels; c += kBlock) {
    gradientOfBlock<T, kBlock>(from + c,
                               gradient + c,
                               voxels,
                               channels,
                               t.scale + c,
                               t.shift + c,
                               t.slope,
                               toInput + c,
                               toScale + c,
                               toShift + c);
  }
  for (; c < channels; ++c) {
    gradientOfBlock<T, 1>(from + c,
                          gradient + c,
                          voxels,
                          channels,
                          t.scale + c,
                          t.shift + c,
                          t.slope,
                          toInput + c,
                          toScale + c,
                          toShift + c);
  }
}

// `kTile` neighbouring outputs of one line, one vector of output channels.
// Inside, no tap falls off the line's ends.
template <typename T, int kTile, bool kInside>
ARGAND_INLINE void directTile(const DirectConv<T>& op,
                              const T* from,
                              std::int64_t row,
                              std::int64_t h,
                              std::int64_t w,
                              const T* packed,
                              std::int64_t block,
                              T* to) {
  using Vector = typename Lanes<T>::Vector;
  constexpr std::int64_t kLanes = Lanes<T>::kCount;
  const ConvOp& conv = *op.conv;
  const std::int64_t blocks = (conv.channels + kLanes - 1) / kLanes;
  const std::int64_t step = conv.stride.w * op.inChannels;
  Vector sums[kTile] = {};
  if (op.bias != nullptr) {
    for (std::int64_t n = 0; n < std::min(kLanes, conv.channels - block * kLanes); ++n) {
      for (int t = 0; t < kTile; ++t) {
        sums[t][n] = op.bias[block * kLanes + n];
      }
    }
  }
  for (std::int64_t kd = 0; kd < conv.kernel.d; ++kd) {
    const std::int64_t d = row + kd * conv.dilation.d;
    for (std::int64_t kh = 0; kh < conv.kernel.h; ++kh) {
      const std::int64_t ih = h * conv.stride.h - conv.padding.h + kh * conv.dilation.h;
      if (ih < 0 || ih >= op.inSize.h) {
        continue;
      }
      const T* line = from + (d * op.inSize.h + ih) * op.inSize.w * op.inChannels;
      for (std::int64_t kw = 0; kw < conv.kernel.w; ++kw) {
        const std::int64_t iw = w * conv.stride.w - conv.padding.w + kw * conv.dilation.w;
        const std::int64_t tap = (kd * conv.kernel.h + kh) * conv.kernel.w + kw;
        const T* weights = packed + (tap * op.inChannels * blocks + block) * kLanes;
        const T* x = line + iw * op.inChannels;
        if (!kInside && (iw < 0 || iw >= op.inSize.w)) {
          continue;
        }
        for (std::int64_t c = 0; c < op.inChannels; ++c, weights += blocks * kLanes) {
          Vector weight;
          std::memcpy(&weight, weights, sizeof weight);
          for (int t = 0; t < kTile; ++t) {
            sums[t] += x[c + t * step] * weight;
          }
        }
      }
    }
  }
  const std::int64_t count = std::min(kLanes, conv.channels - block * kLanes);
  for (int t = 0; t < kTile; ++t) {
    std::memcpy(to + (w + t) * conv.channels + block * kLanes,
                &sums[t],
                static_cast<std::size_t>(count) * sizeof(T));
  }
}

template <typename T>
ARGAND_INLINE void directLineAny(
    const DirectConv<T>& op, const T* from, std::int64_t row, std::int64_t h, T* to) {
  constexpr int kTile = 8;
  constexpr std::int64_t kLanes = Lanes<T>::kCount;
  const ConvOp& conv = *op.conv;
  const std::int64_t blocks = (conv.channels + kLanes - 1) / kLanes;
  const std::int64_t reach = conv.dilation.w * (conv.kernel.w - 1);
  const std::int64_t firstInside = (conv.padding.w + conv.stride.w - 1) / conv.stride.w;
  const std::int64_t room = op.inSize.w - 1 - reach + conv.padding.w;
  const std::int64_t endInside = room < 0 ? 0 : room / conv.stride.w + 1;
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (std::int64_t w = 0; w < op.outWidth;) {
      if (w >= firstInside && w + kTile <= std::min(endInside, op.outWidth)) {
        directTile<T, kTile, true>(op, from, row, h, w, op.packed, block, to);
        w += kTile;
      } else {
        directTile<T, 1, false>(op, from, row, h, w, op.packed, block, to);
        ++w;
      }
    }
  }
}

ARGAND_CLONES void transformFloat(const float* from,
                                  std::int64_t voxels,
                                  std::int64_t channels,
                                  float* to,
                                  std::int64_t toStride,
                                  const Transform<float>& t) {
  transformAny(from, voxels, channels, to, toStride, t);
}

ARGAND_CLONES void transformDouble(const double* from,
                                   std::int64_t voxels,
                                   std::int64_t channels,
                                   double* to,
                                   std::int64_t toStride,
                                   const Transform<double>& t) {
  transformAny(from, voxels, channels, to, toStride, t);
}

ARGAND_CLONES void statisticsFloat(const float* from,
                                   std::int64_t voxels,
                                   std::int64_t channels,
                                   double* moments) {
  statisticsAny(from, voxels, channels, moments);
}

ARGAND_CLONES void statisticsDouble(const double* from,
                                    std::int64_t voxels,
                                    std::int64_t channels,
                                    double* moments) {
  statisticsAny(from, voxels, channels, moments);
}

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

ARGAND_CLONES void directFloat(
    const DirectConv<float>& op, const float* from, std::int64_t row, std::int64_t h, float* to) {
  directLineAny(op, from, row, h, to);
}

ARGAND_CLONES void directDouble(const DirectConv<double>& op,
                                const double* from,
                                std::int64_t row,
                                std::int64_t h,
                                double* to) {
  directLineAny(op, from, row, h, to);
}

}  // namespace

template <>
void transformVoxels(const float* from,
                     std::int64_t voxels,
                     std::int64_t channels,
                     float* to,
                     std::int64_t toStride,
                     const Transform<float>& transform) {
  transformFloat(from, voxels, channels, to, toStride, transform);
}

template <>
void transformVoxels(const double* from,
                     std::int64_t voxels,
                     std::int64_t channels,
                     double* to,
                     std::int64_t toStride,
                     const Transform<double>& transform) {
  transformDouble(from, voxels, channels, to, toStride, transform);
}

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

template <>
void statistics(const float* from, std::int64_t voxels, std::int64_t channels, double* moments) {
  statisticsFloat(from, voxels, channels, moments);
}

template <>
void statistics(const double* from, std::int64_t voxels, std::int64_t channels, double* moments) {
  statisticsDouble(from, voxels, channels, moments);
}

void joinMoments(const double* moments,
                 const std::int64_t* voxels,
                 std::int64_t count,
                 std::int64_t channels,
                 double* joined) {
  for (std::int64_t c = 0; c < channels; ++c) {
    double mean = moments[2 * c];
    double deviation = moments[2 * c + 1];
    double total = static_cast<double>(voxels[0]);
    for (std::int64_t n = 1; n < count; ++n) {
      const double* piece = moments + 2 * (n * channels + c);
      const double more = static_cast<double>(voxels[n]);
      const double difference = piece[0] - mean;
      const double sum = total + more;
      mean += difference * (more / sum);
      deviation += piece[1] + difference * difference * (total * more / sum);
      total = sum;
    }
    joined[2 * c] = mean;
    joined[2 * c + 1] = deviation;
  }
}

template <typename T>
void addTo(const T* from, std::int64_t count, T* to) {
  for (std::int64_t n = 0; n < count; ++n) {
    to[n] += from[n];
  }
}

template <typename T>
std::int64_t packedElements(const ConvOp& conv, std::int64_t inChannels) {
  constexpr std::int64_t kLanes = Lanes<T>::kCount;
  return conv.kernel.voxels() * inChannels * ((conv.channels + kLanes - 1) / kLanes * kLanes);
}

template <typename T>
void packWeights(const T* weight, const ConvOp& conv, std::int64_t inChannels, T* packed) {
  constexpr std::int64_t kLanes = Lanes<T>::kCount;
  const std::int64_t width = (conv.channels + kLanes - 1) / kLanes * kLanes;
  const std::int64_t taps = conv.kernel.voxels();
  const std::int64_t inGroup = inChannels / conv.groups;
  const std::int64_t outGroup = conv.channels / conv.groups;
  std::fill(packed, packed + packedElements<T>(conv, inChannels), T(0));
  for (std::int64_t out = 0; out < conv.channels; ++out) {
    for (std::int64_t in = 0; in < inGroup; ++in) {
      const std::int64_t source = out / outGroup * inGroup + in;
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        packed[(tap * inChannels + source) * width + out] =
            weight[(out * inGroup + in) * taps + tap];
      }
    }
  }
}

template <>
void directConvLine(
    const DirectConv<float>& op, const float* from, std::int64_t row, std::int64_t h, float* to) {
  directFloat(op, from, row, h, to);
}

template <>
void directConvLine(const DirectConv<double>& op,
                    const double* from,
                    std::int64_t row,
                    std::int64_t h,
                    double* to) {
  directDouble(op, from, row, h, to);
}

std::vector<Tap> tapsOf(const TransposedConvOp& op,
                        int axis,
                        std::int64_t output,
                        std::int64_t inputs) {
  std::vector<Tap> taps;
  for (std::int64_t k = 0; k < op.kernel[axis]; ++k) {
    const std::int64_t scaled = output + op.padding[axis] - k;
    if (scaled >= 0 && scaled % op.stride[axis] == 0 && scaled / op.stride[axis] < inputs) {
      taps.push_back({scaled / op.stride[axis], k});
    }
  }
  return taps;
}

template <typename T>
void placeTapsLine(const TransposedConvOp& op,
                   const Extent& inSize,
                   const T* products,
                   std::int64_t firstRow,
                   const T* bias,
                   std::int64_t d,
                   std::int64_t h,
                   std::int64_t outWidth,
                   T* to) {
  const std::int64_t channels = op.channels;
  const std::int64_t perVoxel = op.kernel.voxels() * channels;
  const std::vector<Tap> alongD = tapsOf(op, 0, d, inSize.d);
  const std::vector<Tap> alongH = tapsOf(op, 1, h, inSize.h);
  for (std::int64_t w = 0; w < outWidth; ++w) {
    T* voxel = to + w * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      voxel[c] = bias == nullptr ? T(0) : bias[c];
    }
    for (std::int64_t kw = 0; kw < op.kernel.w; ++kw) {
      const std::int64_t scaled = w + op.padding.w - kw;
      if (scaled < 0 || scaled % op.stride.w != 0 || scaled / op.stride.w >= inSize.w) {
        continue;
      }
      for (const Tap& id : alongD) {
        for (const Tap& ih : alongH) {
          const std::int64_t index =
              ((id.input - firstRow) * inSize.h + ih.input) * inSize.w + scaled / op.stride.w;
          const std::int64_t tap = (id.tap * op.kernel.h + ih.tap) * op.kernel.w + kw;
          addTo(products + index * perVoxel + tap * channels, channels, voxel);
        }
      }
    }
  }
}

template void addTo(const float*, std::int64_t, float*);
template void addTo(const double*, std::int64_t, double*);
template std::int64_t packedElements<float>(const ConvOp&, std::int64_t);
template std::int64_t packedElements<double>(const ConvOp&, std::int64_t);
template void packWeights(const float*, const ConvOp&, std::int64_t, float*);
template void packWeights(const double*, const ConvOp&, std::int64_t, double*);
template void placeTapsLine(const TransposedConvOp&,
                            const Extent&,
                            const float*,
                            std::int64_t,
                            const float*,
                            std::int64_t,
                            std::int64_t,
                            std::int64_t,
                            float*);
template void placeTapsLine(const TransposedConvOp&,
                            const Extent&,
                            const double*,
                            std::int64_t,
                            const double*,
                            std::int64_t,
                            std::int64_t,
                            std::int64_t,
                            double*);

}  // namespace argand::engine::kernels
