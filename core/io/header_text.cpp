// SPDX-License-Identifier: Apache-2.0
#include "core/io/header_text.h"

#include <algorithm>
#include <cctype>

namespace argand::io {

namespace {

constexpr std::int64_t kMostFiles = 100000;
constexpr int kWidestNumber = 32;

// Where a name's place for a number lies, and how wide a number is written there.
struct NumberPlace {
  std::size_t begin = 0;
  std::size_t length = 0;
  int width = 0;
  char filler = ' ';
};

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// The place that begins at `begin`, a percent sign.
std::optional<NumberPlace> placeAt(std::string_view name, std::size_t begin) {
  NumberPlace place{begin, 0, 0, ' '};
  std::size_t at = begin + 1;
  if (at < name.size() && name[at] == '0') {
    place.filler = '0';
  }
  for (; at < name.size() && isDigit(name[at]) && place.width <= kWidestNumber; ++at) {
    place.width = 10 * place.width + (name[at] - '0');
  }
  if (at >= name.size() || place.width > kWidestNumber ||
      (name[at] != 'd' && name[at] != 'i' && name[at] != 'u')) {
    return std::nullopt;
  }
  place.length = at + 1 - begin;
  return place;
}

std::optional<NumberPlace> onlyPlace(std::string_view name) {
  std::optional<NumberPlace> found;
  for (std::size_t at = name.find('%'); at != std::string_view::npos; at = name.find('%', at + 1)) {
    if (const auto place = placeAt(name, at)) {
      if (found) {
        return std::nullopt;
      }
      found = place;
    }
  }
  return found;
}

template <typename T, typename Parse>
std::optional<std::vector<T>> parsedWords(std::string_view text, Parse parse) {
  std::vector<T> values;
  for (const std::string_view word : words(text)) {
    const auto value = parse(word);
    if (!value) {
      return std::nullopt;
    }
    values.push_back(*value);
  }
  return values;
}

}  // namespace

Failure refused(const std::filesystem::path& path, std::string_view reason) {
  return fail(ErrorCode::InputRefused, fmt::format("{} {}", displayed(path), reason));
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return lower;
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::string_view> found;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    found.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlanks, end);
  }
  return found;
}

std::optional<std::vector<double>> numbers(std::string_view text) {
  return parsedWords<double>(text, parseDecimal);
}

std::optional<std::vector<std::int64_t>> wholeNumbers(std::string_view text) {
  return parsedWords<std::int64_t>(text, parseWhole);
}

bool hasNumberPlace(std::string_view name) {
  return onlyPlace(name).has_value();
}

std::optional<std::vector<std::string>> namesOf(const NumberedFiles& files) {
  const auto place = onlyPlace(files.pattern);
  if (!place || files.step == 0 || (files.last - files.first) / files.step < 0 ||
      (files.last - files.first) / files.step >= kMostFiles) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (std::int64_t n = files.first; files.step > 0 ? n <= files.last : n >= files.last;
       n += files.step) {
    const std::string digits = place->filler == '0' ? fmt::format("{:0{}}", n, place->width)
                                                    : fmt::format("{:{}}", n, place->width);
    names.push_back(std::string(files.pattern.substr(0, place->begin)) + digits +
                    std::string(files.pattern.substr(place->begin + place->length)));
  }
  return names.empty() ? std::nullopt : std::optional(std::move(names));
}

}  // namespace argand::io
