// SPDX-License-Identifier: Apache-2.0
#include "core/io/byte_source.h"

#include "core/base/text.h"

#include <bzlib.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace argand::io {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kChunk = std::size_t{1} << 24;
constexpr std::size_t kInput = std::size_t{1} << 18;
// Takes a third of the usual level 6's time for a few percent more bytes.
constexpr int kLevel = 4;
constexpr double kLargestGzipRatio = 1032.0;
constexpr double kLargestBzip2Ratio = 1.5e6;
// What inflateInit2 and deflateInit2 add to the window's 15 bits.
constexpr int kGzipWindow = 15 + 16;
constexpr int kZlibOrGzipWindow = 15 + 32;

}  // namespace

struct ByteSource::State {
  fs::path path;
  int file = -1;
  Packing packing = Packing::None;
  std::vector<unsigned char> input = std::vector<unsigned char>(kInput);
  std::size_t at = 0;
  std::size_t end = 0;
  bool ended = false;  // of the packed stream
  z_stream zlib{};
  bz_stream bzip2{};
  bool zlibOpen = false;
  bool bzip2Open = false;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    if (zlibOpen) {
      inflateEnd(&zlib);
    }
    if (bzip2Open) {
      BZ2_bzDecompressEnd(&bzip2);
    }
    if (file >= 0) {
      ::close(file);
    }
  }

  [[nodiscard]] Failure damaged() const {
    return fail(
        ErrorCode::InputRefused,
        fmt::format(
            "{} is damaged: it ends early or its compressed data are broken. Copy it again.",
            displayed(path)));
  }

  // Bytes of the file itself; 0 at its end, negative where it cannot be read.
  [[nodiscard]] ssize_t fromFile(void* to, std::size_t count) const {
    ssize_t got = 0;
    do {
      got = ::read(file, to, count);
    } while (got < 0 && errno == EINTR);
    return got;
  }

  // True where at least `count` bytes of input are at hand after reading on.
  [[nodiscard]] bool have(std::size_t count) {
    if (end - at >= count) {
      return true;
    }
    std::memmove(input.data(), input.data() + at, end - at);
    end -= at;
    at = 0;
    while (end < count) {
      const ssize_t got = fromFile(input.data() + end, input.size() - end);
      if (got <= 0) {
        return false;
      }
      end += static_cast<std::size_t>(got);
    }
    return true;
  }

  [[nodiscard]] bool begins(std::string_view magic) {
    return have(magic.size()) && std::memcmp(input.data() + at, magic.data(), magic.size()) == 0;
  }

  [[nodiscard]] bool open() {
    if (packing == Packing::Detect) {
      packing = begins("\x1f\x8b") ? Packing::Gzip : Packing::None;
    }
    if (packing == Packing::Gzip || packing == Packing::Zlib) {
      const int window = packing == Packing::Gzip ? kGzipWindow : kZlibOrGzipWindow;
      zlibOpen = inflateInit2(&zlib, window) == Z_OK;
      return zlibOpen;
    }
    if (packing == Packing::Bzip2) {
      bzip2Open = BZ2_bzDecompressInit(&bzip2, 0, 0) == BZ_OK;
      return bzip2Open;
    }
    return true;
  }

  // Unpacks into `to` and returns how many bytes; 0 at the end.
  [[nodiscard]] Result<std::size_t> some(std::span<std::byte> to) {
    if (packing == Packing::None) {
      return plain(to);
    }
    while (!ended) {
      if (!have(1)) {
        return damaged();
      }
      const std::size_t got = packing == Packing::Bzip2 ? unbzip2(to) : inflated(to);
      if (got == kBroken) {
        return damaged();
      }
      if (got > 0) {
        return got;
      }
    }
    return std::size_t{0};
  }

 private:
  static constexpr std::size_t kBroken = ~std::size_t{0};

  [[nodiscard]] Result<std::size_t> plain(std::span<std::byte> to) {
    if (at < end) {
      const std::size_t step = std::min(to.size(), end - at);
      std::memcpy(to.data(), input.data() + at, step);
      at += step;
      return step;
    }
    const ssize_t got = fromFile(to.data(), to.size());
    if (got < 0) {
      return damaged();
    }
    return static_cast<std::size_t>(got);
  }

  [[nodiscard]] std::size_t inflated(std::span<std::byte> to) {
    zlib.next_in = input.data() + at;
    zlib.avail_in = static_cast<unsigned>(end - at);
    zlib.next_out = reinterpret_cast<Bytef*>(to.data());
    zlib.avail_out = static_cast<unsigned>(to.size());
    const int status = inflate(&zlib, Z_NO_FLUSH);
    at = end - zlib.avail_in;
    if (status == Z_STREAM_END) {
      ended = !begins("\x1f\x8b") || inflateReset(&zlib) != Z_OK;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return kBroken;
    }
    return to.size() - zlib.avail_out;
  }

  [[nodiscard]] std::size_t unbzip2(std::span<std::byte> to) {
    bzip2.next_in = reinterpret_cast<char*>(input.data()) + at;
    bzip2.avail_in = static_cast<unsigned>(end - at);
    bzip2.next_out = reinterpret_cast<char*>(to.data());
    bzip2.avail_out = static_cast<unsigned>(to.size());
    const int status = BZ2_bzDecompress(&bzip2);
    const std::size_t got = to.size() - bzip2.avail_out;
    at = end - bzip2.avail_in;
    if (status == BZ_STREAM_END) {
      BZ2_bzDecompressEnd(&bzip2);
      bzip2 = {};
      bzip2Open = begins("BZh") && BZ2_bzDecompressInit(&bzip2, 0, 0) == BZ_OK;
      ended = !bzip2Open;
    } else if (status != BZ_OK) {
      return kBroken;
    }
    return got;
  }
};

ByteSource::ByteSource(std::unique_ptr<State> state) : m_state(std::move(state)) {}

ByteSource::ByteSource(ByteSource&& other) noexcept = default;
ByteSource::~ByteSource() = default;

Result<ByteSource> ByteSource::open(const fs::path& path, Packing packing, std::int64_t offset) {
  ARGAND_TRY(fileLength(path));
  auto state = std::make_unique<State>();
  state->path = path;
  state->packing = packing;
  state->file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state->file < 0 || ::lseek(state->file, offset, SEEK_SET) != offset || !state->open()) {
    return fail(ErrorCode::InputRefused, fmt::format("{} cannot be opened.", displayed(path)));
  }
  return ByteSource(std::move(state));
}

Result<void> ByteSource::read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    ARGAND_ASSIGN(const std::size_t got,
                  m_state->some(bytes.first(std::min(bytes.size(), kChunk))));
    if (got == 0) {
      return m_state->damaged();
    }
    bytes = bytes.subspan(got);
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
    ARGAND_ASSIGN(const std::size_t got, m_state->some(scratch));
    if (got == 0) {
      break;
    }
  }
  return {};
}

Result<std::int64_t> fileLength(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return fail(ErrorCode::InputRefused, fmt::format("There is no file {}.", displayed(path)));
  }
  const std::uintmax_t length = fs::file_size(path, error);
  if (error) {
    return fail(ErrorCode::InputRefused, fmt::format("{} cannot be opened.", displayed(path)));
  }
  return static_cast<std::int64_t>(length);
}

Result<void> checkPlausibleSize(const fs::path& path,
                                double onDisk,
                                double bytes,
                                Packing packing) {
  double ratio = 1.0;
  if (packing == Packing::Bzip2) {
    ratio = kLargestBzip2Ratio;
  } else if (packing != Packing::None) {
    ratio = kLargestGzipRatio;
  }
  if (bytes > onDisk * ratio) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} is too short for the {:.0f} bytes of image that its header announces; "
                    "it is truncated or its header is wrong.",
                    displayed(path),
                    bytes));
  }
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (bytes > memory) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} holds an image of {:.1f} GiB; this machine has {:.1f} GiB of memory.",
                    displayed(path),
                    bytes / 1073741824.0,
                    memory / 1073741824.0));
  }
  return {};
}

Result<void> writeBytes(const fs::path& path,
                        bool compressed,
                        std::span<const std::span<const std::byte>> parts) {
  gzFile out = gzopen(path.c_str(), compressed ? fmt::format("wb{}", kLevel).c_str() : "wbT");
  bool good = out != nullptr;
  for (std::span<const std::byte> part : parts) {
    while (good && !part.empty()) {
      const auto step = static_cast<unsigned>(std::min(part.size(), kChunk));
      good = gzwrite(out, part.data(), step) == static_cast<int>(step);
      part = part.subspan(step);
    }
  }
  const bool closed = out != nullptr && gzclose(out) == Z_OK;
  if (!good || !closed) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("{} cannot be written; is the folder writable and the disk not full?",
                            displayed(path)));
  }
  return {};
}

Result<std::vector<std::byte>> gzipped(std::span<const std::byte> bytes, const fs::path& path) {
  z_stream zlib{};
  bool good = deflateInit2(&zlib, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  std::vector<std::byte> packed;
  // zlib counts in 32 bits, so that input goes in and output comes out in pieces.
  std::vector<std::byte> piece(kChunk);
  while (good) {
    if (zlib.avail_in == 0) {
      const std::span<const std::byte> next = bytes.first(std::min(bytes.size(), kChunk));
      zlib.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(next.data()));
      zlib.avail_in = static_cast<unsigned>(next.size());
      bytes = bytes.subspan(next.size());
    }
    zlib.next_out = reinterpret_cast<Bytef*>(piece.data());
    zlib.avail_out = static_cast<unsigned>(piece.size());
    const int status = deflate(&zlib, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    packed.insert(
        packed.end(), piece.begin(), piece.end() - static_cast<std::ptrdiff_t>(zlib.avail_out));
    good = status == Z_OK || status == Z_STREAM_END;
    if (status == Z_STREAM_END) {
      break;
    }
  }
  deflateEnd(&zlib);
  if (!good) {
    return fail(
        ErrorCode::OutputFailed,
        fmt::format("{} cannot be written: its voxels cannot be compressed.", displayed(path)));
  }
  return packed;
}

}  // namespace argand::io
