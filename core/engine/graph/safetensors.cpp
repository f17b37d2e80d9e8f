// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/safetensors.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/text.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

namespace argand::engine {

static_assert(std::endian::native == std::endian::little, "data is copied as it is");

namespace {

// The format's own limit, so that a broken length is not allocated.
constexpr std::uint64_t kLargestHeader = 100'000'000;

int bytesOfType(std::string_view dtype) {
  struct Type {
    std::string_view name;
    int bytes;
  };

  constexpr Type kTypes[] = {{"F64", 8},
                             {"F32", 4},
                             {"F16", 2},
                             {"BF16", 2},
                             {"I64", 8},
                             {"I32", 4},
                             {"I16", 2},
                             {"I8", 1},
                             {"U8", 1},
                             {"BOOL", 1}};
  for (const Type& type : kTypes) {
    if (type.name == dtype) {
      return type.bytes;
    }
  }
  return 0;
}

struct Entry {
  StoredTensor tensor;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

Result<Entry> parseEntry(const std::string& name, const Json& value, std::string_view what) {
  const std::string where = fmt::format("tensor '{}' of {}", name, what);
  const auto refuse = [&](std::string_view reason) {
    return fail(ErrorCode::InputRefused, fmt::format("The {} {}.", where, reason));
  };
  Entry entry;
  entry.tensor.name = name;
  ARGAND_ASSIGN(entry.tensor.dtype, jsonMember<std::string>(value, "dtype", where));
  const int size = bytesOfType(entry.tensor.dtype);
  if (size == 0) {
    return refuse(fmt::format("has the unknown type '{}'", entry.tensor.dtype));
  }
  ARGAND_ASSIGN(const Json shape, jsonMember<Json>(value, "shape", where));
  ARGAND_ASSIGN(const Json offsets, jsonMember<Json>(value, "data_offsets", where));
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2 ||
      !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    return refuse("has a shape or data offsets that are no lists of whole numbers");
  }
  std::uint64_t bytes = static_cast<std::uint64_t>(size);
  for (const Json& length : shape) {
    if (!length.is_number_unsigned()) {
      return refuse("has a shape that is no list of whole numbers");
    }
    const auto n = length.get<std::uint64_t>();
    if (n != 0 && bytes > (std::uint64_t{1} << 62) / n) {
      return refuse("is larger than any memory");
    }
    bytes *= n;
    entry.tensor.shape.push_back(static_cast<std::int64_t>(n));
  }
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end - entry.begin != bytes) {
    return refuse(fmt::format("needs {} bytes by its shape, but its data offsets are {} to {}",
                              bytes,
                              entry.begin,
                              entry.end));
  }
  return entry;
}

// Keys twice in one JSON object are legal JSON, but the later one would win silently.
Result<Json> parseHeader(std::string_view text, std::string_view what) {
  std::set<std::string> seen;
  std::string twice;
  const Json::parser_callback_t check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth == 1 && event == Json::parse_event_t::key) {
      const auto name = value.get<std::string>();
      if (!seen.insert(name).second) {
        twice = name;
      }
    }
    return true;
  };
  const Json header = Json::parse(text.begin(), text.end(), check, false);
  if (header.is_discarded() || !header.is_object()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The header of {} is no JSON object; the file is damaged.", what));
  }
  if (!twice.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The tensor '{}' occurs twice in {}.", twice, what));
  }
  return header;
}

Result<void> takeMetadata(TensorFile& file, const Json& value, std::string_view what) {
  const auto refused =
      fail(ErrorCode::InputRefused, fmt::format("The metadata of {} is no table of texts.", what));
  if (!value.is_object()) {
    return refused;
  }
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return refused;
    }
    file.metadata.emplace(key, text.get<std::string>());
  }
  return {};
}

}  // namespace

std::int64_t StoredTensor::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t length : shape) {
    count *= length;
  }
  return count;
}

const StoredTensor* TensorFile::find(std::string_view name) const {
  const auto found = std::find_if(
      tensors.begin(), tensors.end(), [&](const StoredTensor& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

Result<TensorFile> parseTensorFile(std::span<const std::byte> bytes, std::string_view what) {
  std::uint64_t headerBytes = 0;
  if (bytes.size() < sizeof headerBytes) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} has {} bytes; that is no safetensors file.", what, bytes.size()));
  }
  std::memcpy(&headerBytes, bytes.data(), sizeof headerBytes);
  if (headerBytes > kLargestHeader || headerBytes > bytes.size() - sizeof headerBytes) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The header of {} is said to have {} bytes, the file has {}; it is "
                            "damaged or no safetensors file.",
                            what,
                            headerBytes,
                            bytes.size()));
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data() + sizeof headerBytes);
  ARGAND_ASSIGN(const Json header, parseHeader({text, headerBytes}, what));
  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      ARGAND_TRY(takeMetadata(file, value, what));
      continue;
    }
    ARGAND_ASSIGN(Entry entry, parseEntry(name, value, what));
    entries.push_back(std::move(entry));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  const std::span<const std::byte> data = bytes.subspan(sizeof headerBytes + headerBytes);
  std::uint64_t expected = 0;
  for (Entry& entry : entries) {
    if (entry.begin != expected) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("The data of '{}' in {} starts at {} instead of {}: it {} its "
                              "neighbour's.",
                              entry.tensor.name,
                              what,
                              entry.begin,
                              expected,
                              entry.begin < expected ? "overlaps" : "leaves a gap after"));
    }
    if (entry.end > data.size()) {
      return fail(
          ErrorCode::InputRefused,
          fmt::format("{} ends within the tensor '{}'; it is cut off.", what, entry.tensor.name));
    }
    const auto part = data.subspan(entry.begin, entry.end - entry.begin);
    entry.tensor.data.assign(part.begin(), part.end());
    expected = entry.end;
    file.tensors.push_back(std::move(entry.tensor));
  }
  if (expected != data.size()) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} has {} bytes after its last tensor.", what, data.size() - expected));
  }
  return file;
}

Result<TensorFile> readTensorFile(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const std::string text, readTextFile(path));
  return parseTensorFile(std::as_bytes(std::span(text)), displayed(path));
}

std::string serialized(const TensorFile& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) {
    header["__metadata__"] = file.metadata;
  }
  std::uint64_t offset = 0;
  for (const StoredTensor& tensor : file.tensors) {
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.data.size()}}};
    offset += tensor.data.size();
  }
  std::string text = dumped(header);
  // Data is aligned to 8 bytes, as the reference implementation pads it.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t headerBytes = text.size();
  std::string bytes(sizeof headerBytes, '\0');
  std::memcpy(bytes.data(), &headerBytes, sizeof headerBytes);
  bytes += text;
  bytes.reserve(bytes.size() + offset);
  for (const StoredTensor& tensor : file.tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  }
  return bytes;
}

Result<void> writeTensorFile(const std::filesystem::path& path, const TensorFile& file) {
  return writeFileAtomically(path, serialized(file));
}

}  // namespace argand::engine
