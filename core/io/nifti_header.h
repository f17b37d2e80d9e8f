// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/image_file.h"
#include "core/io/raw_voxels.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

// Internal to core/io: the headers of NIfTI-1 (348 bytes) and NIfTI-2 (540
// bytes), https://nifti.nimh.nih.gov; offsets below are those of nifti1.h and
// nifti2.h.
namespace argand::io::nifti {

inline constexpr std::size_t kLargestHeader = 540;

struct Layout {
  int version = 1;
  bool otherByteOrder = false;
};

struct Header {
  Size3 size;
  std::int64_t components = 1;  // the product of the dimensions after the third
  RawType type = RawType::Int16;
  bool otherByteOrder = false;
  double slope = 1.0;
  double intercept = 0.0;
  std::int64_t headerBytes = 348;
  std::int64_t voxelOffset = 352;
  Affine rasFromIndex;
};

template <typename T>
[[nodiscard]] T load(std::span<const std::byte> bytes, std::size_t offset, bool otherByteOrder) {
  std::array<std::byte, sizeof(T)> raw;
  std::memcpy(raw.data(), bytes.data() + offset, sizeof(T));
  if (otherByteOrder) {
    std::reverse(raw.begin(), raw.end());
  }
  return std::bit_cast<T>(raw);
}

// By the header's own length, its first four bytes.
[[nodiscard]] Result<Layout> layoutOf(std::span<const std::byte, 4> start, const std::string& file);
[[nodiscard]] std::int64_t headerBytes(const Layout& layout);

[[nodiscard]] Result<Header> parse(std::span<const std::byte> bytes,
                                   const Layout& layout,
                                   const std::filesystem::path& path,
                                   Warnings& warnings);

// NIfTI's world is RAS, ours LPS: x and y change sign. The one conversion in
// each direction.
[[nodiscard]] Affine lpsFromRas(const Affine& rasFromIndex);
[[nodiscard]] Affine rasFromLps(const Affine& lpsFromIndex);

// A NIfTI-1 header with sform, qform (where the axes are at right angles) and
// the four bytes that announce an extension of `extensionBytes`.
[[nodiscard]] Result<std::vector<std::byte>> encoded(const Geometry& geometry,
                                                     RawType type,
                                                     std::size_t extensionBytes,
                                                     const std::string& file);

}  // namespace argand::io::nifti
