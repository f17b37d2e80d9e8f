// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/bit_packing.h"

#include "core/base/assert.h"

#include <bit>

namespace argand::dicom {

void unpackBits(std::span<const std::uint8_t> bytes,
                std::size_t first,
                std::span<std::uint16_t> values) {
  const std::size_t end = first + values.size();
  ARGAND_ASSERT(end <= bytes.size() * 8);
  for (std::size_t byte = first / 8; byte * 8 < end; ++byte) {
    // Most bytes are background: only the bits that are set are visited.
    for (unsigned bits = bytes[byte]; bits != 0; bits &= bits - 1) {
      const std::size_t bit = byte * 8 + static_cast<std::size_t>(std::countr_zero(bits));
      if (bit >= first && bit < end) {
        values[bit - first] = 1;
      }
    }
  }
}

}  // namespace argand::dicom
