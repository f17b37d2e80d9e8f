// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

#include <cstdint>

// What a Winograd convolution (core/engine/run/kernels/winograd.h) takes: F(4x4, 3x3)
// along height and width, 36 products for each tile of 4x4 outputs.
namespace argand::engine {

// Planes of transformed inputs that a thread keeps.
inline constexpr std::int64_t kMostWinogradDepthTaps = 3;

// Whether the kernel does this convolution: k x 3 x 3 of stride 1 on whole vectors of
// channels, the transformed weights being few beside what is read and made.
[[nodiscard]] bool suitsWinograd(const ConvOp& conv, const Shape& input, const Shape& output);

// Floats of the transformed weights.
[[nodiscard]] std::int64_t winogradElements(std::int64_t depthTaps,
                                            std::int64_t inChannels,
                                            std::int64_t outChannels);

// Tiles that are computed together: as many as keep the transformed inputs of all
// depth taps in the second cache, enough to use a weight often, and not so many that a
// plane has too few bands of them for the threads.
[[nodiscard]] std::int64_t winogradTiles(std::int64_t depthTaps, std::int64_t inChannels);

// Floats between two frequencies of `tiles` tiles: a line more than is used, so that
// the frequencies do not meet in one set of the cache.
[[nodiscard]] std::int64_t winogradStride(std::int64_t tiles, std::int64_t channels);

// Parts of an output line that are computed, and whose statistics are taken, one by one.
[[nodiscard]] std::int64_t winogradPiecesPerLine(std::int64_t depthTaps,
                                                 std::int64_t inChannels,
                                                 std::int64_t outWidth);

// Floats that one thread needs while it computes; `narrows`: what is made is rounded to two
// bytes.
[[nodiscard]] std::int64_t winogradScratch(std::int64_t depthTaps,
                                           std::int64_t inChannels,
                                           std::int64_t outChannels,
                                           bool narrows);

}  // namespace argand::engine
