// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

// Internal to core/io: bytes of a plain or compressed file, in order.
namespace argand::io {

// How the bytes of a file are packed.
enum class Packing {
  None,
  Detect,  // gzip where the file begins as one, else none
  Gzip,    // RFC 1952, also several members one after the other
  Zlib,    // RFC 1950, or gzip
  Bzip2,   // also several streams one after the other
};

class ByteSource {
 public:
  // Opens `path` and begins at its byte `offset`; what is packed begins there.
  [[nodiscard]] static Result<ByteSource> open(const std::filesystem::path& path,
                                               Packing packing = Packing::Detect,
                                               std::int64_t offset = 0);
  ByteSource(ByteSource&& other) noexcept;
  ByteSource& operator=(ByteSource&&) = delete;
  ~ByteSource();

  // Fills `bytes`, or fails: the file ends early or its compression is damaged.
  [[nodiscard]] Result<void> read(std::span<std::byte> bytes);
  [[nodiscard]] Result<void> skip(std::int64_t count);
  // Reads to the end, so that the checksum of a compressed file is compared.
  [[nodiscard]] Result<void> verifyEnd();

 private:
  struct State;
  explicit ByteSource(std::unique_ptr<State> state);

  std::unique_ptr<State> m_state;
};

// Returns the file's length, or fails where there is no such file or it is none.
[[nodiscard]] Result<std::int64_t> fileLength(const std::filesystem::path& path);

// Fails where `onDisk` bytes of a file cannot hold `bytes`, or this machine's memory
// cannot: asked before anything is allocated. Gzip and zlib shrink at most 1032 to 1
// (RFC 1951: 258 bytes in two bits). Bzip2 shrinks at most 1.5 million to 1 (a block of
// 900,000 bytes, each five of them up to 259, in no less than 32), which refuses little,
// so that readers of it allocate as bytes arrive.
[[nodiscard]] Result<void> checkPlausibleSize(const std::filesystem::path& path,
                                              double onDisk,
                                              double bytes,
                                              Packing packing);

// Writes the parts one after the other, gzip-compressed or as they are.
[[nodiscard]] Result<void> writeBytes(const std::filesystem::path& path,
                                      bool compressed,
                                      std::span<const std::span<const std::byte>> parts);

// Returns `bytes` as one gzip member.
[[nodiscard]] Result<std::vector<std::byte>> gzipped(std::span<const std::byte> bytes,
                                                     const std::filesystem::path& path);

}  // namespace argand::io
