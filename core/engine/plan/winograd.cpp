// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/winograd.h"

#include <algorithm>

namespace argand::engine {

namespace {

constexpr std::int64_t kFrequencies = 36;
constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kTile = 4;

}  // namespace

bool suitsWinograd(const ConvOp& conv, const Shape& input, const Shape& output) {
  return conv.kernel.h == 3 && conv.kernel.w == 3 && conv.kernel.d <= kMostWinogradDepthTaps &&
         conv.stride == Extent{1, 1, 1} && conv.dilation == Extent{1, 1, 1} && conv.groups == 1 &&
         input.channels % kLanes == 0 && output.channels % kLanes == 0 &&
         4 * winogradElements(conv.kernel.d, input.channels, output.channels) <=
             input.elements() + output.elements();
}

std::int64_t winogradElements(std::int64_t depthTaps,
                              std::int64_t inChannels,
                              std::int64_t outChannels) {
  return kFrequencies * depthTaps * inChannels * outChannels;
}

std::int64_t winogradTiles(std::int64_t depthTaps, std::int64_t inChannels) {
  constexpr std::int64_t kFloats = std::int64_t{112} << 10;
  const std::int64_t fitting = kFloats / (kFrequencies * depthTaps * inChannels);
  return std::clamp<std::int64_t>(fitting / 16 * 16, 32, 64);
}

std::int64_t winogradStride(std::int64_t tiles, std::int64_t channels) {
  return tiles * channels + kLanes;
}

std::int64_t winogradPiecesPerLine(std::int64_t depthTaps,
                                   std::int64_t inChannels,
                                   std::int64_t outWidth) {
  const std::int64_t voxels = kTile * winogradTiles(depthTaps, inChannels);
  return (outWidth + voxels - 1) / voxels;
}

std::int64_t winogradScratch(std::int64_t depthTaps,
                             std::int64_t inChannels,
                             std::int64_t outChannels,
                             bool narrows) {
  const std::int64_t tiles = winogradTiles(depthTaps, inChannels);
  return kFrequencies *
             (depthTaps * winogradStride(tiles, inChannels) + winogradStride(tiles, outChannels)) +
         (narrows ? tiles * kTile * kTile * outChannels : 0);
}

}  // namespace argand::engine
