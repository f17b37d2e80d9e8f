// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/winograd.h"

#include "core/engine/run/kernels/lanes.h"

#include <algorithm>

namespace argand::engine::kernels {

namespace {

using Vector = FloatLanes::Vector;

constexpr std::int64_t kLanes = FloatLanes::kCount;
constexpr std::int64_t kFrequencies = 16;  // of a tile of 4 x 4 inputs
constexpr std::int64_t kBlock = 8;         // tiles whose inputs lie side by side

// How one operation's planes are cut, and where things lie in the scratch.
struct Cut {
  std::int64_t rowTiles;  // along a line
  std::int64_t tileRows;
  std::int64_t across;   // tiles of a band along a line
  std::int64_t down;     // and tile rows
  std::int64_t perLine;  // bands along a line
  std::int64_t blocksIn;
  std::int64_t inputStride;   // of a frequency of the transformed inputs
  std::int64_t planeStride;   // of a depth tap
  std::int64_t resultStride;  // of a frequency of the products
};

Cut cutOf(const WinogradConv& op) {
  const std::int64_t tiles = winogradTiles(op.depthTaps, op.inChannels);
  Cut cut{};
  cut.rowTiles = (op.outSize.w + 1) / 2;
  cut.tileRows = (op.outSize.h + 1) / 2;
  cut.across = std::min(cut.rowTiles, tiles);
  cut.down = std::max<std::int64_t>(1, tiles / cut.across);
  cut.perLine = (cut.rowTiles + cut.across - 1) / cut.across;
  cut.blocksIn = op.inChannels / kLanes;
  cut.inputStride = winogradStride(tiles, op.inChannels);
  cut.planeStride = kFrequencies * cut.inputStride;
  cut.resultStride = winogradStride(tiles, op.outChannels);
  return cut;
}

// The tiles of one band.
struct Band {
  std::int64_t firstRow;
  std::int64_t rows;
  std::int64_t firstColumn;
  std::int64_t columns;
};

// Four vertical sums of one column of a tile.
struct Column {
  Vector at[4];
};

template <bool kInside>
ARGAND_INLINE Column
columnOf(const float* const* lines, std::int64_t w, std::int64_t width, std::int64_t channels) {
  Vector d[4] = {};
  if (kInside || (w >= 0 && w < width)) {
    for (int n = 0; n < 4; ++n) {
      if (kInside || lines[n] != nullptr) {
        d[n] = loadLanes(lines[n] + w * channels);
      }
    }
  }
  return {{d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]}};
}

ARGAND_INLINE void putTile(const Column& a,
                           const Column& b,
                           const Column& c,
                           const Column& d,
                           std::int64_t stride,
                           float* to) {
  for (int n = 0; n < 4; ++n, to += 4 * stride) {
    storeLanes(a.at[n] - c.at[n], to);
    storeLanes(b.at[n] + c.at[n], to + stride);
    storeLanes(c.at[n] - b.at[n], to + 2 * stride);
    storeLanes(b.at[n] - d.at[n], to + 3 * stride);
  }
}

// Of one tile's 16 channels among the transformed inputs of a frequency.
ARGAND_INLINE std::int64_t placeOf(const Cut& cut, std::int64_t tile, std::int64_t block) {
  return ((tile / kBlock * cut.blocksIn + block) * kBlock + tile % kBlock) * kLanes;
}

// The inputs of a band in one plane to (frequency, block of tiles, block of channels,
// tile, channel).
ARGAND_INLINE void transformInputs(
    const WinogradConv& op, const Cut& cut, const Band& band, const float* plane, float* to) {
  const std::int64_t channels = op.inChannels;
  const std::int64_t width = op.inSize.w;
  for (std::int64_t row = 0; row < band.rows; ++row) {
    const std::int64_t h = 2 * (band.firstRow + row) - op.paddingH;
    const bool linesInside = h >= 0 && h + 3 < op.inSize.h;
    for (std::int64_t block = 0; block < cut.blocksIn; ++block) {
      const float* lines[4];
      for (int n = 0; n < 4; ++n) {
        const bool there = h + n >= 0 && h + n < op.inSize.h;
        lines[n] = there ? plane + (h + n) * width * channels + block * kLanes : nullptr;
      }
      std::int64_t w = 2 * band.firstColumn - op.paddingW;
      Column a = columnOf<false>(lines, w, width, channels);
      Column b = columnOf<false>(lines, w + 1, width, channels);
      for (std::int64_t column = 0; column < band.columns; ++column, w += 2) {
        const std::int64_t tile = row * band.columns + column;
        float* const at = to + placeOf(cut, tile, block);
        const bool inside = linesInside && w + 2 >= 0 && w + 3 < width;
        const Column c = inside ? columnOf<true>(lines, w + 2, width, channels)
                                : columnOf<false>(lines, w + 2, width, channels);
        const Column d = inside ? columnOf<true>(lines, w + 3, width, channels)
                                : columnOf<false>(lines, w + 3, width, channels);
        putTile(a, b, c, d, cut.inputStride, at);
        a = c;
        b = d;
      }
    }
  }
  // Up to whole blocks there is nothing, not whatever the scratch has.
  const std::int64_t tiles = band.rows * band.columns;
  for (std::int64_t tile = tiles; tile % (2 * kBlock) != 0; ++tile) {
    for (std::int64_t block = 0; block < cut.blocksIn; ++block) {
      float* const at = to + placeOf(cut, tile, block);
      for (std::int64_t f = 0; f < kFrequencies; ++f) {
        storeLanes(Vector{}, at + f * cut.inputStride);
      }
    }
  }
}

// kBlocks * 8 tiles by kVectors * 16 outputs of one frequency.
template <int kBlocks, int kVectors>
ARGAND_INLINE void multiply(const WinogradConv& op,
                            const Cut& cut,
                            const float* const* planes,
                            std::int64_t offset,
                            const float* weights,
                            float* to) {
  const std::int64_t nextBlock = cut.blocksIn * kBlock * kLanes;
  Vector sums[kBlocks * kBlock][kVectors] = {};
  for (std::int64_t tap = 0; tap < op.depthTaps; ++tap) {
    const float* from = planes[tap] + offset;
    for (std::int64_t block = 0; block < cut.blocksIn; ++block, from += kBlock * kLanes) {
      for (std::int64_t c = 0; c < kLanes; ++c, weights += kVectors * kLanes) {
        Vector weight[kVectors];
        for (int v = 0; v < kVectors; ++v) {
          weight[v] = loadLanes(weights + v * kLanes);
        }
        for (int b = 0; b < kBlocks; ++b) {
          for (int t = 0; t < kBlock; ++t) {
            const float x = from[b * nextBlock + t * kLanes + c];
            for (int v = 0; v < kVectors; ++v) {
              sums[b * kBlock + t][v] += x * weight[v];
            }
          }
        }
      }
    }
  }
  for (std::int64_t t = 0; t < kBlocks * kBlock; ++t, to += op.outChannels) {
    for (int v = 0; v < kVectors; ++v) {
      storeLanes(sums[t][v], to + v * kLanes);
    }
  }
}

template <int kBlocks, int kVectors>
ARGAND_INLINE void multiplyAll(const WinogradConv& op,
                               const Cut& cut,
                               std::int64_t tiles,
                               const float* const* planes,
                               float* to) {
  const std::int64_t perBlock = cut.blocksIn * kBlock * kLanes;
  const std::int64_t weightsOfBlock = op.depthTaps * op.inChannels * kVectors * kLanes;
  const float* weights = op.packed;
  for (std::int64_t f = 0; f < kFrequencies; ++f) {
    for (std::int64_t out = 0; out < op.outChannels; out += kVectors * kLanes) {
      for (std::int64_t tile = 0; tile < tiles; tile += kBlocks * kBlock) {
        multiply<kBlocks, kVectors>(op,
                                    cut,
                                    planes,
                                    f * cut.inputStride + tile / kBlock * perBlock,
                                    weights,
                                    to + f * cut.resultStride + tile * op.outChannels + out);
      }
      weights += weightsOfBlock;
    }
  }
}

// Products to outputs, `plane` being the row of the output.
ARGAND_INLINE void transformOutputs(
    const WinogradConv& op, const Cut& cut, const Band& band, const float* from, float* plane) {
  for (std::int64_t tile = 0; tile < band.rows * band.columns; ++tile) {
    const std::int64_t h = 2 * (band.firstRow + tile / band.columns);
    const std::int64_t w = 2 * (band.firstColumn + tile % band.columns);
    const bool second = h + 1 < op.outSize.h;
    const bool right = w + 1 < op.outSize.w;
    float* const to = plane + (h * op.outSize.w + w) * op.outChannels;
    float* const below = to + op.outSize.w * op.outChannels;
    for (std::int64_t c = 0; c < op.outChannels; c += kLanes) {
      const float* const products = from + tile * op.outChannels + c;
      const Vector bias = op.bias != nullptr ? loadLanes(op.bias + c) : Vector{};
      Vector top[4];
      Vector bottom[4];
      for (int n = 0; n < 4; ++n) {
        const Vector m0 = loadLanes(products + n * cut.resultStride);
        const Vector m1 = loadLanes(products + (4 + n) * cut.resultStride);
        const Vector m2 = loadLanes(products + (8 + n) * cut.resultStride);
        const Vector m3 = loadLanes(products + (12 + n) * cut.resultStride);
        top[n] = m0 + m1 + m2;
        bottom[n] = m1 - m2 - m3;
      }
      storeLanes(top[0] + top[1] + top[2] + bias, to + c);
      if (right) {
        storeLanes(top[1] - top[2] - top[3] + bias, to + op.outChannels + c);
      }
      if (second) {
        storeLanes(bottom[0] + bottom[1] + bottom[2] + bias, below + c);
      }
      if (second && right) {
        storeLanes(bottom[1] - bottom[2] - bottom[3] + bias, below + op.outChannels + c);
      }
    }
  }
}

std::int64_t outputsOfBlock(std::int64_t outChannels) {
  return outChannels % (2 * kLanes) == 0 ? 2 * kLanes : kLanes;
}

ARGAND_CLONES void computeBand(const WinogradConv& op,
                               const Cut& cut,
                               const Band& band,
                               const float* from,
                               std::int64_t rows,
                               float* scratch,
                               float* to) {
  constexpr std::int64_t kMostTaps = 8;
  const std::int64_t inPlane = op.inSize.h * op.inSize.w * op.inChannels;
  const std::int64_t outPlane = op.outSize.h * op.outSize.w * op.outChannels;
  const std::int64_t tiles = band.rows * band.columns;
  float* const products = scratch + op.depthTaps * cut.planeStride;
  // Each plane's inputs are transformed once and used by all rows that read it.
  const auto planeAt = [&](std::int64_t plane) {
    return scratch + plane % op.depthTaps * cut.planeStride;
  };
  for (std::int64_t plane = 0; plane + 1 < op.depthTaps; ++plane) {
    transformInputs(op, cut, band, from + plane * inPlane, planeAt(plane));
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t last = row + op.depthTaps - 1;
    transformInputs(op, cut, band, from + last * inPlane, planeAt(last));
    const float* planes[kMostTaps];
    for (std::int64_t tap = 0; tap < op.depthTaps; ++tap) {
      planes[tap] = planeAt(row + tap);
    }
    if (outputsOfBlock(op.outChannels) == kLanes) {
      multiplyAll<2, 1>(op, cut, tiles, planes, products);
    } else {
      multiplyAll<1, 2>(op, cut, tiles, planes, products);
    }
    transformOutputs(op, cut, band, products, to + row * outPlane);
  }
}

}  // namespace

void packWinograd(const float* weight,
                  std::int64_t depthTaps,
                  std::int64_t inChannels,
                  std::int64_t outChannels,
                  float* packed) {
  constexpr double kG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  const std::int64_t perBlock = outputsOfBlock(outChannels);
  for (std::int64_t out = 0; out < outChannels; ++out) {
    for (std::int64_t in = 0; in < inChannels; ++in) {
      for (std::int64_t tap = 0; tap < depthTaps; ++tap) {
        const float* g = weight + ((out * inChannels + in) * depthTaps + tap) * 9;
        for (std::int64_t f = 0; f < kFrequencies; ++f) {
          double sum = 0.0;
          for (int h = 0; h < 3; ++h) {
            for (int w = 0; w < 3; ++w) {
              sum += kG[f / 4][h] * kG[f % 4][w] * static_cast<double>(g[h * 3 + w]);
            }
          }
          const std::int64_t block = f * (outChannels / perBlock) + out / perBlock;
          packed[((block * depthTaps + tap) * inChannels + in) * perBlock + out % perBlock] =
              static_cast<float>(sum);
        }
      }
    }
  }
}

std::int64_t winogradBands(const WinogradConv& op) {
  const Cut cut = cutOf(op);
  return (cut.tileRows + cut.down - 1) / cut.down * cut.perLine;
}

void winogradBand(const WinogradConv& op,
                  const float* from,
                  std::int64_t rows,
                  std::int64_t band,
                  float* scratch,
                  float* to) {
  const Cut cut = cutOf(op);
  const std::int64_t firstRow = band / cut.perLine * cut.down;
  const std::int64_t firstColumn = band % cut.perLine * cut.across;
  computeBand(op,
              cut,
              {firstRow,
               std::min(cut.down, cut.tileRows - firstRow),
               firstColumn,
               std::min(cut.across, cut.rowTiles - firstColumn)},
              from,
              rows,
              scratch,
              to);
}

}  // namespace argand::engine::kernels
