// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: 3x3 convolutions with fewer multiplications.
#pragma once

#include "core/engine/plan/winograd.h"
#include "core/engine/run/kernels/kernels.h"

#include <cstdint>
#include <vector>

// A k x 3 x 3 convolution of stride 1 as F(4x4, 3x3) along height and width (Lavin and
// Gray 2016, "Fast Algorithms for Convolutional Neural Networks"): 36 products make
// 16 outputs, where 144 do without. Depth is a plain sum over its taps, so that the
// rounding of a row does not depend on the rows that are computed with it.
namespace argand::engine::kernels {

struct WinogradConv {
  std::int64_t depthTaps = 3;     // at most kMostWinogradDepthTaps
  std::int64_t inChannels = 16;   // a multiple of 16
  std::int64_t outChannels = 16;  // a multiple of 16
  std::int64_t paddingH = 1;
  std::int64_t paddingW = 1;
  Extent inSize;   // its depth does not matter
  Extent outSize;  // nor here
  const float* packed = nullptr;
  const float* bias = nullptr;  // may be null
};

// The transformed weights: (frequency, block of outputs, depth tap, in, out of the block).
// `weight` is (out, in, depth tap, 3, 3).
void packWinograd(const float* weight,
                  std::int64_t depthTaps,
                  std::int64_t inChannels,
                  std::int64_t outChannels,
                  float* packed);

// A stored tensor on the way in, or the part of one that a convolution reads: transformed
// as it is read, so that nothing of it is ever stored again.
template <typename From>
struct WinogradPart {
  std::int64_t channels = 0;  // a multiple of 16
  Transform<float> transform;
  // One plane (height, width, channel) per row of depth; null: outside the volume, zeros.
  std::vector<const From*> rows;
};

// Output lines and columns are divided into bands, each computed by itself.
[[nodiscard]] std::int64_t winogradBands(const WinogradConv& op);

// Voxels of the pieces that the statistics of a row are joined from.
[[nodiscard]] std::vector<std::int64_t> winogradPieces(const WinogradConv& op);

// One band of `rows` rows of output, `to` being (rows, height, width, out) and `moments`, which
// may be null, (rows, piece, out, 2). The parts, side by side along channels, have
// `rows + depthTaps - 1` rows; `scratch` has winogradScratch floats. Types: float, BFloat16 or
// Float16 to itself or to float.
template <typename From, typename To>
void winogradBand(const WinogradConv& op,
                  const std::vector<WinogradPart<From>>& from,
                  std::int64_t rows,
                  std::int64_t band,
                  float* scratch,
                  To* to,
                  double* moments);

}  // namespace argand::engine::kernels
