// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <span>
#include <vector>

// Internal to core/dicom: RLE Lossless (PS3.5 annex G). DCMTK's own decoder
// (3.6.7) reads beyond the end of a damaged stream.
namespace argand::dicom {

// Returns `pixels` words of `wordBytes` each, little endian, from one frame's fragment.
// Fails, before anything is allocated, where there are more than 64 pixels for each of
// its bytes, which is the most that runs can hold.
[[nodiscard]] Result<std::vector<std::uint8_t>> decodedRunLength(
    std::span<const std::uint8_t> fragment, std::size_t pixels, std::size_t wordBytes);

}  // namespace argand::dicom
