// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"

#include <charconv>
#include <cmath>

namespace argand {

namespace {

// Bytes of the well-formed sequence at the beginning of `bytes`, or 0.
std::size_t sequenceLength(std::string_view bytes) {
  const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(bytes[n]); };
  const auto continues = [&](std::size_t n) {
    return n < bytes.size() && (byte(n) & 0xC0U) == 0x80U;
  };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && continues(1) && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && continues(1) && byte(1) >= 0xA0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && continues(1) && byte(1) < 0x90;
    const bool tooLarge = first == 0xF4 && continues(1) && byte(1) >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !tooLarge ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool isUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = sequenceLength(bytes);
    if (length == 0) {
      return false;
    }
    bytes.remove_prefix(length);
  }
  return true;
}

std::string utf8Text(std::string_view bytes) {
  if (isUtf8(bytes)) {
    return std::string(bytes);
  }
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text.push_back(c);
    } else {
      text.push_back(static_cast<char>(0xC0U | (byte >> 6U)));
      text.push_back(static_cast<char>(0x80U | (byte & 0x3FU)));
    }
  }
  return text;
}

std::string displayed(const std::filesystem::path& path) {
  return utf8Text(path.native());
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks(" \t\r\n\v\f\0", 7);
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<double> parseDecimal(std::string_view text) {
  std::string number(trimmed(text));
  if (const std::size_t comma = number.find(','); comma != std::string::npos) {
    if (number.find_first_of(".,", comma + 1) != std::string::npos ||
        number.find('.') != std::string::npos) {
      return std::nullopt;
    }
    number[comma] = '.';
  }
  const char* first = number.data();
  const char* const last = first + number.size();
  if (first != last && *first == '+') {
    ++first;
    if (first != last && *first == '-') {
      return std::nullopt;
    }
  }
  double value = 0.0;
  const auto [end, error] = std::from_chars(first, last, value);
  if (error != std::errc() || end != last || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> parseWhole(std::string_view text) {
  constexpr double kLargest = 9007199254740992.0;  // 2^53: exact in double precision
  const auto value = parseDecimal(text);
  if (!value || *value != std::trunc(*value) || std::abs(*value) > kLargest) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*value);
}

}  // namespace argand
