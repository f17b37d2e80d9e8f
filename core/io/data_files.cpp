// SPDX-License-Identifier: Apache-2.0
#include "core/io/data_files.h"

#include "core/io/header_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

namespace argand::io {

namespace fs = std::filesystem;

namespace {

// Memory for bzip2 is taken in steps, as what a small file can announce has no bound of use.
constexpr std::size_t kBzip2Step = std::size_t{1} << 26;
constexpr std::size_t kTextPiece = std::size_t{1} << 20;
constexpr std::size_t kLongestNumber = 128;

Packing packingOf(Encoding encoding) {
  switch (encoding) {
    case Encoding::Gzip:
      return Packing::Gzip;
    case Encoding::Zlib:
      return Packing::Zlib;
    case Encoding::Bzip2:
      return Packing::Bzip2;
    default:
      return Packing::None;
  }
}

// The byte after `lines` line ends, counted from `start`.
Result<std::int64_t> afterLines(const fs::path& path, std::int64_t start, std::int64_t lines) {
  std::ifstream in(path, std::ios::binary);
  in.seekg(start);
  std::vector<char> piece(kTextPiece);
  std::int64_t at = start;
  while (lines > 0) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = in.gcount();
    if (got == 0) {
      return refused(path, "has fewer lines than its header says are to be passed over.");
    }
    for (std::streamsize n = 0; n < got && lines > 0; ++n) {
      ++at;
      lines -= piece[static_cast<std::size_t>(n)] == '\n' ? 1 : 0;
    }
  }
  return at;
}

bool isSeparator(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == '\0';
}

// Puts the number that `text` is into `to`; false where it is none that T holds.
template <typename T>
bool parsed(std::string_view text, std::byte* to) {
  T value{};
  if constexpr (std::is_floating_point_v<T>) {
    const std::string lower = lowered(text);
    const bool minus = lower.starts_with('-');
    const std::string_view name =
        std::string_view(lower).substr(minus || lower.starts_with('+') ? 1 : 0);
    if (name == "nan") {
      value = std::numeric_limits<T>::quiet_NaN();
    } else if (name == "inf" || name == "infinity") {
      value = minus ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    } else if (const auto number = parseDecimal(text)) {
      value = static_cast<T>(*number);
    } else {
      return false;
    }
  } else {
    text.remove_prefix(text.starts_with('+') ? 1 : 0);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      return false;
    }
  }
  std::memcpy(to, &value, sizeof(T));
  return true;
}

// Numbers between blanks or commas.
Result<void> readText(ByteSource& source,
                      std::int64_t length,
                      RawType type,
                      std::span<std::byte> to,
                      const fs::path& path) {
  const auto width = static_cast<std::size_t>(bytesOf(type));
  std::size_t at = 0;
  std::string number;
  const auto take = [&]() -> Result<void> {
    if (number.empty() || at == to.size()) {
      number.clear();
      return {};
    }
    const bool good = withType(type, [&](auto* stored) {
      return parsed<std::remove_pointer_t<decltype(stored)>>(number, to.data() + at);
    });
    if (!good) {
      return refused(path,
                     fmt::format("holds '{}' as voxel {}, which is not a number of the type {}.",
                                 utf8Text(number),
                                 at / width,
                                 toString(type)));
    }
    at += width;
    number.clear();
    return {};
  };
  std::vector<char> piece(kTextPiece);
  while (length > 0 && at < to.size()) {
    const auto step = std::min<std::int64_t>(length, static_cast<std::int64_t>(piece.size()));
    const std::span<char> part = std::span(piece).first(static_cast<std::size_t>(step));
    ARGAND_TRY(source.read(std::as_writable_bytes(part)));
    length -= step;
    for (const char c : part) {
      if (isSeparator(c)) {
        ARGAND_TRY(take());
      } else if (number.size() < kLongestNumber) {
        number.push_back(c);
      }
    }
  }
  ARGAND_TRY(take());
  if (at < to.size()) {
    return refused(path,
                   fmt::format("holds {} numbers where its header announces {}; it is truncated.",
                               at / width,
                               to.size() / width));
  }
  return {};
}

// Two hexadecimal digits a byte, blanks anywhere.
Result<void> readHex(ByteSource& source,
                     std::int64_t length,
                     std::span<std::byte> to,
                     const fs::path& path) {
  std::size_t digits = 0;
  std::vector<char> piece(kTextPiece);
  while (length > 0 && digits < 2 * to.size()) {
    const auto step = std::min<std::int64_t>(length, static_cast<std::int64_t>(piece.size()));
    const std::span<char> part = std::span(piece).first(static_cast<std::size_t>(step));
    ARGAND_TRY(source.read(std::as_writable_bytes(part)));
    length -= step;
    for (const char c : part) {
      if (isSeparator(c) && c != ',') {
        continue;
      }
      unsigned value = 0;
      const auto [end, error] = std::from_chars(&c, &c + 1, value, 16);
      if (error != std::errc() || end != &c + 1) {
        return refused(path,
                       fmt::format("holds the byte {} among its hexadecimal digits.",
                                   static_cast<unsigned>(static_cast<unsigned char>(c))));
      }
      if (digits < 2 * to.size()) {
        const std::byte before = digits % 2 == 0 ? std::byte{0} : to[digits / 2] << 4U;
        to[digits / 2] = before | static_cast<std::byte>(value);
        ++digits;
      }
    }
  }
  if (digits < 2 * to.size()) {
    return refused(path, "is truncated: hexadecimal digits are missing at its end.");
  }
  return {};
}

// The least length of a file in which `bytes` of voxels are written.
double leastLength(Encoding encoding, double bytes, double values) {
  switch (encoding) {
    case Encoding::Text:
      return 2.0 * values - 1.0;  // a digit each, and what stands between
    case Encoding::Hex:
      return 2.0 * bytes;
    default:
      return bytes;
  }
}

// Checks that every file can hold its share before a byte is allocated.
Result<void> checkFiles(const DataFiles& data, RawType type, std::int64_t share) {
  const double bytes = static_cast<double>(share) * static_cast<double>(bytesOf(type));
  for (const fs::path& file : data.files) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) {
      return refused(
          data.header,
          fmt::format("keeps its voxels in the file {}, which is not there. Put it there "
                      "again.",
                      displayed(file)));
    }
    ARGAND_ASSIGN(const std::int64_t length, fileLength(file));
    const auto onDisk = static_cast<double>(length - data.start);
    const double least = leastLength(data.encoding, bytes, static_cast<double>(share)) +
                         static_cast<double>(data.byteSkip);
    ARGAND_TRY(checkPlausibleSize(file, onDisk, least, packingOf(data.encoding)));
    if (static_cast<double>(data.packedSize) > onDisk) {
      return refused(file,
                     fmt::format("is truncated: {} bytes of compressed voxels are announced and {} "
                                 "are there.",
                                 data.packedSize,
                                 length - data.start));
    }
  }
  return checkPlausibleSize(data.header,
                            std::numeric_limits<double>::infinity(),
                            bytes * static_cast<double>(data.files.size()),
                            Packing::None);
}

Result<void> readFile(const DataFiles& data,
                      const fs::path& file,
                      RawType type,
                      std::vector<std::byte>& bytes,
                      std::size_t count) {
  ARGAND_ASSIGN(const std::int64_t length, fileLength(file));
  std::int64_t start = data.start;
  if (data.lastBytes) {
    start = length - static_cast<std::int64_t>(count);
  } else if (data.lineSkip > 0) {
    ARGAND_ASSIGN(start, afterLines(file, start, data.lineSkip));
  }
  ARGAND_ASSIGN(ByteSource source, ByteSource::open(file, packingOf(data.encoding), start));
  ARGAND_TRY(source.skip(data.byteSkip));
  const std::size_t before = bytes.size();
  if (data.encoding == Encoding::Bzip2) {
    while (count > 0) {
      const std::size_t step = std::min(count, kBzip2Step);
      bytes.resize(bytes.size() + step);
      ARGAND_TRY(source.read(std::span(bytes).last(step)));
      count -= step;
    }
    return source.verifyEnd();
  }
  bytes.resize(before + count);
  const std::span<std::byte> to = std::span(bytes).last(count);
  const std::int64_t left = length - start - data.byteSkip;
  if (data.encoding == Encoding::Text) {
    return readText(source, left, type, to, file);
  }
  if (data.encoding == Encoding::Hex) {
    return readHex(source, left, to, file);
  }
  ARGAND_TRY(source.read(to));
  return data.encoding == Encoding::Raw ? Result<void>{} : source.verifyEnd();
}

}  // namespace

Result<std::vector<std::byte>> readData(const DataFiles& data, RawType type, std::int64_t values) {
  const auto files = static_cast<std::int64_t>(data.files.size());
  if (files == 0 || values % files != 0) {
    return refused(
        data.header,
        fmt::format(
            "spreads {} values over {} files, which cannot hold equal shares.", values, files));
  }
  const std::int64_t share = values / files;
  ARGAND_TRY(checkFiles(data, type, share));
  std::vector<std::byte> bytes;
  if (data.encoding != Encoding::Bzip2) {
    bytes.reserve(static_cast<std::size_t>(values * bytesOf(type)));
  }
  for (const fs::path& file : data.files) {
    ARGAND_TRY(readFile(data, file, type, bytes, static_cast<std::size_t>(share * bytesOf(type))));
  }
  return bytes;
}

fs::path besideHeader(const fs::path& header, std::string_view name) {
  return header.parent_path() / fs::path(std::string(name));
}

}  // namespace argand::io
