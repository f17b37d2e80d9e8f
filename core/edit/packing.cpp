// SPDX-License-Identifier: Apache-2.0
#include "core/edit/packing.h"

#include "core/base/assert.h"

#include <zstd.h>

#include <bit>

namespace argand::edit {

namespace {

// The fastest ordinary level: label maps are long runs, and a stroke is packed
// while the person waits for the next one.
constexpr int kLevel = 1;

static_assert(std::endian::native == std::endian::little,
              "patches hold little-endian values and are packed from memory as it is");

}  // namespace

std::vector<std::byte> packed(std::span<const LabelValue> values) {
  std::vector<std::byte> bytes(ZSTD_compressBound(values.size_bytes()));
  const std::size_t used =
      ZSTD_compress(bytes.data(), bytes.size(), values.data(), values.size_bytes(), kLevel);
  ARGAND_ASSERT(ZSTD_isError(used) == 0);
  bytes.resize(used);
  bytes.shrink_to_fit();
  return bytes;
}

Result<std::vector<LabelValue>> unpacked(std::span<const std::byte> bytes, std::size_t count) {
  const std::size_t expected = count * sizeof(LabelValue);
  // The frame says its size before anything is allocated for it.
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) == expected) {
    std::vector<LabelValue> values(count);
    if (ZSTD_decompress(values.data(), expected, bytes.data(), bytes.size()) == expected) {
      return values;
    }
  }
  return fail(ErrorCode::InputRefused, "The voxels of an edit are damaged.");
}

}  // namespace argand::edit
