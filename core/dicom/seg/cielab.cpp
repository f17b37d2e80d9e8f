// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/cielab.h"

#include <algorithm>
#include <cmath>

namespace argand::dicom {

namespace {

using Triple = std::array<double, 3>;
using Matrix = std::array<Triple, 3>;

// Linear sRGB to XYZ for D50 (IEC 61966-2-1 with the Bradford adaptation of ICC.1:2010
// annex E), and its inverse.
constexpr Matrix kXyzFromRgb{{{0.4360747, 0.3850649, 0.1430804},
                              {0.2225045, 0.7168786, 0.0606169},
                              {0.0139322, 0.0971045, 0.7141733}}};
constexpr Matrix kRgbFromXyz{{{3.1338561, -1.6168667, -0.4906146},
                              {-0.9787684, 1.9161415, 0.0334540},
                              {0.0719453, -0.2289914, 1.4052427}}};

// The white of these matrices: equal parts of red, green and blue have no hue.
constexpr Triple kWhite{0.96422, 1.0, 0.82521};

Triple times(const Matrix& matrix, const Triple& v) {
  Triple result{};
  for (std::size_t row = 0; row < 3; ++row) {
    result[row] = matrix[row][0] * v[0] + matrix[row][1] * v[1] + matrix[row][2] * v[2];
  }
  return result;
}

// CIE 15, with the line that continues the cube root near 0.
constexpr double kSlope = 841.0 / 108.0;
constexpr double kKnee = 6.0 / 29.0;

double root(double t) {
  return t > kKnee * kKnee * kKnee ? std::cbrt(t) : kSlope * t + 4.0 / 29.0;
}

double cube(double f) {
  return f > kKnee ? f * f * f : (f - 4.0 / 29.0) / kSlope;
}

double linear(std::uint8_t value) {
  const double v = value / 255.0;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

std::uint8_t encoded(double value) {
  const double v = std::clamp(value, 0.0, 1.0);
  const double curve = v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1.0 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(curve * 255.0));
}

std::uint16_t word(double share) {
  return static_cast<std::uint16_t>(std::lround(std::clamp(share, 0.0, 1.0) * 65535.0));
}

}  // namespace

CieLab cieLabOf(const Color& srgb) {
  const Triple xyz = times(kXyzFromRgb, {linear(srgb.red), linear(srgb.green), linear(srgb.blue)});
  const double fx = root(xyz[0] / kWhite[0]);
  const double fy = root(xyz[1] / kWhite[1]);
  const double fz = root(xyz[2] / kWhite[2]);
  return {word((116.0 * fy - 16.0) / 100.0),
          word((500.0 * (fx - fy) + 128.0) / 255.0),
          word((200.0 * (fy - fz) + 128.0) / 255.0)};
}

Color colorOf(const CieLab& lab) {
  const double fy = (lab[0] / 65535.0 * 100.0 + 16.0) / 116.0;
  const double fx = fy + (lab[1] / 65535.0 * 255.0 - 128.0) / 500.0;
  const double fz = fy - (lab[2] / 65535.0 * 255.0 - 128.0) / 200.0;
  const Triple rgb =
      times(kRgbFromXyz, {cube(fx) * kWhite[0], cube(fy) * kWhite[1], cube(fz) * kWhite[2]});
  return {encoded(rgb[0]), encoded(rgb[1]), encoded(rgb[2])};
}

}  // namespace argand::dicom
