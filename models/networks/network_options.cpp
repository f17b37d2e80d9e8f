// SPDX-License-Identifier: Apache-2.0
#include "models/networks/network_options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace argand::models {

namespace {

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text + by);
  for (std::string part; std::getline(stream, part, by);) {
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

Result<NetworkOptions> NetworkOptions::parse(std::string_view description) {
  NetworkOptions options;
  const auto colon = description.find(':');
  options.m_network = description.substr(0, colon);
  if (colon == std::string_view::npos) {
    return options;
  }
  std::istringstream stream{std::string(description.substr(colon + 1))};
  for (std::string pair; std::getline(stream, pair, ',');) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return options.wrong(fmt::format("'{}' is no option; write key=value", pair));
    }
    if (!options.m_values.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      return options.wrong(fmt::format("'{}' is given twice", pair.substr(0, equals)));
    }
  }
  return options;
}

Failure NetworkOptions::wrong(std::string_view what) const {
  return fail(ErrorCode::Usage, fmt::format("Network '{}': {}.", m_network, what));
}

std::string NetworkOptions::take(const std::string& key, bool& given) {
  const auto found = m_values.find(key);
  given = found != m_values.end();
  if (!given) {
    return {};
  }
  std::string text = found->second;
  m_values.erase(found);
  return text;
}

Result<std::int64_t> NetworkOptions::number(const std::string& key,
                                            std::int64_t fallback,
                                            std::int64_t most) {
  bool given = false;
  const std::string text = take(key, given);
  if (!given) {
    return fallback;
  }
  return parseNumber(key, text, most);
}

Result<double> NetworkOptions::share(const std::string& key, double fallback) {
  bool given = false;
  const std::string text = take(key, given);
  if (!given) {
    return fallback;
  }
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || !(value >= 0.0 && value <= 1.0)) {
    return wrong(fmt::format("'{}' is no value for '{}'; it is a number from 0 to 1", text, key));
  }
  return value;
}

Result<std::vector<std::int64_t>> NetworkOptions::numbers(const std::string& key,
                                                          std::vector<std::int64_t> fallback,
                                                          std::int64_t most) {
  bool given = false;
  const std::string text = take(key, given);
  if (!given) {
    return fallback;
  }
  std::vector<std::int64_t> values;
  for (const std::string& part : split(text, '-')) {
    ARGAND_ASSIGN(const std::int64_t value, parseNumber(key, part, most));
    values.push_back(value);
  }
  return values;
}

Result<std::vector<engine::Extent>> NetworkOptions::extents(const std::string& key) {
  constexpr std::int64_t kLargest = 63;
  bool given = false;
  const std::string text = take(key, given);
  std::vector<engine::Extent> values;
  for (const std::string& part : given ? split(text, '-') : std::vector<std::string>()) {
    const std::vector<std::string> axes = split(part, 'x');
    if (axes.size() != 1 && axes.size() != 3) {
      return wrong(fmt::format(
          "'{}' is no value for '{}'; write 3 or 1x3x3 (depth, height, width)", part, key));
    }
    engine::Extent extent;
    for (int axis = 0; axis < 3; ++axis) {
      const std::string& one = axes[axes.size() == 1 ? 0 : static_cast<std::size_t>(axis)];
      ARGAND_ASSIGN(extent[axis], parseNumber(key, one, kLargest));
    }
    values.push_back(extent);
  }
  return values;
}

Result<std::size_t> NetworkOptions::choice(const std::string& key,
                                           const std::vector<std::string>& words) {
  bool given = false;
  const std::string text = take(key, given);
  if (!given) {
    return std::size_t{0};
  }
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    return wrong(
        fmt::format("'{}' is no value for '{}'; it is {}", text, key, fmt::join(words, " or ")));
  }
  return static_cast<std::size_t>(found - words.begin());
}

Result<void> NetworkOptions::finish(std::string_view known) const {
  if (m_values.empty()) {
    return {};
  }
  return wrong(fmt::format("'{}' is no option of it; it takes {}", m_values.begin()->first, known));
}

Result<std::int64_t> NetworkOptions::parseNumber(const std::string& key,
                                                 const std::string& text,
                                                 std::int64_t most) const {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < 1 || value > most) {
    return wrong(fmt::format(
        "'{}' is no value for '{}'; it is a whole number from 1 to {}", text, key, most));
  }
  return value;
}

}  // namespace argand::models
