// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/warning.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>

namespace argand::test {

namespace internal {

// Counts the voxels for which differs(n) holds and describes the first.
template <typename Differs, typename Describe>
bool sameVoxels(const Size3& size,
                Differs&& differs,
                Describe&& describe,
                ::testing::MatchResultListener& listener) {
  std::int64_t count = 0;
  std::int64_t first = -1;
  for (std::int64_t n = 0; n < size.voxels(); ++n) {
    if (differs(static_cast<std::size_t>(n))) {
      first = first < 0 ? n : first;
      ++count;
    }
  }
  if (count > 0) {
    listener << count << " of " << size.voxels() << " voxels differ, the first at ("
             << first % size.i << ", " << first / size.i % size.j << ", "
             << first / (size.i * size.j) << "): ";
    describe(static_cast<std::size_t>(first));
  }
  return count == 0;
}

inline bool sameGridSaid(const Geometry& a,
                         const Geometry& b,
                         ::testing::MatchResultListener& out) {
  if (!sameGrid(a, b)) {
    out << "the grids differ: " << a.size.i << "x" << a.size.j << "x" << a.size.k << " against "
        << b.size.i << "x" << b.size.j << "x" << b.size.k << ", or their places in space";
    return false;
  }
  return true;
}

}  // namespace internal

// A Volume on the same grid whose voxels are within `tolerance` of those of `expected`.
MATCHER_P2(VolumeNear, expected, tolerance, "is within " + ::testing::PrintToString(tolerance)) {
  const Volume& actual = arg;
  const Volume& wanted = expected;
  return internal::sameGridSaid(actual.geometry(), wanted.geometry(), *result_listener) &&
         actual.visit([&](auto a) {
           return wanted.visit([&](auto b) {
             return internal::sameVoxels(
                 actual.geometry().size,
                 [&](std::size_t n) {
                   const double apart = static_cast<double>(a[n]) - static_cast<double>(b[n]);
                   return !(std::abs(apart) <= tolerance);
                 },
                 [&](std::size_t n) { *result_listener << +a[n] << " against " << +b[n]; },
                 *result_listener);
           });
         });
}

// A Warning whose sentence contains `words`.
MATCHER_P(Says, words, "says '" + ::testing::PrintToString(words) + "'") {
  const Warning& warning = arg;
  *result_listener << "whose sentence is: " << warning.text;
  return warning.text.find(words) != std::string::npos;
}

// A LabelMap on the same grid with the same value in every voxel.
MATCHER_P(LabelsEqual, expected, "has the same labels") {
  const LabelMap& actual = arg;
  const LabelMap& wanted = expected;
  return internal::sameGridSaid(actual.geometry, wanted.geometry, *result_listener) &&
         internal::sameVoxels(
             actual.geometry.size,
             [&](std::size_t n) { return actual.voxels[n] != wanted.voxels[n]; },
             [&](std::size_t n) {
               *result_listener << actual.voxels[n] << " against " << wanted.voxels[n];
             },
             *result_listener);
}

}  // namespace argand::test
