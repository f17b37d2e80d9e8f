// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/attributes.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

// Internal to core/dicom: what the header says of stored values and their meaning.
namespace argand::dicom {

// Which element holds the pixels: Pixel Data, Float Pixel Data or Double Float Pixel
// Data (PS3.3 C.7.6.3, C.7.6.24, C.7.6.25).
enum class PixelType { Integer, Float, Double };

// An item of Modality LUT Sequence (PS3.3 C.11.1.1). A stored value below `first`
// takes the first entry, one beyond the table the last.
struct ModalityLut {
  std::int64_t first = 0;
  std::vector<std::uint16_t> entries;  // not empty

  [[nodiscard]] std::uint16_t at(std::int64_t stored) const {
    const auto last = static_cast<std::int64_t>(entries.size()) - 1;
    return entries[static_cast<std::size_t>(std::clamp<std::int64_t>(stored - first, 0, last))];
  }
};

// How stored values become voxels (PS3.3 C.7.6.3, C.11.1).
struct PixelFormat {
  PixelType type = PixelType::Integer;
  int rows = 0;
  int columns = 0;
  int bitsAllocated = 16;
  int bitsStored = 16;
  int highBit = 15;
  bool isSigned = false;
  double slope = 1.0;
  double intercept = 0.0;
  std::shared_ptr<const ModalityLut> lut;  // instead of slope and intercept, where there is one
  // Stored values from the first to the second are padding (PS3.3 C.7.5.1.1.2); that
  // of floating point numbers (C.7.6.24.1.1).
  std::optional<std::pair<std::int64_t, std::int64_t>> padding;
  std::optional<std::pair<double, double>> realPadding;
  std::string unit;  // of voxels, as Volume::unit
  // Voxels in another unit than the object's own, as SUV: applied after all else.
  double factor = 1.0;
};

// Reads the format of a frame. Fails, naming the attribute, where stored values or
// their meaning are not what this program reads.
[[nodiscard]] Result<PixelFormat> pixelFormatOf(const Attributes& in);

}  // namespace argand::dicom
