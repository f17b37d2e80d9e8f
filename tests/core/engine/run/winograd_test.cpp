// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/kernels/winograd.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

namespace argand::engine::kernels {
namespace {

struct Case {
  std::int64_t in;
  std::int64_t out;
  std::int64_t height;
  std::int64_t width;
  std::int64_t padding;
  std::int64_t depthTaps;
};

std::vector<float> normal(std::int64_t count, unsigned seed, float scale) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0.0F, scale);
  std::vector<float> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return distribution(random); });
  return values;
}

// A stored tensor that is read, with what is applied on the way.
struct Stored {
  std::int64_t channels;
  std::vector<float> values;  // (row, height, width, channel)
  std::vector<float> scale;
  std::vector<float> shift;
  std::vector<float> gate;
  Transform<float> transform;
};

double transformed(const Stored& part, std::int64_t voxel, std::int64_t channel) {
  const auto c = static_cast<std::size_t>(channel);
  const Transform<float>& t = part.transform;
  double y = part.values[static_cast<std::size_t>(voxel * part.channels + channel)];
  if (t.scale != nullptr) {
    y = y * static_cast<double>(part.scale[c]) + static_cast<double>(part.shift[c]);
  }
  if (t.activates) {
    y = y > 0.0 ? y : y * static_cast<double>(t.slope);
  } else if (t.slopes != nullptr) {
    y = y > 0.0 ? y : y * static_cast<double>(t.slopes[c]);
  } else if (t.silu || t.sigmoid) {
    const double curve = 1.0 / (1.0 + std::exp(-y));
    y = t.silu ? y * curve : curve;
  }
  return t.gate != nullptr ? y * static_cast<double>(t.gate[c]) : y;
}

// The first 16 channels through a norm and an activation, the next 16 through nothing, the
// others through what a squeeze-excitation block does, or a PReLU.
std::vector<Stored> storedParts(const Case& c, std::int64_t voxels) {
  std::vector<Stored> parts;
  for (std::int64_t first = 0; first < c.in;) {
    const std::int64_t channels = first < 32 ? 16 : c.in - first;
    const auto seed = static_cast<unsigned>(first);
    Stored part{channels,
                normal(voxels * channels, seed + 3, 1.0F),
                normal(channels, seed + 4, 1.0F),
                normal(channels, seed + 5, 1.0F),
                normal(channels, seed + 6, 1.0F),
                {}};
    parts.push_back(std::move(part));
    first += channels;
  }
  for (std::size_t n = 0; n < parts.size(); ++n) {
    Transform<float>& t = parts[n].transform;
    if (n != 1) {
      t.scale = parts[n].scale.data();
      t.shift = parts[n].shift.data();
    }
    t.activates = n == 0;
    t.slope = 0.1F;
    if (n == 2) {
      t.silu = c.out == 64;
      t.sigmoid = c.out == 48;
      t.slopes = c.out == 128 ? parts[n].gate.data() : nullptr;
      t.gate = c.out == 128 ? nullptr : parts[n].gate.data();
    }
  }
  return parts;
}

// The sum itself, in double.
double convolved(const Case& c,
                 const std::vector<float>& weight,
                 const std::vector<double>& input,
                 std::int64_t d,
                 std::int64_t h,
                 std::int64_t w,
                 std::int64_t out) {
  double sum = 0.0;
  for (std::int64_t kd = 0; kd < c.depthTaps; ++kd) {
    for (std::int64_t kh = 0; kh < 3; ++kh) {
      for (std::int64_t kw = 0; kw < 3; ++kw) {
        const std::int64_t ih = h - c.padding + kh;
        const std::int64_t iw = w - c.padding + kw;
        if (ih < 0 || iw < 0 || ih >= c.height || iw >= c.width) {
          continue;
        }
        for (std::int64_t n = 0; n < c.in; ++n) {
          const std::int64_t voxel = ((d + kd) * c.height + ih) * c.width + iw;
          const std::int64_t tap = ((out * c.in + n) * c.depthTaps + kd) * 9 + kh * 3 + kw;
          sum += input[static_cast<std::size_t>(voxel * c.in + n)] *
                 static_cast<double>(weight[static_cast<std::size_t>(tap)]);
        }
      }
    }
  }
  return sum;
}

template <typename T>
std::vector<T> storedAs(const std::vector<float>& values) {
  std::vector<T> to(values.size());
  storeVoxels(values.data(), static_cast<std::int64_t>(values.size()), 1, to.data(), nullptr);
  return to;
}

class Winograd : public testing::TestWithParam<Case> {
 protected:
  static constexpr std::int64_t kRows = 4;

  Winograd()
      : m_case(GetParam()),
        m_weight(normal(m_case.out * m_case.in * m_case.depthTaps * 9, 1, 0.1F)),
        m_bias(normal(m_case.out, 2, 1.0F)),
        m_packed(
            static_cast<std::size_t>(winogradElements(m_case.depthTaps, m_case.in, m_case.out))) {
    packWinograd(m_weight.data(), m_case.depthTaps, m_case.in, m_case.out, m_packed.data());
    m_op.depthTaps = m_case.depthTaps;
    m_op.inChannels = m_case.in;
    m_op.outChannels = m_case.out;
    m_op.paddingH = m_op.paddingW = m_case.padding;
    m_op.inSize = {0, m_case.height, m_case.width};
    m_op.outSize = {
        0, m_case.height + 2 * m_case.padding - 2, m_case.width + 2 * m_case.padding - 2};
    m_op.packed = m_packed.data();
    m_op.bias = m_bias.data();
    m_parts = storedParts(m_case, (kRows + m_case.depthTaps - 1) * plane());
  }

  [[nodiscard]] std::int64_t plane() const { return m_case.height * m_case.width; }

  [[nodiscard]] std::int64_t outRow() const { return m_op.outSize.h * m_op.outSize.w * m_case.out; }

  template <typename To>
  struct Made {
    std::vector<To> values;
    std::vector<double> moments;  // (row, piece, channel, 2)
  };

  // `rows` rows from `first` on; of all rows that are read the last lies outside the volume.
  template <typename From, typename To>
  Made<To> computed(std::int64_t first, std::int64_t rows) {
    std::vector<std::vector<From>> stored;
    std::vector<WinogradPart<From>> parts;
    for (const Stored& part : m_parts) {
      stored.push_back(storedAs<From>(part.values));
      WinogradPart<From> from{part.channels, part.transform, {}};
      for (std::int64_t row = first; row < first + rows + m_case.depthTaps - 1; ++row) {
        from.rows.push_back(row == kRows + m_case.depthTaps - 2
                                ? nullptr
                                : stored.back().data() + row * plane() * part.channels);
      }
      parts.push_back(std::move(from));
    }
    // What is not written, and scratch that is not, shows.
    std::vector<float> scratch(static_cast<std::size_t>(winogradScratch(
                                   m_case.depthTaps, m_case.in, m_case.out, sizeof(To) < 4)),
                               std::nanf(""));
    const std::vector<float> none(static_cast<std::size_t>(rows * outRow()), std::nanf(""));
    Made<To> made{storedAs<To>(none), {}};
    made.moments.assign(
        static_cast<std::size_t>(rows * m_case.out * 2) * winogradPieces(m_op).size(),
        std::nan(""));
    for (std::int64_t band = 0; band < winogradBands(m_op); ++band) {
      winogradBand(
          m_op, parts, rows, band, scratch.data(), made.values.data(), made.moments.data());
    }
    return made;
  }

  // In double, from the values as they are stored.
  [[nodiscard]] std::vector<double> truth() const {
    std::vector<double> input;
    for (std::int64_t voxel = 0; voxel < (kRows + m_case.depthTaps - 1) * plane(); ++voxel) {
      const bool outside = voxel / plane() == kRows + m_case.depthTaps - 2;
      for (const Stored& part : m_parts) {
        for (std::int64_t c = 0; c < part.channels; ++c) {
          input.push_back(outside ? 0.0 : transformed(part, voxel, c));
        }
      }
    }
    std::vector<double> sums;
    for (std::int64_t n = 0; n < kRows * outRow(); ++n) {
      const std::int64_t voxel = n / m_case.out;
      const std::int64_t line = voxel / m_op.outSize.w;
      sums.push_back(convolved(m_case,
                               m_weight,
                               input,
                               line / m_op.outSize.h,
                               line % m_op.outSize.h,
                               voxel % m_op.outSize.w,
                               n % m_case.out) +
                     static_cast<double>(m_bias[static_cast<std::size_t>(n % m_case.out)]));
    }
    return sums;
  }

  // Of the largest value.
  template <typename To>
  double worstError(const std::vector<To>& values, const std::vector<double>& truth) {
    std::vector<float> wide(values.size());
    Transform<float> as;
    transformVoxels(values.data(), static_cast<std::int64_t>(values.size()), 1, wide.data(), 1, as);
    double worst = 0.0;
    double largest = 0.0;
    for (std::size_t n = 0; n < truth.size(); ++n) {
      const double error = std::abs(static_cast<double>(wide[n]) - truth[n]);
      worst = std::isnan(error) ? INFINITY : std::max(worst, error);
      largest = std::max(largest, std::abs(truth[n]));
    }
    return worst / largest;
  }

  const Case m_case;
  const std::vector<float> m_weight;
  const std::vector<float> m_bias;
  std::vector<float> m_packed;
  WinogradConv m_op;
  std::vector<Stored> m_parts;
};

TEST_P(Winograd, IsTheSumWhereverATileFallsOffThePlane) {
  const Made<float> whole = computed<float, float>(0, kRows);
  EXPECT_LT(worstError(whole.values, truth()), 4e-6);

  // A row's bits do not depend on the rows that are computed with it.
  const auto momentsOfRow = static_cast<std::ptrdiff_t>(whole.moments.size()) / kRows;
  for (std::int64_t row = 0; row < kRows; ++row) {
    const Made<float> alone = computed<float, float>(row, 1);
    EXPECT_TRUE(std::equal(alone.values.begin(),
                           alone.values.end(),
                           whole.values.begin() + static_cast<std::ptrdiff_t>(row * outRow())))
        << fmt::format("row {}", row);
    EXPECT_TRUE(std::equal(
        alone.moments.begin(), alone.moments.end(), whole.moments.begin() + row * momentsOfRow))
        << fmt::format("statistics of row {}", row);
  }
}

TEST_P(Winograd, CountsTheStatisticsOfEachRow) {
  const Made<float> made = computed<float, float>(0, kRows);
  const std::vector<std::int64_t> pieces = winogradPieces(m_op);
  const std::int64_t voxels = m_op.outSize.h * m_op.outSize.w;
  ASSERT_EQ(std::accumulate(pieces.begin(), pieces.end(), std::int64_t{0}), voxels);
  const auto count = static_cast<std::int64_t>(pieces.size());
  std::vector<double> joined(static_cast<std::size_t>(m_case.out * 2));
  for (std::int64_t row = 0; row < kRows; ++row) {
    joinMoments(made.moments.data() + row * count * m_case.out * 2,
                pieces.data(),
                count,
                m_case.out,
                joined.data());
    for (std::int64_t c = 0; c < m_case.out; ++c) {
      double sum = 0.0;
      double squares = 0.0;
      for (std::int64_t v = 0; v < voxels; ++v) {
        const double x = made.values[static_cast<std::size_t>(row * outRow() + v * m_case.out + c)];
        sum += x;
        squares += x * x;
      }
      const double mean = sum / static_cast<double>(voxels);
      const auto at = static_cast<std::size_t>(2 * c);
      EXPECT_NEAR(joined[at], mean, 1e-5);
      EXPECT_NEAR(joined[at + 1], squares - mean * sum, 1e-5 * (1.0 + squares));
    }
  }
}

TEST_P(Winograd, ReadsAndMakesTwoByteTypes) {
  const auto round = [&](auto type) {
    using T = decltype(type);
    for (Stored& part : m_parts) {
      const std::vector<T> stored = storedAs<T>(part.values);
      transformVoxels(stored.data(),
                      static_cast<std::int64_t>(stored.size()),
                      1,
                      part.values.data(),
                      1,
                      Transform<float>{});
    }
    // Widened on the way in and summed alike: the same bits, rounded at the end.
    const Made<float> wide = computed<float, float>(0, kRows);
    const Made<T> narrow = computed<T, T>(0, kRows);
    const Made<float> scores = computed<T, float>(0, kRows);
    EXPECT_EQ(scores.values, wide.values);
    EXPECT_EQ(narrow.moments, wide.moments);
    const std::vector<T> rounded = storedAs<T>(wide.values);
    EXPECT_EQ(std::memcmp(narrow.values.data(), rounded.data(), rounded.size() * sizeof(T)), 0);
  };
  round(BFloat16{});
  round(Float16{});
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         Winograd,
                         testing::Values(Case{16, 16, 9, 12, 1, 3},
                                         Case{32, 16, 7, 35, 1, 3},
                                         Case{16, 32, 13, 130, 0, 1},
                                         Case{48, 64, 10, 9, 1, 3},
                                         Case{16, 16, 6, 300, 1, 3},
                                         Case{64, 128, 5, 6, 2, 2},
                                         Case{128, 48, 3, 3, 0, 3}));

}  // namespace
}  // namespace argand::engine::kernels
