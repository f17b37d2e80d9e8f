// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/bit_packing.h"
#include "core/dicom/seg/cielab.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <tuple>
#include <vector>

namespace argand::dicom {
namespace {

// Frames of random bits, packed one after the other and compared with PS3.5 8.1.1 read
// bit by bit: pixel n is bit n % 8 of byte n / 8.
TEST(BitPacking, KeepsEveryBitOfFramesThatBeginWithinAByte) {
  const std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> sizes{
      {13, 11, 7}, {10, 7, 5}, {251, 333, 5}, {181, 217, 6}, {1, 1, 9}, {3, 1, 17}, {8, 8, 3}};
  std::mt19937 random(5);
  for (const auto& [columns, rows, frames] : sizes) {
    const std::size_t count = columns * rows;
    std::vector<std::uint8_t> pixels(count * frames);
    for (std::uint8_t& pixel : pixels) {
      pixel = random() % 3 == 0 ? 1 : 0;
    }
    std::vector<std::uint8_t> bytes((pixels.size() + 7) / 8, 0);
    for (std::size_t n = 0; n < pixels.size(); ++n) {
      if (pixels[n] != 0) {
        setBit(bytes, n);
      }
    }
    for (std::size_t n = 0; n < pixels.size(); ++n) {
      ASSERT_EQ(bytes[n / 8] >> (n % 8) & 1U, pixels[n]) << columns << "x" << rows << " at " << n;
    }
    for (std::size_t frame = 0; frame < frames; ++frame) {
      std::vector<std::uint16_t> values(count, 0);
      unpackBits(bytes, frame * count, values);
      for (std::size_t n = 0; n < count; ++n) {
        ASSERT_EQ(values[n], pixels[frame * count + n]) << columns << "x" << rows << " " << frame;
      }
    }
  }
}

TEST(CieLab, GivesBackEveryColour) {
  for (int red = 0; red < 256; red += 3) {
    for (int green = 0; green < 256; green += 5) {
      for (int blue = 0; blue < 256; blue += 5) {
        const Color color{static_cast<std::uint8_t>(red),
                          static_cast<std::uint8_t>(green),
                          static_cast<std::uint8_t>(blue)};
        ASSERT_EQ(colorOf(cieLabOf(color)), color) << red << " " << green << " " << blue;
      }
    }
  }
}

// White, black and the primaries in CIELab for D50, as published for ICC profiles of sRGB
// (L* 100, 0, 54.29, 87.82, 29.57 with their a* and b*).
TEST(CieLab, IsThatOfTheProfileConnectionSpace) {
  const auto expectNear = [](const Color& color, const std::array<double, 3>& lab) {
    const CieLab words = cieLabOf(color);
    EXPECT_NEAR(words[0] / 65535.0 * 100.0, lab[0], 0.02);
    EXPECT_NEAR(words[1] / 65535.0 * 255.0 - 128.0, lab[1], 0.05);
    EXPECT_NEAR(words[2] / 65535.0 * 255.0 - 128.0, lab[2], 0.05);
  };
  expectNear({255, 255, 255}, {100.0, 0.0, 0.0});
  expectNear({0, 0, 0}, {0.0, 0.0, 0.0});
  expectNear({255, 0, 0}, {54.29, 80.81, 69.89});
  expectNear({0, 255, 0}, {87.82, -79.29, 80.99});
  expectNear({0, 0, 255}, {29.57, 68.30, -112.03});
}

}  // namespace
}  // namespace argand::dicom
