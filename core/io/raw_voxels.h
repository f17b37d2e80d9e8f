// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/image_file.h"

#include <cstddef>
#include <type_traits>

// Internal to core/io: voxels as a file stores them, and what becomes of them.
namespace argand::io {

enum class RawType { Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Float32, Float64 };

[[nodiscard]] std::string_view toString(RawType type);  // "int16", ...
[[nodiscard]] std::int64_t bytesOf(RawType type);

// Calls `visitor` with a null pointer to the C++ type of `type`.
template <typename Visitor>
auto withType(RawType type, Visitor&& visitor) {
  switch (type) {
    case RawType::Int8:
      return visitor(static_cast<std::int8_t*>(nullptr));
    case RawType::UInt8:
      return visitor(static_cast<std::uint8_t*>(nullptr));
    case RawType::Int16:
      return visitor(static_cast<std::int16_t*>(nullptr));
    case RawType::UInt16:
      return visitor(static_cast<std::uint16_t*>(nullptr));
    case RawType::Int32:
      return visitor(static_cast<std::int32_t*>(nullptr));
    case RawType::UInt32:
      return visitor(static_cast<std::uint32_t*>(nullptr));
    case RawType::Int64:
      return visitor(static_cast<std::int64_t*>(nullptr));
    case RawType::UInt64:
      return visitor(static_cast<std::uint64_t*>(nullptr));
    case RawType::Float32:
      return visitor(static_cast<float*>(nullptr));
    case RawType::Float64:
      break;
  }
  return visitor(static_cast<double*>(nullptr));
}

struct RawVoxels {
  RawType type = RawType::Int16;
  bool otherByteOrder = false;  // than this machine's
  double slope = 1.0;           // value = stored * slope + intercept
  double intercept = 0.0;
  std::vector<std::byte> bytes;
};

// The smallest of int16, uint16 and float32 that holds every value exactly.
// Integers that none of them holds are refused. Double precision is rounded to
// float32. NaN and infinity become `background`, with a warning.
[[nodiscard]] Result<Volume::Buffer> bufferFrom(const RawVoxels& raw,
                                                double background,
                                                const std::string& file,
                                                Warnings& warnings);

// Whole numbers 0..65535 on a grid of `size`; a value within 1e-3 of one, as a slope in
// single precision leaves it, is that number. Others are refused with the first such
// value and its voxel.
[[nodiscard]] Result<std::vector<LabelValue>> labelsFrom(const RawVoxels& raw,
                                                         const Size3& size,
                                                         const std::string& file);

}  // namespace argand::io
