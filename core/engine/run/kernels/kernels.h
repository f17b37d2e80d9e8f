// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: loops over channels-last rows, vectorised for the
// processor at hand. All are serial; callers divide the work among threads.
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/run/kernels/types.h"

#include <cstdint>
#include <vector>

namespace argand::engine::kernels {

// What is applied to a stored value on the way into the next operation: norm,
// activation, gate. Tables are per channel; null: none.
template <typename T>
struct Transform {
  const T* scale = nullptr;  // with `shift`
  const T* shift = nullptr;
  bool activates = false;  // leaky ReLU
  T slope = 0;
  const T* slopes = nullptr;  // PReLU
  bool silu = false;
  bool sigmoid = false;
  const T* gate = nullptr;
};

// to[v][c] = transformed from[v][c] for `voxels` voxels; `toStride` is the
// number of channels of `to`, whose pointer is at its first channel to write.
// Numbers are wide on the way. Types: float, double, BFloat16 or Float16 to float
// or double, BFloat16 to itself.
template <typename From, typename To>
void transformVoxels(const From* from,
                     std::int64_t voxels,
                     std::int64_t channels,
                     To* to,
                     std::int64_t toStride,
                     const Transform<Wide<From>>& transform);

// Copies `voxels` voxels, rounded to the type of `to`, and takes their mean and
// sum of squared deviations per channel, as (mean, deviation) pairs, where
// `moments` is not null. `to` may be `from`, which copies nothing.
template <typename From, typename To>
void storeVoxels(
    const From* from, std::int64_t voxels, std::int64_t channels, To* to, double* moments);

// The moments alone.
template <typename T>
void statistics(const T* from, std::int64_t voxels, std::int64_t channels, double* moments);

// Joins the moments of `count` pieces, `voxels[n]` voxels each, in order (Chan,
// Golub and LeVeque 1979). `moments` is (piece, channel, 2).
void joinMoments(const double* moments,
                 const std::int64_t* voxels,
                 std::int64_t count,
                 std::int64_t channels,
                 double* joined);

// The gradient of transformVoxels by scale, shift and slope: of its input, and
// summed over the voxels those of scale and shift.
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
template <typename From, typename To>
void placeTapsLine(const TransposedConvOp& op,
                   const Extent& inSize,
                   const From* products,
                   std::int64_t firstRow,
                   const Wide<From>* bias,
                   std::int64_t d,
                   std::int64_t h,
                   std::int64_t outWidth,
                   To* to);

// Rows of a chunk as a sampling kernel reads them: `from` is (rows, size.h,
// size.w, channels), its first row that of `firstRow`.
template <typename T>
struct ChunkView {
  const T* from = nullptr;
  std::int64_t firstRow = 0;
  Extent size;  // of the whole tensor
  std::int64_t channels = 0;

  [[nodiscard]] const T* voxel(std::int64_t d, std::int64_t h, std::int64_t w) const {
    return from + (((d - firstRow) * size.h + h) * size.w + w) * channels;
  }
};

// One line of the output of pooling and of up-sampling.
template <typename T>
void poolLine(const PoolOp& op,
              const ChunkView<T>& in,
              std::int64_t d,
              std::int64_t h,
              std::int64_t outWidth,
              T* to);
template <typename T>
void upsampleLine(const UpsampleOp& op,
                  const ChunkView<T>& in,
                  std::int64_t d,
                  std::int64_t h,
                  std::int64_t outWidth,
                  T* to);

// The mean of `voxels` voxels per channel.
template <typename T>
void meanOf(const T* from, std::int64_t voxels, std::int64_t channels, T* to);

template <typename T>
void softmaxVoxels(const T* from, std::int64_t voxels, std::int64_t channels, T* to);

// The first channel of the highest value.
template <typename T>
void argmaxVoxels(const T* from, std::int64_t voxels, std::int64_t channels, T* to);

}  // namespace argand::engine::kernels
