// SPDX-License-Identifier: Apache-2.0
#include "core/io/byte_source.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

namespace argand::io {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kChunk = std::size_t{1} << 24;
// Takes a third of the usual level 6's time for a few percent more bytes.
constexpr int kLevel = 4;
constexpr double kLargestGzipRatio = 1032.0;  // RFC 1951: 258 bytes per two bits

gzFile handle(void* file) {
  return static_cast<gzFile>(file);
}

Failure damaged(const fs::path& path) {
  return fail(
      ErrorCode::InputRefused,
      fmt::format("{} is damaged: it ends early or its compressed data are broken. Copy it again.",
                  path.string()));
}

}  // namespace

ByteSource::ByteSource(fs::path path, void* file) : m_path(std::move(path)), m_file(file) {}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : m_path(std::move(other.m_path)), m_file(std::exchange(other.m_file, nullptr)) {}

ByteSource::~ByteSource() {
  if (m_file != nullptr) {
    gzclose(handle(m_file));
  }
}

Result<ByteSource> ByteSource::open(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused, fmt::format("There is no file {}.", path.string()));
  }
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return fail(ErrorCode::InputRefused, fmt::format("{} cannot be opened.", path.string()));
  }
  gzbuffer(file, 1U << 18);
  return ByteSource(path, file);
}

Result<void> ByteSource::read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto wanted = static_cast<unsigned>(std::min(bytes.size(), kChunk));
    const int got = gzread(handle(m_file), bytes.data(), wanted);
    if (got <= 0) {
      return damaged(m_path);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<void> ByteSource::skip(std::int64_t count) {
  std::array<std::byte, 4096> scratch;
  while (count > 0) {
    const auto step = std::min<std::int64_t>(count, static_cast<std::int64_t>(scratch.size()));
    ARGAND_TRY(read(std::span(scratch).first(static_cast<std::size_t>(step))));
    count -= step;
  }
  return {};
}

Result<void> ByteSource::verifyEnd() {
  std::array<std::byte, 4096> scratch;
  // Trailing bytes beyond a few megabytes are nobody's image: not worth reading.
  for (std::size_t total = 0; total < kChunk; total += scratch.size()) {
    const int got = gzread(handle(m_file), scratch.data(), static_cast<unsigned>(scratch.size()));
    int status = Z_OK;
    gzerror(handle(m_file), &status);
    if (got < 0 || status == Z_BUF_ERROR) {
      return damaged(m_path);
    }
    if (got == 0) {
      break;
    }
  }
  return {};
}

Result<void> checkPlausibleSize(const fs::path& path, double bytes, bool mayBeCompressed) {
  std::error_code error;
  const auto onDisk = static_cast<double>(fs::file_size(path, error));
  if (error || bytes > onDisk * (mayBeCompressed ? kLargestGzipRatio : 1.0)) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} is too short for the {:.0f} bytes of image that its header announces; "
                    "it is truncated or its header is wrong.",
                    path.string(),
                    bytes));
  }
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (bytes > memory) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} holds an image of {:.1f} GiB; this machine has {:.1f} GiB of memory.",
                    path.string(),
                    bytes / 1073741824.0,
                    memory / 1073741824.0));
  }
  return {};
}

Result<std::vector<std::byte>> inflated(std::span<const std::byte> compressed,
                                        std::size_t size,
                                        const fs::path& path) {
  std::vector<std::byte> bytes(size);
  uLongf got = size;
  const int status = uncompress(reinterpret_cast<Bytef*>(bytes.data()),
                                &got,
                                reinterpret_cast<const Bytef*>(compressed.data()),
                                compressed.size());
  if (status != Z_OK || got != size) {
    return damaged(path);
  }
  return bytes;
}

Result<std::vector<std::byte>> deflated(std::span<const std::byte> bytes, const fs::path& path) {
  std::vector<std::byte> compressed(compressBound(bytes.size()));
  uLongf got = compressed.size();
  const int status = compress2(reinterpret_cast<Bytef*>(compressed.data()),
                               &got,
                               reinterpret_cast<const Bytef*>(bytes.data()),
                               bytes.size(),
                               kLevel);
  if (status != Z_OK) {
    return fail(
        ErrorCode::OutputFailed,
        fmt::format("{} cannot be written: its voxels cannot be compressed.", path.string()));
  }
  compressed.resize(got);
  return compressed;
}

Result<void> writeBytes(const fs::path& path,
                        bool compressed,
                        std::span<const std::span<const std::byte>> parts) {
  const auto failed = [&] {
    return fail(ErrorCode::OutputFailed,
                fmt::format("{} cannot be written; is the folder writable and the disk not full?",
                            path.string()));
  };
  gzFile file = gzopen(path.c_str(), compressed ? fmt::format("wb{}", kLevel).c_str() : "wbT");
  if (file == nullptr) {
    return failed();
  }
  bool good = true;
  for (std::span<const std::byte> part : parts) {
    while (good && !part.empty()) {
      const auto step = static_cast<unsigned>(std::min(part.size(), kChunk));
      good = gzwrite(file, part.data(), step) == static_cast<int>(step);
      part = part.subspan(step);
    }
  }
  good = gzclose(file) == Z_OK && good;
  if (!good) {
    return failed();
  }
  return {};
}

}  // namespace argand::io
