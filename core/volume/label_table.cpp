// SPDX-License-Identifier: Apache-2.0
#include "core/volume/label_table.h"

#include "core/base/text.h"
#include "core/volume/structure_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace argand {

namespace {

// Well apart from each other and from grey images; neighbours in the list differ most.
constexpr std::array<Color, 24> kPalette{{
    {230, 75, 53},   {77, 187, 213},  {0, 160, 135},  {245, 195, 66},  {126, 97, 210},
    {243, 155, 127}, {145, 209, 82},  {220, 80, 160}, {60, 110, 200},  {176, 120, 70},
    {120, 220, 190}, {200, 160, 230}, {255, 127, 14}, {44, 140, 60},   {160, 30, 60},
    {100, 160, 255}, {210, 210, 90},  {130, 60, 130}, {255, 160, 200}, {90, 130, 130},
    {180, 80, 30},   {150, 255, 130}, {110, 110, 60}, {190, 230, 255},
}};

// Hue in [0, 1), at full saturation and value but for the given shares.
Color fromHue(double hue, double saturation, double value) {
  const auto channel = [&](double shift) {
    const double k = std::fmod(shift + hue * 6.0, 6.0);
    const double share = std::clamp(std::min(k, 4.0 - k), 0.0, 1.0);
    return static_cast<std::uint8_t>(std::lround(255.0 * value * (1.0 - saturation * share)));
  };
  return {channel(5.0), channel(3.0), channel(1.0)};
}

std::optional<LabelValue> valueFrom(std::string_view text) {
  LabelValue value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

Result<std::optional<Color>> colorFrom(const Json& json, std::string_view what) {
  if (!json.contains("color")) {
    return std::nullopt;
  }
  ARGAND_ASSIGN(const auto channels, jsonMember<std::vector<int>>(json, "color", what));
  const bool inRange = std::all_of(
      channels.begin(), channels.end(), [](int value) { return value >= 0 && value <= 255; });
  if (channels.size() != 3 || !inRange) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'color' in {} is not three numbers from 0 to 255.", what));
  }
  return Color{static_cast<std::uint8_t>(channels[0]),
               static_cast<std::uint8_t>(channels[1]),
               static_cast<std::uint8_t>(channels[2])};
}

Result<LabelTable::Entry> entryFrom(const Json& json, std::string_view what) {
  LabelTable::Entry entry;
  if (json.is_string()) {
    entry.name = json.get<std::string>();
    return entry;
  }
  ARGAND_ASSIGN(entry.name, jsonMember<std::string>(json, "name", what));
  ARGAND_ASSIGN(entry.color, colorFrom(json, what));
  ARGAND_ASSIGN(const auto code, jsonMemberOr<std::vector<std::string>>(json, "code", {}, what));
  if (code.size() == 3) {
    entry.code = Code{code[0], code[1], code[2]};
  } else if (!code.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'code' in {} is not a scheme, a value and a meaning.", what));
  }
  ARGAND_ASSIGN(const auto side, jsonMemberOr<std::string>(json, "side", "none", what));
  for (const Side known : {Side::None, Side::Left, Side::Right}) {
    if (side == toString(known)) {
      entry.side = known;
      return entry;
    }
  }
  return fail(ErrorCode::InputRefused,
              fmt::format("'side' in {} is '{}' and not left, right or none.", what, side));
}

}  // namespace

Color paletteColor(std::size_t n) {
  if (n < kPalette.size()) {
    return kPalette[n];
  }
  // Hues a golden section apart never meet; three tones keep close hues distinct.
  constexpr double kGoldenSection = 0.618033988749895;
  static constexpr std::array<std::pair<double, double>, 3> kTones{
      {{0.75, 0.95}, {0.50, 0.85}, {0.85, 0.65}}};
  const auto& [saturation, value] = kTones[n % kTones.size()];
  return fromHue(std::fmod(static_cast<double>(n) * kGoldenSection, 1.0), saturation, value);
}

std::string LabelTable::nameOf(LabelValue value) const {
  const auto found = m_entries.find(value);
  return found == m_entries.end() || found->second.name.empty() ? fmt::format("Label_{}", value)
                                                                : found->second.name;
}

Color LabelTable::colorOf(LabelValue value) const {
  const auto found = m_entries.find(value);
  if (found != m_entries.end() && found->second.color) {
    return *found->second.color;
  }
  if (const KnownStructure* known = StructureTable::shipped().find(nameOf(value))) {
    return known->color;
  }
  return paletteColor(value == 0 ? 0U : value - 1U);
}

Result<LabelTable> LabelTable::fromJson(const Json& json, std::string_view what) {
  const auto inner = json.is_object() ? json.find("labels") : json.end();
  const Json& entries = inner != json.end() && inner->is_object() ? *inner : json;
  if (!entries.is_object()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} holds no label names: an object such as {{\"1\": \"Liver\"}} "
                            "is expected.",
                            what));
  }
  LabelTable table;
  for (const auto& [key, member] : entries.items()) {
    auto value = valueFrom(key);
    Entry entry;
    if (value) {
      ARGAND_ASSIGN(entry, entryFrom(member, fmt::format("'{}' of {}", key, what)));
    } else if (member.is_number_unsigned() &&
               member.get<std::uint64_t>() <= std::numeric_limits<LabelValue>::max()) {
      value = member.get<LabelValue>();
      entry.name = key;
    } else {
      return fail(ErrorCode::InputRefused,
                  fmt::format("'{}' of {} is not a label: one whole number from 0 to 65535 for "
                              "each name is expected.",
                              key,
                              what));
    }
    if (*value == 0) {
      continue;  // nnU-Net names the background too
    }
    if (!table.m_entries.emplace(*value, std::move(entry)).second) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("Label {} has two names in {}.", *value, what));
    }
  }
  return table;
}

Result<LabelTable> LabelTable::read(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const Json json, readJsonFile(path));
  return fromJson(json, displayed(path));
}

Json LabelTable::toJson() const {
  Json labels = Json::object();
  for (const auto& [value, entry] : m_entries) {
    Json member = Json::object();
    member["name"] = nameOf(value);
    if (entry.code) {
      member["code"] = {entry.code->scheme, entry.code->value, entry.code->meaning};
    }
    if (entry.color) {
      member["color"] = {entry.color->red, entry.color->green, entry.color->blue};
    }
    if (entry.side != Side::None) {
      member["side"] = toString(entry.side);
    }
    labels[std::to_string(value)] = member.size() == 1 ? member["name"] : member;
  }
  return Json{{"labels", std::move(labels)}};
}

}  // namespace argand
