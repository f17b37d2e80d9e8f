// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/winograd.h"

#include "core/engine/run/kernels/lanes.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

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
  cut.perLine = winogradPiecesPerLine(op.depthTaps, op.inChannels, op.outSize.w);
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

// What 16 channels of a part become on the way in.
struct Reading {
  Vector scale;
  Vector shift;
  Vector slope;
  Vector gate;
  bool silu;
  bool sigmoid;
};

ARGAND_INLINE Reading readingOf(const Transform<float>& t, std::int64_t channel) {
  const Vector one = Vector{} + 1.0F;
  Reading reading{one, Vector{}, one, one, t.silu, t.sigmoid};
  if (t.scale != nullptr) {
    reading.scale = loadLanes(t.scale + channel);
    reading.shift = loadLanes(t.shift + channel);
  }
  if (t.activates) {
    reading.slope = Vector{} + t.slope;
  } else if (t.slopes != nullptr) {
    reading.slope = loadLanes(t.slopes + channel);
  }
  if (t.gate != nullptr) {
    reading.gate = loadLanes(t.gate + channel);
  }
  return reading;
}

template <bool kCurved>
ARGAND_INLINE Vector transformed(const Vector& x, const Reading& reading) {
  Vector y = x * reading.scale + reading.shift;
  if constexpr (kCurved) {
    if (reading.silu || reading.sigmoid) {
      for (std::int64_t n = 0; n < kLanes; ++n) {
        const float curve = 1.0F / (1.0F + std::exp(-y[n]));
        y[n] = reading.silu ? y[n] * curve : curve;
      }
      return y * reading.gate;
    }
  }
  y = y > 0 ? y : y * reading.slope;
  return kCurved ? y * reading.gate : y;
}

// The columns of up to a block of tiles of one tile row, 16 channels: along height.
template <bool kInside, bool kCurved, typename From>
ARGAND_INLINE void transformColumns(const From* const* lines,
                                    const Reading& reading,
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
          d[n] = transformed<kCurved>(loadLanes(lines[n] + w * channels), reading);
        }
      }
    }
    intoFrequencies(d, to, kColumns * kLanes);
  }
}

// 16 channels of a band in one plane, `from` being their first, the `block`th of all that is
// read, to (frequency, block of tiles, block of channels, tile, channel).
template <bool kCurved, typename From>
ARGAND_INLINE void transformBlock(const WinogradConv& op,
                                  const Cut& cut,
                                  const Band& band,
                                  const From* from,
                                  std::int64_t channels,
                                  const Reading& reading,
                                  std::int64_t block,
                                  float* to) {
  const std::int64_t width = op.inSize.w;
  alignas(64) float sums[kIn * kColumns * kLanes];
  for (std::int64_t row = 0; row < band.rows; ++row) {
    const std::int64_t h = kOut * (band.firstRow + row) - op.paddingH;
    const bool linesInside = h >= 0 && h + kIn <= op.inSize.h;
    const From* lines[kIn];
    for (std::int64_t n = 0; n < kIn; ++n) {
      const bool there = h + n >= 0 && h + n < op.inSize.h;
      lines[n] = there ? from + (h + n) * width * channels : nullptr;
    }
    for (std::int64_t first = 0; first < band.columns; first += kBlock) {
      const std::int64_t tiles = std::min(kBlock, band.columns - first);
      const std::int64_t w = kOut * (band.firstColumn + first) - op.paddingW;
      const std::int64_t columns = kOut * tiles + kIn - kOut;
      if (linesInside && w >= 0 && w + columns <= width) {
        transformColumns<true, kCurved>(lines, reading, w, columns, width, channels, sums);
      } else {
        transformColumns<false, kCurved>(lines, reading, w, columns, width, channels, sums);
      }
      for (std::int64_t n = 0; n < tiles; ++n) {
        float* const at = to + placeOf(cut, row * band.columns + first + n, block);
        for (std::int64_t f = 0; f < kIn; ++f) {
          const float* column = sums + (f * kColumns + kOut * n) * kLanes;
          Vector d[kIn];
          for (int m = 0; m < kIn; ++m) {
            d[m] = loadLanes(column + m * kLanes);
          }
          intoFrequencies(d, at + f * kIn * cut.inputStride, cut.inputStride);
        }
      }
    }
  }
}

ARGAND_INLINE void fillZero(const Cut& cut,
                            std::int64_t firstTile,
                            std::int64_t lastTile,
                            float* to) {
  for (std::int64_t tile = firstTile; tile < lastTile; ++tile) {
    for (std::int64_t block = 0; block < cut.blocksIn; ++block) {
      float* const at = to + placeOf(cut, tile, block);
      for (std::int64_t f = 0; f < kFrequencies; ++f) {
        storeLanes(Vector{}, at + f * cut.inputStride);
      }
    }
  }
}

// The inputs of a band in one plane, `row` of each part.
template <typename From>
ARGAND_INLINE void transformInputs(const WinogradConv& op,
                                   const Cut& cut,
                                   const Band& band,
                                   const std::vector<WinogradPart<From>>& from,
                                   std::int64_t row,
                                   float* to) {
  const std::int64_t tiles = band.rows * band.columns;
  const std::int64_t whole = (tiles + 2 * kBlock - 1) / (2 * kBlock) * 2 * kBlock;
  // Up to whole blocks there is nothing, not whatever the scratch has.
  fillZero(cut, from[0].rows[static_cast<std::size_t>(row)] == nullptr ? 0 : tiles, whole, to);
  std::int64_t block = 0;
  for (const WinogradPart<From>& part : from) {
    const From* const plane = part.rows[static_cast<std::size_t>(row)];
    const Transform<float>& t = part.transform;
    const bool curved = t.silu || t.sigmoid || t.gate != nullptr;
    for (std::int64_t c = 0; plane != nullptr && c < part.channels; c += kLanes, ++block) {
      const Reading reading = readingOf(t, c);
      if (curved) {
        transformBlock<true>(op, cut, band, plane + c, part.channels, reading, block, to);
      } else {
        transformBlock<false>(op, cut, band, plane + c, part.channels, reading, block, to);
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

// Products to outputs: `to` has the band's first voxel, lines being `line` floats apart.
ARGAND_INLINE void transformOutputs(const WinogradConv& op,
                                    const Cut& cut,
                                    const Band& band,
                                    const float* from,
                                    float* to,
                                    std::int64_t line) {
  for (std::int64_t tile = 0; tile < band.rows * band.columns; ++tile) {
    const std::int64_t h = kOut * (tile / band.columns);
    const std::int64_t w = kOut * (tile % band.columns);
    const std::int64_t lines = std::min(kOut, op.outSize.h - kOut * band.firstRow - h);
    const std::int64_t columns = std::min(kOut, op.outSize.w - kOut * band.firstColumn - w);
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
      for (std::int64_t m = 0; m < kOut; ++m) {
        Vector outputs[kOut];
        intoOutputs(sums[m], outputs);
        float* const at = to + (h + m) * line + w * op.outChannels + c;
        for (std::int64_t n = 0; n < kOut; ++n) {
          if (m < lines && n < columns) {
            storeLanes(outputs[n] + bias, at + n * op.outChannels);
          }
        }
      }
    }
  }
}

std::int64_t outputsOfBlock(std::int64_t outChannels) {
  return outChannels % (2 * kLanes) == 0 ? 2 * kLanes : kLanes;
}

// One function per type, since a template has no clones.
#define ARGAND_WINOGRAD_INPUTS(From)                                                  \
  ARGAND_CLONES void inputsToFrequencies(const WinogradConv& op,                      \
                                         const Cut& cut,                              \
                                         const Band& band,                            \
                                         const std::vector<WinogradPart<From>>& from, \
                                         std::int64_t row,                            \
                                         float* to) {                                 \
    transformInputs(op, cut, band, from, row, to);                                    \
  }

ARGAND_WINOGRAD_INPUTS(float)
ARGAND_WINOGRAD_INPUTS(BFloat16)
ARGAND_WINOGRAD_INPUTS(Float16)

// From the transformed inputs of all taps to the outputs of one row.
ARGAND_CLONES void frequenciesToOutputs(const WinogradConv& op,
                                        const Cut& cut,
                                        const Band& band,
                                        const float* const* planes,
                                        float* products,
                                        float* to,
                                        std::int64_t line) {
  if (outputsOfBlock(op.outChannels) == kLanes) {
    multiplyAll<2, 1>(op, cut, band.rows * band.columns, planes, products);
  } else {
    multiplyAll<1, 2>(op, cut, band.rows * band.columns, planes, products);
  }
  transformOutputs(op, cut, band, products, to, line);
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

std::vector<std::int64_t> winogradPieces(const WinogradConv& op) {
  const Cut cut = cutOf(op);
  std::vector<std::int64_t> voxels;
  for (std::int64_t n = 0; n < op.outSize.h * cut.perLine; ++n) {
    const std::int64_t first = n % cut.perLine * cut.across * kOut;
    voxels.push_back(std::min(cut.across * kOut, op.outSize.w - first));
  }
  return voxels;
}

template <typename From, typename To>
void winogradBand(const WinogradConv& op,
                  const std::vector<WinogradPart<From>>& from,
                  std::int64_t rows,
                  std::int64_t number,
                  float* scratch,
                  To* to,
                  double* moments) {
  const Cut cut = cutOf(op);
  Band band{};
  band.firstRow = number / cut.perLine * cut.down;
  band.rows = std::min(cut.down, cut.tileRows - band.firstRow);
  band.firstColumn = number % cut.perLine * cut.across;
  band.columns = std::min(cut.across, cut.rowTiles - band.firstColumn);
  float* const products = scratch + op.depthTaps * cut.planeStride;
  float* const buffer = products + kFrequencies * cut.resultStride;
  const std::int64_t firstLine = kOut * band.firstRow;
  const std::int64_t lines = std::min(kOut * band.rows, op.outSize.h - firstLine);
  const std::int64_t firstVoxel = kOut * band.firstColumn;
  const std::int64_t voxels = std::min(kOut * band.columns, op.outSize.w - firstVoxel);
  const std::int64_t outLine = op.outSize.w * op.outChannels;
  // Each plane's inputs are transformed once and used by all rows that read it.
  const auto planeAt = [&](std::int64_t plane) {
    return scratch + plane % op.depthTaps * cut.planeStride;
  };
  for (std::int64_t plane = 0; plane + 1 < op.depthTaps; ++plane) {
    inputsToFrequencies(op, cut, band, from, plane, planeAt(plane));
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t last = row + op.depthTaps - 1;
    inputsToFrequencies(op, cut, band, from, last, planeAt(last));
    const float* planes[kMostWinogradDepthTaps];
    for (std::int64_t tap = 0; tap < op.depthTaps; ++tap) {
      planes[tap] = planeAt(row + tap);
    }
    To* const first = to + (row * op.outSize.h + firstLine) * outLine + firstVoxel * op.outChannels;
    float* made = buffer;
    std::int64_t madeLine = kOut * cut.across * op.outChannels;
    if constexpr (std::is_same_v<To, float>) {
      made = first;
      madeLine = outLine;
    }
    frequenciesToOutputs(op, cut, band, planes, products, made, madeLine);
    // Rounded, with the statistics, while it is in the cache.
    for (std::int64_t line = 0; line < lines; ++line) {
      const std::int64_t piece =
          (row * op.outSize.h + firstLine + line) * cut.perLine + number % cut.perLine;
      storeVoxels(made + line * madeLine,
                  voxels,
                  op.outChannels,
                  first + line * outLine,
                  moments != nullptr ? moments + piece * op.outChannels * 2 : nullptr);
    }
  }
}

#define ARGAND_WINOGRAD_BAND(From, To)                                    \
  template void winogradBand(const WinogradConv& op,                      \
                             const std::vector<WinogradPart<From>>& from, \
                             std::int64_t rows,                           \
                             std::int64_t band,                           \
                             float* scratch,                              \
                             To* to,                                      \
                             double* moments);

ARGAND_WINOGRAD_BAND(float, float)
ARGAND_WINOGRAD_BAND(BFloat16, BFloat16)
ARGAND_WINOGRAD_BAND(BFloat16, float)
ARGAND_WINOGRAD_BAND(Float16, Float16)
ARGAND_WINOGRAD_BAND(Float16, float)

}  // namespace argand::engine::kernels
