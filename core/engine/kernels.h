// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: loops over channels-last rows, vectorised for the
// processor at hand. All are serial; callers divide the work among threads.
#pragma once

#include "core/engine/graph.h"

#include <cstdint>
#include <vector>

namespace argand::engine::kernels {

// What is applied to a stored value on the way into the next operation.
template <typename T>
struct Transform {
  const T* scale = nullptr;  // per channel, with `shift`; null: none
  const T* shift = nullptr;
  bool activates = false;
  T slope = 0;  // of leaky ReLU
};

// to[v][c] = transformed from[v][c] for `voxels` voxels; `toStride` is the
// number of channels of `to`, whose pointer is at its first channel to write.
template <typename T>
void transformVoxels(const T* from,
                     std::int64_t voxels,
                     std::int64_t channels,
                     T* to,
                     std::int64_t toStride,
                     const Transform<T>& transform);

// Mean and sum of squared deviations per channel over `voxels` voxels, as
// (mean, deviation) pairs.
template <typename T>
void statistics(const T* from, std::int64_t voxels, std::int64_t channels, double* moments);

// Joins the moments of `count` pieces, `voxels[n]` voxels each, in order (Chan,
// Golub and LeVeque 1979). `moments` is (piece, channel, 2).
void joinMoments(const double* moments,
                 const std::int64_t* voxels,
                 std::int64_t count,
                 std::int64_t channels,
                 double* joined);

// The gradient of transformVoxels: of its input, and summed over the voxels
// those of scale and shift.
template <typename T>
void transformGradient(const T* from,
                       const T* gradient,
                       std::int64_t voxels,
                       std::int64_t channels,
                       const Transform<T>& transform,
                       T* toInput,
                       double* toScale,
                       double* toShift);

// to[n] += from[n].
template <typename T>
void addTo(const T* from, std::int64_t count, T* to);

// Weights of a convolution as the direct kernel reads them: (tap, in, block of
// outputs), outputs filled up with zeros to whole vectors.
template <typename T>
[[nodiscard]] std::int64_t packedElements(const ConvOp& conv, std::int64_t inChannels);
template <typename T>
void packWeights(const T* weight, const ConvOp& conv, std::int64_t inChannels, T* packed);

// One line (all w) of a convolution's output. `from` is channels-last rows with
// the padding along depth in place: (rows, inSize.h, inSize.w, in); `row` is the
// first of them that this output row reads.
template <typename T>
struct DirectConv {
  const ConvOp* conv = nullptr;
  std::int64_t inChannels = 0;
  Extent inSize;
  std::int64_t outWidth = 0;
  const T* packed = nullptr;
  const T* bias = nullptr;  // may be null
};

template <typename T>
void directConvLine(
    const DirectConv<T>& op, const T* from, std::int64_t row, std::int64_t h, T* to);

// Where the taps of a transposed convolution fall along one axis: output o gets
// input i through tap k for each pair.
struct Tap {
  std::int64_t input = 0;
  std::int64_t tap = 0;
};

[[nodiscard]] std::vector<Tap> tapsOf(const TransposedConvOp& op,
                                      int axis,
                                      std::int64_t output,
                                      std::int64_t inputs);

// One line of a transposed convolution's output from the products of every
// input voxel with every tap: `products` is (row, h, w, tap, channels), its
// first row that of input `firstRow`.
template <typename T>
void placeTapsLine(const TransposedConvOp& op,
                   const Extent& inSize,
                   const T* products,
                   std::int64_t firstRow,
                   const T* bias,
                   std::int64_t d,
                   std::int64_t h,
                   std::int64_t outWidth,
                   T* to);

}  // namespace argand::engine::kernels
