// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/image_file.h"

#include <cstddef>

// Internal to core/io: voxels as a file stores them, and what becomes of them.
namespace argand::io {

enum class RawType { Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Float32, Float64 };

[[nodiscard]] std::string_view toString(RawType type);  // "int16", ...
[[nodiscard]] std::int64_t bytesOf(RawType type);

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

// Whole numbers 0..65535, else refused with the first value that is not.
[[nodiscard]] Result<std::vector<LabelValue>> labelsFrom(const RawVoxels& raw,
                                                         const std::string& file);

}  // namespace argand::io
