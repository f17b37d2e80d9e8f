// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// Internal to core/dicom: Pixel Data of Bits Allocated 1 (PS3.5 8.1.1 and annex D).
// The first pixel is the least significant bit of the first byte; rows and frames
// follow each other without padding, so that a frame may begin within a byte.
namespace argand::dicom {

// Sets the bit of one pixel.
inline void setBit(std::span<std::uint8_t> bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (1U << (bit % 8)));
}

// Writes 1 to `values` where the bit is set, from bit `first` on, and leaves the
// others as they are. `bytes` must reach to the last bit.
void unpackBits(std::span<const std::uint8_t> bytes,
                std::size_t first,
                std::span<std::uint16_t> values);

}  // namespace argand::dicom
