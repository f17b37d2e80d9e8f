// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

// The safetensors format: 8 bytes of header length, a JSON header, raw
// little-endian data.
namespace argand::engine {

struct StoredTensor {
  std::string name;
  std::string dtype;  // "F32", "F64", "I64", as in the file
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;

  [[nodiscard]] std::int64_t elements() const;
};

struct TensorFile {
  std::vector<StoredTensor> tensors;  // in the order of their data
  std::map<std::string, std::string> metadata;

  [[nodiscard]] const StoredTensor* find(std::string_view name) const;
};

// Refuses by name what is malformed: lengths, overlaps, gaps, unknown types, repeated names.
[[nodiscard]] Result<TensorFile> readTensorFile(const std::filesystem::path& path);
[[nodiscard]] Result<TensorFile> parseTensorFile(std::span<const std::byte> bytes,
                                                 std::string_view what);

[[nodiscard]] std::string serialized(const TensorFile& file);
[[nodiscard]] Result<void> writeTensorFile(const std::filesystem::path& path,
                                           const TensorFile& file);

}  // namespace argand::engine
