// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: 3x3 convolutions with fewer multiplications.
#pragma once

#include "core/engine/plan/winograd.h"

#include <cstdint>

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

// Output lines and columns are divided into bands, each computed by itself.
[[nodiscard]] std::int64_t winogradBands(const WinogradConv& op);

// One band of `rows` rows of output, `to` being (rows, height, width, out). `from` is
// channels-last rows with the padding along depth in place, `rows + depthTaps - 1` of them;
// `scratch` has winogradScratch floats.
void winogradBand(const WinogradConv& op,
                  const float* from,
                  std::int64_t rows,
                  std::int64_t band,
                  float* scratch,
                  float* to);

}  // namespace argand::engine::kernels
