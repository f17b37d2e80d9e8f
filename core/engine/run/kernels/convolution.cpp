// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/kernels.h"
#include "core/engine/run/kernels/lanes.h"

#include <algorithm>
#include <cstring>

namespace argand::engine::kernels {

namespace {

// `kTile` neighbouring outputs of one line, one vector of output channels.
// Inside, no tap falls off the line's ends; adjacent, each reads the value behind
// that of the output before.
template <typename T, int kTile, bool kInside, bool kAdjacent>
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
  const std::int64_t inChannels = kAdjacent ? 1 : op.inChannels;
  const std::int64_t step = kAdjacent ? 1 : conv.stride.w * inChannels;
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
      const T* line = from + (d * op.inSize.h + ih) * op.inSize.w * inChannels;
      for (std::int64_t kw = 0; kw < conv.kernel.w; ++kw) {
        const std::int64_t iw = w * conv.stride.w - conv.padding.w + kw * conv.dilation.w;
        const std::int64_t tap = (kd * conv.kernel.h + kh) * conv.kernel.w + kw;
        const T* weights = packed + (tap * inChannels * blocks + block) * kLanes;
        const T* x = line + iw * inChannels;
        if (!kInside && (iw < 0 || iw >= op.inSize.w)) {
          continue;
        }
        for (std::int64_t c = 0; c < inChannels; ++c, weights += blocks * kLanes) {
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

template <typename T, bool kAdjacent>
ARGAND_INLINE void directLineOf(
    const DirectConv<T>& op, const T* from, std::int64_t row, std::int64_t h, T* to) {
  constexpr int kTile = 16;
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
        directTile<T, kTile, true, kAdjacent>(op, from, row, h, w, op.packed, block, to);
        w += kTile;
      } else {
        directTile<T, 1, false, kAdjacent>(op, from, row, h, w, op.packed, block, to);
        ++w;
      }
    }
  }
}

template <typename T>
ARGAND_INLINE void directLineAny(
    const DirectConv<T>& op, const T* from, std::int64_t row, std::int64_t h, T* to) {
  if (op.inChannels == 1 && op.conv->stride.w == 1) {
    directLineOf<T, true>(op, from, row, h, to);
  } else {
    directLineOf<T, false>(op, from, row, h, to);
  }
}

// Where kernel and stride are equal every output gets one product, and those of
// one line of inputs lie in the order of the outputs: a copy, with the bias added.
template <typename From, typename To>
ARGAND_INLINE void placeSeparateTaps(const From* from,
                                     std::int64_t inputs,
                                     std::int64_t run,
                                     std::int64_t perVoxel,
                                     const Wide<From>* bias,
                                     To* to) {
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  for (std::int64_t w = 0; w < inputs; ++w, from += perVoxel, to += run) {
    std::int64_t n = 0;
    for (; n + kLanes <= run; n += kLanes) {
      storeLanes(loadLanes(from + n) + loadLanes(bias + n), to + n);
    }
    if (n < run) {
      storeSome(loadSome(from + n, run - n) + loadSome(bias + n, run - n), to + n, run - n);
    }
  }
}

template <typename From, typename To>
ARGAND_INLINE void addTaps(const From* from, std::int64_t channels, To* to) {
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    storeLanes(loadLanes(to + c) + loadLanes(from + c), to + c);
  }
  if (c < channels) {
    storeSome(
        loadSome(to + c, channels - c) + loadSome(from + c, channels - c), to + c, channels - c);
  }
}

// Sums in wide numbers, rounded once.
template <typename From, typename To>
ARGAND_INLINE void placeAny(const TransposedConvOp& op,
                            const Extent& inSize,
                            const From* products,
                            std::int64_t firstRow,
                            const Wide<From>* bias,
                            std::int64_t d,
                            std::int64_t h,
                            std::int64_t outWidth,
                            To* to) {
  const std::int64_t channels = op.channels;
  const std::int64_t perVoxel = op.kernel.voxels() * channels;
  const std::vector<Tap> alongD = tapsOf(op, 0, d, inSize.d);
  const std::vector<Tap> alongH = tapsOf(op, 1, h, inSize.h);
  const auto lineOf = [&](const Tap& id, const Tap& ih) {
    const std::int64_t line = (id.input - firstRow) * inSize.h + ih.input;
    return products + line * inSize.w * perVoxel +
           (id.tap * op.kernel.h + ih.tap) * op.kernel.w * channels;
  };
  if (op.kernel == op.stride && op.padding == Extent{0, 0, 0} && alongD.size() == 1 &&
      alongH.size() == 1 && outWidth == inSize.w * op.stride.w) {
    const std::int64_t run = op.kernel.w * channels;
    std::vector<Wide<From>> repeated(static_cast<std::size_t>(run), 0);
    for (std::int64_t n = 0; bias != nullptr && n < run; ++n) {
      repeated[static_cast<std::size_t>(n)] = bias[n % channels];
    }
    placeSeparateTaps(lineOf(alongD[0], alongH[0]), inSize.w, run, perVoxel, repeated.data(), to);
    return;
  }
  std::vector<Wide<From>> sums(static_cast<std::size_t>(outWidth * channels), 0);
  for (std::int64_t n = 0; bias != nullptr && n < outWidth * channels; ++n) {
    sums[static_cast<std::size_t>(n)] = bias[n % channels];
  }
  for (std::int64_t kw = 0; kw < op.kernel.w; ++kw) {
    for (std::int64_t iw = 0; iw < inSize.w; ++iw) {
      const std::int64_t w = iw * op.stride.w + kw - op.padding.w;
      if (w < 0 || w >= outWidth) {
        continue;
      }
      for (const Tap& id : alongD) {
        for (const Tap& ih : alongH) {
          addTaps(
              lineOf(id, ih) + iw * perVoxel + kw * channels, channels, sums.data() + w * channels);
        }
      }
    }
  }
  copyLanes(static_cast<const Wide<From>*>(sums.data()), outWidth * channels, to);
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

#define ARGAND_PLACE(From, To, Name)                                    \
  ARGAND_CLONES void place##Name(const TransposedConvOp& op,            \
                                 const Extent& inSize,                  \
                                 const From* products,                  \
                                 std::int64_t firstRow,                 \
                                 const Wide<From>* bias,                \
                                 std::int64_t d,                        \
                                 std::int64_t h,                        \
                                 std::int64_t outWidth,                 \
                                 To* to) {                              \
    placeAny(op, inSize, products, firstRow, bias, d, h, outWidth, to); \
  }

ARGAND_PLACE(float, float, Float)
ARGAND_PLACE(double, double, Double)
ARGAND_PLACE(BFloat16, BFloat16, BFloat)
ARGAND_PLACE(BFloat16, float, BFloatToFloat)
ARGAND_PLACE(float, BFloat16, FloatToBFloat)
ARGAND_PLACE(float, Float16, FloatToHalf)

}  // namespace

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

#define ARGAND_EXPORT_PLACE(From, To, Name)                                \
  template <>                                                              \
  void placeTapsLine(const TransposedConvOp& op,                           \
                     const Extent& inSize,                                 \
                     const From* products,                                 \
                     std::int64_t firstRow,                                \
                     const Wide<From>* bias,                               \
                     std::int64_t d,                                       \
                     std::int64_t h,                                       \
                     std::int64_t outWidth,                                \
                     To* to) {                                             \
    place##Name(op, inSize, products, firstRow, bias, d, h, outWidth, to); \
  }

ARGAND_EXPORT_PLACE(float, float, Float)
ARGAND_EXPORT_PLACE(double, double, Double)
ARGAND_EXPORT_PLACE(BFloat16, BFloat16, BFloat)
ARGAND_EXPORT_PLACE(BFloat16, float, BFloatToFloat)
ARGAND_EXPORT_PLACE(float, BFloat16, FloatToBFloat)
ARGAND_EXPORT_PLACE(float, Float16, FloatToHalf)

template void addTo(const float*, std::int64_t, float*);
template void addTo(const double*, std::int64_t, double*);
template std::int64_t packedElements<float>(const ConvOp&, std::int64_t);
template std::int64_t packedElements<double>(const ConvOp&, std::int64_t);
template void packWeights(const float*, const ConvOp&, std::int64_t, float*);
template void packWeights(const double*, const ConvOp&, std::int64_t, double*);

}  // namespace argand::engine::kernels
