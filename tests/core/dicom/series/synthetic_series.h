// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/affine.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

class DcmDataset;

// Small DICOM images made to measure for tests of the series reader.
namespace argand::test {

// One single-frame image. `attributes` are added last, "0018,0081" to a value;
// an empty value removes the attribute.
struct SyntheticSlice {
  std::string sopInstanceUid;  // one of its own where empty
  std::string seriesUid = "2.25.77";
  int instanceNumber = 1;
  Vec3 positionMm;
  Vec3 rowCosine{1, 0, 0};
  Vec3 columnCosine{0, 1, 0};
  double rowSpacingMm = 1.5;
  double columnSpacingMm = 0.75;
  int rows = 4;
  int columns = 3;
  bool isSigned = true;
  std::vector<std::uint16_t> pixels;  // zeros where empty
  std::map<std::string, std::string> attributes;
  std::function<void(DcmDataset&)> edit;  // called last, for what is no plain text
};

// Throws where it cannot.
void writeSlice(const std::filesystem::path& path, const SyntheticSlice& slice);

// `count` slices `spacingMm` apart along z, named so that the order of names is
// not that of positions; every pixel of slice k is k.
[[nodiscard]] std::vector<SyntheticSlice> evenSlices(int count, double spacingMm);

void writeSlices(const std::filesystem::path& folder, const std::vector<SyntheticSlice>& slices);

}  // namespace argand::test
