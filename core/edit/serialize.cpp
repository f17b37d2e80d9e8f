// SPDX-License-Identifier: Apache-2.0
#include "core/edit/edit.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

// Layout, all little-endian: "ARGEDIT2", u64 length of the body, the body, u64
// FNV-1a hash of the body. In the body a string or a byte block is preceded by
// its length, a list by its count.
namespace argand::edit {

namespace {

constexpr std::string_view kMagic = "ARGEDIT2";

// http://www.isthe.com/chongo/tech/comp/fnv: any one changed byte changes it.
std::uint64_t hashOf(std::span<const std::byte> bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::byte byte : bytes) {
    hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211ULL;
  }
  return hash;
}

class Writer {
 public:
  void number(std::uint64_t value, std::size_t bytes = sizeof(std::uint64_t)) {
    for (std::size_t n = 0; n < bytes; ++n) {
      m_bytes.push_back(static_cast<std::byte>(value >> (8 * n) & 0xFFU));
    }
  }

  void raw(std::span<const std::byte> bytes) {
    const std::size_t size = m_bytes.size();
    m_bytes.resize(size + bytes.size());
    std::copy(bytes.begin(), bytes.end(), m_bytes.begin() + static_cast<std::ptrdiff_t>(size));
  }

  void block(std::span<const std::byte> bytes) {
    number(bytes.size());
    raw(bytes);
  }

  void text(std::string_view text) { block(std::as_bytes(std::span(text))); }

  void index(const Index3& index) {
    for (int axis = 0; axis < 3; ++axis) {
      number(static_cast<std::uint64_t>(index[axis]));
    }
  }

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return m_bytes; }

 private:
  std::vector<std::byte> m_bytes;
};

// Reads what Writer wrote; past the end or out of range everything is 0 and good() is false.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : m_rest(bytes) {}

  [[nodiscard]] bool good() const { return m_good; }

  [[nodiscard]] bool atEnd() const { return m_rest.empty(); }

  std::span<const std::byte> take(std::uint64_t count) {
    m_good = m_good && count <= m_rest.size();
    if (!m_good) {
      return {};
    }
    const auto taken = m_rest.first(count);
    m_rest = m_rest.subspan(count);
    return taken;
  }

  std::uint64_t number(std::size_t bytes = sizeof(std::uint64_t)) {
    std::uint64_t value = 0;
    std::size_t shift = 0;
    for (const std::byte byte : take(bytes)) {
      value |= std::to_integer<std::uint64_t>(byte) << shift;
      shift += 8;
    }
    return value;
  }

  // One of the values 0 to `last` in a byte.
  std::uint8_t choice(std::uint8_t last) {
    const auto value = static_cast<std::uint8_t>(number(1));
    m_good = m_good && value <= last;
    return m_good ? value : std::uint8_t{0};
  }

  std::vector<std::byte> block() {
    const auto bytes = take(number());
    return {bytes.begin(), bytes.end()};
  }

  std::string text() {
    const auto bytes = take(number());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  Index3 index() {
    Index3 index;
    for (int axis = 0; axis < 3; ++axis) {
      index[axis] = static_cast<std::int64_t>(number());
      // Sizes of grids stay far below this, so that sums of indices cannot overflow.
      m_good = m_good && index[axis] >= 0 && index[axis] <= std::int64_t{1} << 32;
    }
    return index;
  }

 private:
  std::span<const std::byte> m_rest;
  bool m_good = true;
};

void write(Writer& writer, const std::optional<Code>& code) {
  writer.number(code.has_value() ? 1 : 0, 1);
  if (code) {
    writer.text(code->scheme);
    writer.text(code->value);
    writer.text(code->meaning);
  }
}

std::optional<Code> readCode(Reader& reader) {
  if (reader.choice(1) == 0) {
    return std::nullopt;
  }
  Code code;
  code.scheme = reader.text();
  code.value = reader.text();
  code.meaning = reader.text();
  return code;
}

void write(Writer& writer, const Structure& structure) {
  writer.number(structure.id, 4);
  writer.text(structure.name);
  write(writer, structure.category);
  write(writer, structure.code);
  writer.number(structure.color.red, 1);
  writer.number(structure.color.green, 1);
  writer.number(structure.color.blue, 1);
  writer.number(static_cast<std::uint64_t>(structure.side), 1);
  writer.number(static_cast<std::uint64_t>(structure.origin), 1);
  writer.text(structure.model);
  writer.text(structure.modelHash);
  writer.text(structure.interpretedType);
  writer.number(structure.edited ? 1 : 0, 1);
  writer.number(structure.locked ? 1 : 0, 1);
  writer.number(structure.visible ? 1 : 0, 1);
  writer.number(static_cast<std::uint64_t>(structure.review), 1);
  writer.number(static_cast<std::uint64_t>(structure.layer), 4);
  writer.number(structure.label, 2);
}

Structure readStructure(Reader& reader) {
  Structure structure;
  structure.id = static_cast<StructureId>(reader.number(4));
  structure.name = reader.text();
  structure.category = readCode(reader);
  structure.code = readCode(reader);
  structure.color.red = reader.choice(255);
  structure.color.green = reader.choice(255);
  structure.color.blue = reader.choice(255);
  structure.side = static_cast<Side>(reader.choice(static_cast<std::uint8_t>(Side::Right)));
  structure.origin = static_cast<Origin>(reader.choice(static_cast<std::uint8_t>(Origin::Unknown)));
  structure.model = reader.text();
  structure.modelHash = reader.text();
  structure.interpretedType = reader.text();
  structure.edited = reader.choice(1) != 0;
  structure.locked = reader.choice(1) != 0;
  structure.visible = reader.choice(1) != 0;
  structure.review =
      static_cast<ReviewState>(reader.choice(static_cast<std::uint8_t>(ReviewState::Flagged)));
  structure.layer = static_cast<int>(reader.number(4));
  structure.label = static_cast<LabelValue>(reader.number(2));
  return structure;
}

void write(Writer& writer, const std::optional<Structure>& structure) {
  writer.number(structure.has_value() ? 1 : 0, 1);
  if (structure) {
    write(writer, *structure);
  }
}

std::optional<Structure> readOptionalStructure(Reader& reader) {
  if (reader.choice(1) == 0) {
    return std::nullopt;
  }
  return readStructure(reader);
}

std::vector<std::byte> bodyOf(const Edit& edit) {
  Writer writer;
  writer.text(edit.title);
  writer.number(edit.structures.size());
  for (const StructureChange& change : edit.structures) {
    writer.number(change.position);
    write(writer, change.before);
    write(writer, change.after);
  }
  writer.number(edit.patches.size());
  for (const LayerPatch& patch : edit.patches) {
    writer.number(static_cast<std::uint64_t>(patch.layer), 4);
    writer.index(patch.box.begin);
    writer.index(patch.box.end);
    writer.block(patch.before);
    writer.block(patch.after);
  }
  return writer.bytes();
}

Edit readBody(Reader& reader) {
  Edit edit;
  edit.title = reader.text();
  for (std::uint64_t left = reader.number(); left > 0 && reader.good(); --left) {
    StructureChange& change = edit.structures.emplace_back();
    change.position = reader.number();
    change.before = readOptionalStructure(reader);
    change.after = readOptionalStructure(reader);
  }
  for (std::uint64_t left = reader.number(); left > 0 && reader.good(); --left) {
    LayerPatch& patch = edit.patches.emplace_back();
    patch.layer = static_cast<int>(reader.number(4));
    patch.box.begin = reader.index();
    patch.box.end = reader.index();
    patch.before = reader.block();
    patch.after = reader.block();
  }
  return edit;
}

}  // namespace

std::vector<std::byte> serialize(const Edit& edit) {
  const auto body = bodyOf(edit);
  Writer frame;
  frame.raw(std::as_bytes(std::span(kMagic)));
  frame.block(body);
  frame.number(hashOf(body));
  return frame.bytes();
}

Result<Edit> deserialize(const std::vector<std::byte>& bytes) {
  Reader frame(bytes);
  const auto magic = frame.take(kMagic.size());
  const auto body = frame.take(frame.number());
  const std::uint64_t hash = frame.number();
  const auto expected = std::as_bytes(std::span(kMagic));
  if (frame.good() && frame.atEnd() && hash == hashOf(body) &&
      std::equal(magic.begin(), magic.end(), expected.begin(), expected.end())) {
    Reader reader(body);
    Edit edit = readBody(reader);
    if (reader.good() && reader.atEnd()) {
      return edit;
    }
  }
  return fail(ErrorCode::InputRefused, "The bytes of an edit are damaged.");
}

}  // namespace argand::edit
