// SPDX-License-Identifier: Apache-2.0
#include "core/volume/structure_table.h"

#include "core/base/assert.h"

#include <algorithm>
#include <array>

namespace argand {

// resources/structures.json, put into a source file by CMake.
extern const std::string_view kShippedStructures;

namespace {

constexpr std::size_t kLongestName = 16;  // AAPM TG-263, 2.1

// ASCII letters and digits, in lower case: what two spellings of a name share.
std::string lettersOf(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') {
      letters += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               static_cast<signed char>(c) < 0) {
      letters += c;
    }
  }
  return letters;
}

Result<std::optional<Code>> codeFrom(const Json& row, const char* key, std::string_view what) {
  ARGAND_ASSIGN(const auto parts, jsonMemberOr<std::vector<std::string>>(row, key, {}, what));
  if (parts.empty()) {
    return std::nullopt;
  }
  const bool digits =
      std::all_of(parts[0].begin(), parts[0].end(), [](char c) { return c >= '0' && c <= '9'; });
  if (parts.size() != 2 || parts[0].empty() || !digits || parts[1].empty()) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("'{}' of {} is not a SNOMED CT code, in digits, and its meaning.", key, what));
  }
  return Code{"SCT", parts[0], parts[1]};
}

Result<Color> colorFrom(const Json& row, std::string_view what) {
  ARGAND_ASSIGN(const auto channels, jsonMember<std::vector<int>>(row, "color", what));
  if (channels.size() != 3 || std::any_of(channels.begin(), channels.end(), [](int value) {
        return value < 0 || value > 255;
      })) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'color' of {} is not three numbers from 0 to 255.", what));
  }
  return Color{static_cast<std::uint8_t>(channels[0]),
               static_cast<std::uint8_t>(channels[1]),
               static_cast<std::uint8_t>(channels[2])};
}

// The right one of a pair in a darker shade.
Color darker(const Color& color) {
  const auto part = [](std::uint8_t value) { return static_cast<std::uint8_t>(value * 2 / 3); };
  return {part(color.red), part(color.green), part(color.blue)};
}

// The ways in which a name is given a side: "{}" stands for the word, else it is before or behind.
std::vector<std::string> sidedNames(const std::vector<std::string>& names, Side side) {
  const bool left = side == Side::Left;
  std::vector<std::string> sided;
  for (const std::string& name : names) {
    if (const std::size_t gap = name.find("{}"); gap != std::string::npos) {
      sided.push_back(name.substr(0, gap) + (left ? "left" : "right") + name.substr(gap + 2));
      continue;
    }
    for (const char* word : {left ? "left" : "right", left ? "lt" : "rt", left ? "l" : "r"}) {
      sided.push_back(name + word);
      sided.push_back(word + name);
    }
  }
  return sided;
}

std::vector<std::string> unsidedNames(const std::vector<std::string>& names) {
  std::vector<std::string> unsided;
  std::copy_if(names.begin(), names.end(), std::back_inserter(unsided), [](const auto& name) {
    return name.find("{}") == std::string::npos;
  });
  return unsided;
}

Result<Side> sideFrom(const Json& row, std::string_view what) {
  ARGAND_ASSIGN(const auto word, jsonMemberOr<std::string>(row, "side", "none", what));
  for (const Side side : {Side::None, Side::Left, Side::Right}) {
    if (word == toString(side)) {
      return side;
    }
  }
  return fail(ErrorCode::InputRefused,
              fmt::format("'side' of {} is '{}' and not left, right or none.", what, word));
}

}  // namespace

const StructureTable& StructureTable::shipped() {
  static const StructureTable table = [] {
    auto read = fromJson(Json::parse(kShippedStructures), "resources/structures.json");
    ARGAND_ASSERT(read);
    return std::move(*read);
  }();
  return table;
}

Result<StructureTable> StructureTable::fromJson(const Json& json, std::string_view what) {
  ARGAND_ASSIGN(const Json rows, jsonMember<Json>(json, "structures", what));
  StructureTable table;
  for (const Json& row : rows) {
    ARGAND_TRY(table.add(row, what));
  }
  return table;
}

Result<void> StructureTable::add(const Json& row, std::string_view what) {
  KnownStructure entry;
  ARGAND_ASSIGN(entry.name, jsonMember<std::string>(row, "name", what));
  const std::string here = fmt::format("'{}' in {}", entry.name, what);
  ARGAND_ASSIGN(entry.tg263, jsonMember<bool>(row, "tg263", here));
  ARGAND_ASSIGN(entry.side, sideFrom(row, here));
  ARGAND_ASSIGN(entry.code, codeFrom(row, "code", here));
  ARGAND_ASSIGN(entry.category, codeFrom(row, "category", here));
  ARGAND_ASSIGN(entry.interpretedType, jsonMemberOr<std::string>(row, "type", "ORGAN", here));
  ARGAND_ASSIGN(entry.color, colorFrom(row, here));
  ARGAND_ASSIGN(auto names, jsonMemberOr<std::vector<std::string>>(row, "names", {}, here));
  names.push_back(entry.name);
  ARGAND_ASSIGN(const bool pair, jsonMemberOr<bool>(row, "pair", false, here));
  if (!pair) {
    return addEntry(std::move(entry), names);
  }
  for (const Side side : {Side::Left, Side::Right}) {
    KnownStructure one = entry;
    one.side = side;
    one.name += side == Side::Left ? "_L" : "_R";
    one.color = side == Side::Left ? entry.color : darker(entry.color);
    ARGAND_TRY(addEntry(std::move(one), sidedNames(names, side)));
  }
  entry.tg263 = false;
  return addEntry(std::move(entry), unsidedNames(names));
}

Result<void> StructureTable::addEntry(KnownStructure entry, const std::vector<std::string>& names) {
  if (entry.name.empty() || entry.name.size() > kLongestName ||
      entry.name.find_first_of(" \t{}") != std::string::npos) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'{}' is no name for a structure: it has more than {} characters, "
                            "none, or spaces.",
                            entry.name,
                            kLongestName));
  }
  const std::size_t index = m_entries.size();
  for (const std::string& name : names) {
    const auto [known, isNew] = m_byName.emplace(lettersOf(name), index);
    if (!isNew && known->second != index) {
      return fail(
          ErrorCode::InputRefused,
          fmt::format(
              "'{}' names both {} and {}.", name, m_entries[known->second].name, entry.name));
    }
  }
  m_entries.push_back(std::move(entry));
  return {};
}

const KnownStructure* StructureTable::find(std::string_view name) const {
  const auto found = m_byName.find(lettersOf(name));
  return found == m_byName.end() ? nullptr : &m_entries[found->second];
}

const KnownStructure* StructureTable::findByCode(const Code& code) const {
  const auto found = std::find_if(m_entries.begin(), m_entries.end(), [&](const auto& entry) {
    return entry.code && entry.code->scheme == code.scheme && entry.code->value == code.value;
  });
  return found == m_entries.end() ? nullptr : &*found;
}

bool complete(Structure& structure) {
  const StructureTable& table = StructureTable::shipped();
  const KnownStructure* known = table.find(structure.name);
  if (known != nullptr) {
    if (structure.side == Side::None) {
      structure.side = known->side;
    }
    if (structure.interpretedType == Structure{}.interpretedType) {
      structure.interpretedType = known->interpretedType;
    }
    if (!structure.code) {
      structure.code = known->code;
    }
  }
  if (structure.code && !structure.category) {
    // A code that came with the structure decides; its own entry knows the category.
    if (const KnownStructure* coded = table.findByCode(*structure.code)) {
      structure.category = coded->category;
    }
  }
  return known != nullptr;
}

Segmentation withTg263Names(Segmentation segmentation) {
  const StructureTable& table = StructureTable::shipped();
  const std::vector<Structure> structures = segmentation.structures();
  for (Structure structure : structures) {
    const KnownStructure* known = table.find(structure.name);
    if (known != nullptr && known->side == Side::None && structure.side != Side::None) {
      known = table.find(known->name + (structure.side == Side::Left ? "_L" : "_R"));
    }
    if (known != nullptr && known->tg263 && segmentation.findByName(known->name) == nullptr) {
      structure.name = known->name;
      segmentation.update(structure);
    }
  }
  return segmentation;
}

}  // namespace argand
