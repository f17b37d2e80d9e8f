// SPDX-License-Identifier: Apache-2.0
#include "core/volume/contours.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace argand {
namespace {

using Mask = std::vector<std::uint8_t>;

struct Picture {
  Mask mask;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

// '#' is inside.
Picture drawn(const std::vector<std::string>& rows) {
  Picture picture{
      {}, static_cast<std::int64_t>(rows.front().size()), static_cast<std::int64_t>(rows.size())};
  for (const std::string& row : rows) {
    for (const char c : row) {
      picture.mask.push_back(c == '#' ? 1 : 0);
    }
  }
  return picture;
}

// Numbers as they stand in a file: three decimals of a millimetre.
std::vector<Ring> rounded(std::vector<Ring> rings, double spacingMm) {
  const auto round = [&](double v) {
    return std::round(v * spacingMm * 1000.0) / (1000.0 * spacingMm);
  };
  for (Ring& ring : rings) {
    for (Point2& point : ring) {
      point = {round(point.x), round(point.y)};
    }
  }
  return rings;
}

std::string problemOf(const Picture& picture, const ContourOptions& options) {
  const auto rings = contoursOf(picture.mask, picture.width, picture.height, options);
  for (const Ring& ring : rings) {
    if (ring.size() < 3 || std::abs(signedArea(ring)) < 0.05 || ring.front() == ring.back()) {
      return "a degenerate ring";
    }
  }
  for (const auto& variant : {rings, rounded(rings, 0.2)}) {
    if (filled(variant, picture.width, picture.height, FillRule::EvenOdd) != picture.mask) {
      return "even-odd filling differs";
    }
    if (options.holes == HoleStyle::Keyhole &&
        filled(variant, picture.width, picture.height, FillRule::Union) != picture.mask) {
      return "union filling differs";
    }
  }
  return {};
}

void expectExact(const Picture& picture) {
  for (const HoleStyle style : {HoleStyle::Keyhole, HoleStyle::Xor}) {
    for (const double tolerance : {0.0, 0.25, 0.4, 2.0}) {
      EXPECT_EQ(problemOf(picture, {style, tolerance}), "")
          << "style " << static_cast<int>(style) << ", tolerance " << tolerance;
    }
  }
}

Picture randomPicture(std::mt19937& random, double density, int smoothing) {
  Picture picture;
  picture.width = 1 + static_cast<std::int64_t>(random() % 24);
  picture.height = 1 + static_cast<std::int64_t>(random() % 24);
  std::bernoulli_distribution coin(density);
  picture.mask.resize(static_cast<std::size_t>(picture.width * picture.height));
  for (auto& pixel : picture.mask) {
    pixel = coin(random) ? 1 : 0;
  }
  for (int pass = 0; pass < smoothing; ++pass) {  // majority of 3 x 3: blobs with smooth rims
    const Mask before = picture.mask;
    for (std::int64_t j = 1; j + 1 < picture.height; ++j) {
      for (std::int64_t i = 1; i + 1 < picture.width; ++i) {
        int count = 0;
        for (std::int64_t n = 0; n < 9; ++n) {
          count +=
              before[static_cast<std::size_t>((j + n / 3 - 1) * picture.width + i + n % 3 - 1)];
        }
        picture.mask[static_cast<std::size_t>(j * picture.width + i)] = count > 4 ? 1 : 0;
      }
    }
  }
  return picture;
}

TEST(Contours, OfAnEmptyMaskAreNone) {
  EXPECT_TRUE(contoursOf({}, 0, 0).empty());
  EXPECT_TRUE(contoursOf(Mask(12, 0), 4, 3).empty());
}

TEST(Contours, OfOnePixelAreADiamondRoundItsCentre) {
  const auto rings = contoursOf(Mask{1}, 1, 1);
  ASSERT_EQ(rings.size(), 1U);
  EXPECT_EQ(rings[0].size(), 4U);
  EXPECT_DOUBLE_EQ(std::abs(signedArea(rings[0])), 0.5);
  for (const Point2& point : rings[0]) {
    EXPECT_DOUBLE_EQ(std::abs(point.x) + std::abs(point.y), 0.5);
  }
}

TEST(Contours, SeparateDiagonalPixels) {
  EXPECT_EQ(contoursOf(drawn({"#.", ".#"}).mask, 2, 2).size(), 2U);
}

TEST(Contours, TurnOutersAndHolesOppositeWays) {
  const auto picture = drawn({"#####", "#...#", "#.#.#", "#...#", "#####"});
  const auto rings = contoursOf(picture.mask, 5, 5, {HoleStyle::Xor, 0.25});
  ASSERT_EQ(rings.size(), 3U);  // outer, its hole, the island
  EXPECT_LT(signedArea(rings[0]) * signedArea(rings[1]), 0.0);
  EXPECT_GT(signedArea(rings[0]) * signedArea(rings[2]), 0.0);
}

TEST(Contours, BridgeHolesAlongVerticalLinesBetweenPixelCentres) {
  const auto picture = drawn({"#######", "#.#.#.#", "#######", "##...##", "#######"});
  const auto rings = contoursOf(picture.mask, 7, 5);
  ASSERT_EQ(rings.size(), 1U);
  const Ring& ring = rings[0];
  int bridges = 0;
  for (std::size_t n = 0; n < ring.size(); ++n) {
    for (std::size_t m = n + 1; m < ring.size(); ++m) {
      const Point2& a = ring[n];
      const Point2& b = ring[n + 1];
      const Point2& c = ring[m];
      const Point2& d = ring[(m + 1) % ring.size()];
      if (a == d && b == c) {  // the same edge both ways
        ++bridges;
        EXPECT_EQ(a.x, b.x);
        EXPECT_DOUBLE_EQ(a.x - std::floor(a.x), 0.5);
      }
    }
  }
  EXPECT_EQ(bridges, 4);
}

TEST(Contours, FillBackExactlyForAwkwardShapes) {
  expectExact(drawn({"#"}));
  expectExact(drawn({"###", "###", "###"}));                          // whole image
  expectExact(drawn({"#.#.#", ".#.#.", "#.#.#"}));                    // checkerboard
  expectExact(drawn({"#####", "#.#.#", "##.##", "#.#.#", "#####"}));  // holes at corners
  expectExact(drawn({"......", ".####.", "......", "..#...", "..#...", "..#..."}));  // lines
  expectExact(drawn({"#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"}));
  expectExact(drawn({"####", "#.##", "##.#", "####"}));
  expectExact(drawn({"#....", "##...", "###..", "####.", "#####"}));
}

TEST(Contours, FillBackExactlyForHundredsOfHoles) {
  Picture picture{Mask(81 * 61, 1), 81, 61};
  for (std::int64_t j = 1; j < 61; j += 2) {
    for (std::int64_t i = 1; i < 81; i += 2) {
      picture.mask[static_cast<std::size_t>(j * 81 + i)] = 0;
    }
  }
  ASSERT_EQ(contoursOf(picture.mask, 81, 61).size(), 1U);
  expectExact(picture);
}

TEST(Contours, FillBackExactlyForRandomMasks) {
  std::mt19937 random(20260801);
  for (int n = 0; n < 6000; ++n) {
    const double density = 0.05 + 0.1 * (n % 10);
    const Picture picture = randomPicture(random, density, n % 3);
    for (const HoleStyle style : {HoleStyle::Keyhole, HoleStyle::Xor}) {
      ASSERT_EQ(problemOf(picture, {style, n % 5 == 0 ? 0.0 : 0.25}), "") << "mask " << n;
    }
  }
}

TEST(Contours, SimplifyASmoothOutlineByHalf) {
  Picture disc{Mask(201 * 201, 0), 201, 201};
  for (std::int64_t j = 0; j < 201; ++j) {
    for (std::int64_t i = 0; i < 201; ++i) {
      disc.mask[static_cast<std::size_t>(j * 201 + i)] =
          (i - 100) * (i - 100) + (j - 100) * (j - 100) <= 90 * 90 ? 1 : 0;
    }
  }
  const auto full = contoursOf(disc.mask, 201, 201, {HoleStyle::Keyhole, 0.0});
  const auto simple = contoursOf(disc.mask, 201, 201);
  EXPECT_LT(simple[0].size(), full[0].size() / 2);
  EXPECT_NEAR(std::abs(signedArea(simple[0])), M_PI * 90 * 90, 150.0);
}

TEST(PolygonFill, GivesACentreOnAnEdgeToTheRingOnItsLeftOrTop) {
  const Ring left{{0, 0}, {2, 0}, {2, 4}, {0, 4}};
  const Ring right{{2, 0}, {4, 0}, {4, 4}, {2, 4}};
  const Mask leftMask = filled(std::vector<Ring>{left}, 6, 6);
  const Mask rightMask = filled(std::vector<Ring>{right}, 6, 6);
  for (std::int64_t j = 0; j < 6; ++j) {
    for (std::int64_t i = 0; i < 6; ++i) {
      const auto n = static_cast<std::size_t>(j * 6 + i);
      EXPECT_EQ(leftMask[n] != 0, i > 0 && i <= 2 && j > 0 && j <= 4) << i << ", " << j;
      EXPECT_EQ(rightMask[n] != 0, i > 2 && i <= 4 && j > 0 && j <= 4) << i << ", " << j;
    }
  }
}

TEST(PolygonFill, GivesACentreOnASharedSlantedEdgeToOneRing) {
  // Three decimals, and a diagonal through the centres (1, 2), (2, 4) ...
  const Ring above{{0, 0}, {8, 0}, {8, 16}};
  const Ring below{{0, 0}, {8, 16}, {0, 16}};
  const Ring thirds{{0.001, 0.002}, {8.001, 16.002}, {-3.3, 16.002}};
  const Mask a = filled(std::vector<Ring>{above}, 10, 18);
  const Mask b = filled(std::vector<Ring>{below}, 10, 18);
  const Mask both = filled(std::vector<Ring>{above, below}, 10, 18, FillRule::Union);
  int shared = 0;
  for (std::size_t n = 0; n < a.size(); ++n) {
    shared += a[n] & b[n];
    EXPECT_EQ(both[n], a[n] | b[n]);
  }
  EXPECT_EQ(shared, 0);
  EXPECT_EQ(std::count(both.begin(), both.end(), 1), 8 * 16);
  const Mask t = filled(std::vector<Ring>{thirds}, 10, 18);
  for (std::int64_t k = 1; k <= 8;
       ++k) {  // (k, 2k) lies on that edge exactly: the ring is left of it
    EXPECT_EQ(t[static_cast<std::size_t>(2 * k * 10 + k)], 1) << k;
  }
}

TEST(PolygonFill, AgreesWithCountingCrossingsPixelByPixel) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> anywhere(-3.0, 23.0);
  for (int n = 0; n < 300; ++n) {
    Ring ring(3 + static_cast<std::size_t>(n % 9));
    for (Point2& point : ring) {
      point = {anywhere(random), anywhere(random)};
    }
    const Mask mask = filled(std::vector<Ring>{ring}, 20, 20);
    for (std::int64_t j = 0; j < 20; ++j) {
      for (std::int64_t i = 0; i < 20; ++i) {
        bool inside = false;
        const double x = static_cast<double>(i);
        const double y = static_cast<double>(j);
        for (std::size_t e = 0; e < ring.size(); ++e) {
          const Point2& a = ring[e];
          const Point2& b = ring[(e + 1) % ring.size()];
          if ((a.y > y) != (b.y > y) && x < a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y)) {
            inside = !inside;
          }
        }
        ASSERT_EQ(mask[static_cast<std::size_t>(j * 20 + i)] != 0, inside) << i << ", " << j;
      }
    }
  }
}

TEST(PolygonFill, JoinsOverlapsByTheRuleAskedFor) {
  const std::vector<Ring> rings{{{-0.5, -0.5}, {3.5, -0.5}, {3.5, 3.5}, {-0.5, 3.5}},
                                {{1.5, 1.5}, {5.5, 1.5}, {5.5, 5.5}, {1.5, 5.5}}};
  const Mask odd = filled(rings, 6, 6, FillRule::EvenOdd);
  const Mask either = filled(rings, 6, 6, FillRule::Union);
  EXPECT_EQ(std::count(odd.begin(), odd.end(), 1), 16 + 16 - 8);
  EXPECT_EQ(std::count(either.begin(), either.end(), 1), 16 + 16 - 4);
}

TEST(PolygonFill, TakesRingsBeyondTheImageAndNumbersThatAreNone) {
  const double nan = std::nan("");
  const std::vector<Ring> rings{
      {{-1e300, -1e300}, {1e300, -1e300}, {1e300, 1e300}, {-1e300, 1e300}},
      {{nan, 0}, {5, nan}, {1, 1}},
      {{1, 1}, {2, 2}},
      {}};
  const Mask mask = filled(rings, 4, 3, FillRule::Union);
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 1), 12);
}

Ring square(double low, double high) {
  return {{low, low}, {high, low}, {high, high}, {low, high}};
}

std::int64_t pixelsOf(const std::vector<Ring>& rings, FillRule rule = FillRule::Nested) {
  const Mask mask = filled(rings, 60, 50, rule);
  return std::count(mask.begin(), mask.end(), std::uint8_t{1});
}

TEST(NestedFill, TakesRingsWithinRingsAsHolesAndIslands) {
  const Ring outer = square(0.5, 40.5);
  const Ring hole = square(10.5, 30.5);
  const Ring island = square(15.5, 20.5);
  EXPECT_EQ(pixelsOf({outer, hole, island}), 1600 - 400 + 25);
  EXPECT_EQ(pixelsOf({island, outer, hole}), 1600 - 400 + 25);
  EXPECT_EQ(pixelsOf({square(0.5, 4.5), square(10.5, 14.5)}), 32);
  EXPECT_EQ(pixelsOf({outer, square(0.5, 10.5)}), 1600 - 100);  // a hole that touches
}

TEST(NestedFill, JoinsRingsThatCross) {
  EXPECT_EQ(pixelsOf({square(0.5, 10.5), square(5.5, 15.5)}), 175);
  EXPECT_EQ(pixelsOf({square(0.5, 10.5), square(9.5, 19.5), square(18.5, 28.5)}), 298);
  EXPECT_EQ(pixelsOf({square(0.5, 10.5), square(5.5, 15.5), square(1.5, 3.5)}), 171);
}

TEST(NestedFill, CountsARingOnceHoweverOftenItIsThere) {
  const Ring ring = square(0.5, 12.5);
  Ring moved = ring;
  std::rotate(moved.begin(), moved.begin() + 2, moved.end());
  std::reverse(moved.begin(), moved.end());
  for (Point2& point : moved) {
    point.x += 0.05;
  }
  EXPECT_EQ(pixelsOf({ring, ring}), 144);
  EXPECT_EQ(pixelsOf({ring, ring, moved, ring}), 144);
  EXPECT_EQ(pixelsOf({square(-3.5, 20.5), ring, moved}), 21 * 21 - 144);
  EXPECT_TRUE(sameRing(ring, moved, 0.1));
  EXPECT_FALSE(sameRing(ring, moved, 0.01));
  EXPECT_FALSE(sameRing(ring, {{0.5, 0.5}, {12.5, 0.5}, {12.5, 12.5}, {6, 6}, {0.5, 12.5}}, 0.1));
}

TEST(NestedFill, FillsMoreThanTheMasksHaveRoomForByEvenOdd) {
  std::vector<Ring> rings;
  for (int n = 0; n < 300; ++n) {  // each fills the image but for its own corner
    rings.push_back({{-0.5, -0.5}, {59.5, -0.5}, {59.5, 49.5 - 0.2 * (n + 1)}, {-0.5, 49.5}});
  }
  EXPECT_EQ(filled(rings, 60, 50, FillRule::Nested), filled(rings, 60, 50, FillRule::EvenOdd));
}

}  // namespace
}  // namespace argand
