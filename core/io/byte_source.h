// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

// Internal to core/io: bytes of a plain or gzip-compressed file, in order.
namespace argand::io {

class ByteSource {
 public:
  [[nodiscard]] static Result<ByteSource> open(const std::filesystem::path& path);
  ByteSource(ByteSource&& other) noexcept;
  ByteSource& operator=(ByteSource&&) = delete;
  ~ByteSource();

  // Fills `bytes`, or fails: the file ends early or its compression is damaged.
  [[nodiscard]] Result<void> read(std::span<std::byte> bytes);
  [[nodiscard]] Result<void> skip(std::int64_t count);
  // Reads to the end, so that the checksum of a compressed file is compared.
  [[nodiscard]] Result<void> verifyEnd();

 private:
  ByteSource(std::filesystem::path path, void* file);

  std::filesystem::path m_path;
  void* m_file = nullptr;  // gzFile
};

// Fails where a file of this length cannot hold `bytes` (gzip shrinks at most
// 1032 to 1), or this machine's memory cannot: asked before anything is allocated.
[[nodiscard]] Result<void> checkPlausibleSize(const std::filesystem::path& path,
                                              double bytes,
                                              bool mayBeCompressed);

// A zlib stream (RFC 1950), as MetaImage has it: exactly `size` bytes, or a failure.
[[nodiscard]] Result<std::vector<std::byte>> inflated(std::span<const std::byte> compressed,
                                                      std::size_t size,
                                                      const std::filesystem::path& path);
[[nodiscard]] Result<std::vector<std::byte>> deflated(std::span<const std::byte> bytes,
                                                      const std::filesystem::path& path);

// Writes the parts one after the other, gzip-compressed or as they are.
[[nodiscard]] Result<void> writeBytes(const std::filesystem::path& path,
                                      bool compressed,
                                      std::span<const std::span<const std::byte>> parts);

}  // namespace argand::io
