// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/winograd.h"

#include "core/engine/run/kernels/lanes.h"

#include <algorithm>

namespace argand::engine::kernels {

namespace {

using Vector = FloatLanes::Vector;

constexpr std::int64_t kLanes = FloatLanes::kCount;
constexpr std::int64_t kOut = 4;  // outputs of a tile along height and along width
constexpr std::int64_t kIn = 6;   // and the inputs that they read
constexpr std::int64_t kFrequencies = kIn * kIn;
constexpr std::int64_t kBlock = 8;  // tiles whose inputs lie side by side
constexpr std::int64_t kColumns = kOut * kBlock + kIn - kOut;  // that they read

// Interpolated at 0, +-kA, +-kB and infinity. These points, exact in binary, halve the
// rounding of the usual 1 and 2 (Barabasz et al. 2020, "Error Analysis and Improving the
// Accuracy of Winograd Convolution for Deep Neural Networks"): twice that of plain sums.
constexpr float kA = 0.75F;
constexpr float kB = 1.5F;
constexpr float kA2 = kA * kA;
constexpr float kB2 = kB * kB;

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
  cut.rowTiles = (op.outSize.w + kOut - 1) / kOut;
  cut.tileRows = (op.outSize.h + kOut - 1) / kOut;
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

// Of one tile's 16 channels among the transformed inputs of a frequency.
ARGAND_INLINE std::int64_t placeOf(const Cut& cut, std::int64_t tile, std::int64_t block) {
  return ((tile / kBlock * cut.blocksIn + block) * kBlock + tile % kBlock) * kLanes;
}

// B transposed by six values.
ARGAND_INLINE void intoFrequencies(const Vector (&d)[kIn], float* to, std::int64_t stride) {
  const Vector a = d[4] - kB2 * d[2];
  const Vector b = d[3] - kB2 * d[1];
  const Vector c = d[4] - kA2 * d[2];
  const Vector e = d[3] - kA2 * d[1];
  storeLanes(kA2 * kB2 * d[0] - (kA2 + kB2) * d[2] + d[4], to);
  storeLanes(a + kA * b, to + stride);
  storeLanes(a - kA * b, to + 2 * stride);
  storeLanes(c + kB * e, to + 3 * stride);
  storeLanes(c - kB * e, to + 4 * stride);
  storeLanes(kA2 * kB2 * d[1] - (kA2 + kB2) * d[3] + d[5], to + 5 * stride);
}

// The columns of up to a block of tiles of one tile row, 16 channels: along height.
template <bool kInside>
ARGAND_INLINE void transformColumns(const float* const* lines,
                                    std::int64_t w,
                                    std::int64_t columns,
                                    std::int64_t width,
                                    std::int64_t channels,
                                    float* to) {
  for (std::int64_t column = 0; column < columns; ++column, ++w, to += kLanes) {
    Vector d[kIn] = {};
    if (kInside || (w >= 0 && w < width)) {
      for (int n = 0; n < kIn; ++n) {
        if (kInside || lines[n] != nullptr) {
          d[n] = loadLanes(lines[n] + w * channels);
        }
      }
    }
    intoFrequencies(d, to, kColumns * kLanes);
  }
}

// The inputs of a band in one plane to (frequency, block of tiles, block of channels,
// tile, channel).
ARGAND_INLINE void transformInputs(
    const WinogradConv& op, const Cut& cut, const Band& band, const float* plane, float* to) {
  const std::int64_t width = op.inSize.w;
  alignas(64) float sums[kIn * kColumns * kLanes];
  for (std::int64_t row = 0; row < band.rows; ++row) {
    const std::int64_t h = kOut * (band.firstRow + row) - op.paddingH;
    const bool linesInside = h >= 0 && h + kIn <= op.inSize.h;
    for (std::int64_t block = 0; block < cut.blocksIn; ++block) {
      const float* lines[kIn];
      for (std::int64_t n = 0; n < kIn; ++n) {
        const bool there = h + n >= 0 && h + n < op.inSize.h;
        lines[n] = there ? plane + (h + n) * width * op.inChannels + block * kLanes : nullptr;
      }
      for (std::int64_t first = 0; first < band.columns; first += kBlock) {
        const std::int64_t tiles = std::min(kBlock, band.columns - first);
        const std::int64_t w = kOut * (band.firstColumn + first) - op.paddingW;
        const std::int64_t columns = kOut * tiles + kIn - kOut;
        if (linesInside && w >= 0 && w + columns <= width) {
          transformColumns<true>(lines, w, columns, width, op.inChannels, sums);
        } else {
          transformColumns<false>(lines, w, columns, width, op.inChannels, sums);
        }
        for (std::int64_t n = 0; n < tiles; ++n) {
          float* const at = to + placeOf(cut, row * band.columns + first + n, block);
          for (std::int64_t f = 0; f < kIn; ++f) {
            const float* from = sums + (f * kColumns + kOut * n) * kLanes;
            Vector d[kIn];
            for (int m = 0; m < kIn; ++m) {
              d[m] = loadLanes(from + m * kLanes);
            }
            intoFrequencies(d, at + f * kIn * cut.inputStride, cut.inputStride);
          }
        }
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

// A transposed by six products.
ARGAND_INLINE void intoOutputs(const Vector (&m)[kIn], Vector (&to)[kOut]) {
  const Vector a = m[1] + m[2];
  const Vector b = m[1] - m[2];
  const Vector c = m[3] + m[4];
  const Vector d = m[3] - m[4];
  to[0] = m[0] + a + c;
  to[1] = kA * b + kB * d;
  to[2] = kA2 * a + kB2 * c;
  to[3] = kA * kA2 * b + kB * kB2 * d + m[5];
}

// Products to outputs, `plane` being the row of the output.
ARGAND_INLINE void transformOutputs(
    const WinogradConv& op, const Cut& cut, const Band& band, const float* from, float* plane) {
  for (std::int64_t tile = 0; tile < band.rows * band.columns; ++tile) {
    const std::int64_t h = kOut * (band.firstRow + tile / band.columns);
    const std::int64_t w = kOut * (band.firstColumn + tile % band.columns);
    const std::int64_t lines = std::min(kOut, op.outSize.h - h);
    const std::int64_t columns = std::min(kOut, op.outSize.w - w);
    for (std::int64_t c = 0; c < op.outChannels; c += kLanes) {
      const Vector bias = op.bias != nullptr ? loadLanes(op.bias + c) : Vector{};
      Vector sums[kOut][kIn];
      for (int n = 0; n < kIn; ++n) {
        Vector products[kIn];
        for (int m = 0; m < kIn; ++m) {
          products[m] =
              loadLanes(from + (m * kIn + n) * cut.resultStride + tile * op.outChannels + c);
        }
        Vector column[kOut];
        intoOutputs(products, column);
        for (int m = 0; m < kOut; ++m) {
          sums[m][n] = column[m];
        }
      }
      for (std::int64_t line = 0; line < kOut; ++line) {
        Vector outputs[kOut];
        intoOutputs(sums[line], outputs);
        float* const to = plane + ((h + line) * op.outSize.w + w) * op.outChannels + c;
        for (std::int64_t n = 0; n < kOut; ++n) {
          if (line < lines && n < columns) {
            storeLanes(outputs[n] + bias, to + n * op.outChannels);
          }
        }
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
    const float* planes[kMostWinogradDepthTaps];
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
  // Divided by the products of the distances between the points.
  const double a = 2.0 * kA2 * (kA2 - kB2);
  const double b = 2.0 * kB2 * (kB2 - kA2);
  const double g[kIn][3] = {{1.0 / (kA2 * kB2), 0, 0},
                            {1.0 / a, kA / a, kA2 / a},
                            {1.0 / a, -kA / a, kA2 / a},
                            {1.0 / b, kB / b, kB2 / b},
                            {1.0 / b, -kB / b, kB2 / b},
                            {0, 0, 1}};
  const std::int64_t perBlock = outputsOfBlock(outChannels);
  for (std::int64_t out = 0; out < outChannels; ++out) {
    for (std::int64_t in = 0; in < inChannels; ++in) {
      for (std::int64_t tap = 0; tap < depthTaps; ++tap) {
        const float* taps = weight + ((out * inChannels + in) * depthTaps + tap) * 9;
        for (std::int64_t f = 0; f < kFrequencies; ++f) {
          double sum = 0.0;
          for (int h = 0; h < 3; ++h) {
            for (int w = 0; w < 3; ++w) {
              sum += g[f / kIn][h] * g[f % kIn][w] * static_cast<double>(taps[h * 3 + w]);
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
