// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/geometry.h"
#include "core/volume/phantom.h"

#include <cmath>
#include <string>
#include <vector>

// Grids that tests of several libraries measure on.
namespace argand::test {

// `degrees` about x, then half as many about z.
inline Affine rotation(double degrees) {
  const double a = degrees * 3.14159265358979323846 / 180.0;
  Affine aboutX;
  aboutX.linear = {{{1, 0, 0}, {0, std::cos(a), -std::sin(a)}, {0, std::sin(a), std::cos(a)}}};
  Affine aboutZ;
  aboutZ.linear = {
      {{std::cos(a / 2), -std::sin(a / 2), 0}, {std::sin(a / 2), std::cos(a / 2), 0}, {0, 0, 1}}};
  return aboutZ * aboutX;
}

inline Geometry oblique(Geometry geometry, double degrees) {
  geometry.lpsFromIndex = rotation(degrees) * geometry.lpsFromIndex;
  return geometry;
}

// Slices pushed along j by `degrees`, as a tilted gantry leaves them.
inline Geometry tilted(Geometry geometry, double degrees) {
  const double step = geometry.spacingMm().z * std::tan(degrees * 3.14159265358979323846 / 180.0);
  geometry.lpsFromIndex.setColumn(2,
                                  geometry.lpsFromIndex.column(2) + geometry.direction(1) * step);
  return geometry;
}

// Slice distances that grow by a tenth of the spacing from each to the next.
inline Geometry uneven(Geometry geometry) {
  const Vec3 step = geometry.lpsFromIndex.column(2);
  for (std::int64_t k = 0; k < geometry.size.k; ++k) {
    const double n = static_cast<double>(k);
    geometry.sliceOrigins.push_back(geometry.lpsFromIndex.offset +
                                    step * (n + 0.05 * n * (n - 1.0)));
  }
  return geometry;
}

// The 48 codes of axes in any order and sense.
inline std::vector<std::string> allAxisCodes() {
  std::vector<std::string> codes;
  for (const std::string order : {"LPS", "LSP", "PLS", "PSL", "SLP", "SPL"}) {
    for (unsigned flips = 0; flips < 8; ++flips) {
      std::string code = order;
      for (unsigned axis = 0; axis < 3; ++axis) {
        const std::size_t at = std::string("LPSRAI").find(order[axis]);
        code[axis] = ((flips >> axis) & 1U) != 0 ? std::string("LPSRAI")[at + 3] : order[axis];
      }
      codes.push_back(code);
    }
  }
  return codes;
}

}  // namespace argand::test
