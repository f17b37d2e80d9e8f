// SPDX-License-Identifier: Apache-2.0
#include "models/networks/networks.h"

#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"

#include <charconv>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace argand::models {

namespace {

constexpr std::int64_t kMostChannels = 1 << 16;

// The key=value options of one description, taken one by one.
class Options {
 public:
  static Result<Options> parse(std::string_view description) {
    Options options;
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

  [[nodiscard]] const std::string& network() const { return m_network; }

  [[nodiscard]] Failure wrong(std::string_view what) const {
    return fail(ErrorCode::Usage, fmt::format("Network '{}': {}.", m_network, what));
  }

  Result<std::int64_t> number(const std::string& key,
                              std::int64_t fallback,
                              std::int64_t most = kMostChannels) {
    const auto found = m_values.find(key);
    if (found == m_values.end()) {
      return fallback;
    }
    const std::string text = found->second;
    m_values.erase(found);
    return parseNumber(key, text, most);
  }

  Result<std::vector<std::int64_t>> numbers(const std::string& key,
                                            std::vector<std::int64_t> fallback) {
    const auto found = m_values.find(key);
    if (found == m_values.end()) {
      return fallback;
    }
    std::istringstream stream(found->second + "-");
    m_values.erase(found);
    std::vector<std::int64_t> values;
    for (std::string text; std::getline(stream, text, '-');) {
      ARGAND_ASSIGN(const std::int64_t value, parseNumber(key, text, kMostChannels));
      values.push_back(value);
    }
    return values;
  }

  std::string word(const std::string& key, std::string fallback) {
    const auto found = m_values.find(key);
    if (found == m_values.end()) {
      return fallback;
    }
    std::string text = found->second;
    m_values.erase(found);
    return text;
  }

  // Fails where an option was given that nobody took.
  Result<void> finish(std::string_view known) const {
    if (m_values.empty()) {
      return {};
    }
    return wrong(
        fmt::format("'{}' is no option of it; it takes {}", m_values.begin()->first, known));
  }

 private:
  Result<std::int64_t> parseNumber(const std::string& key,
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

  std::string m_network;
  std::map<std::string, std::string> m_values;
};

Result<engine::Graph> buildLamp(Options& from) {
  constexpr std::int64_t kDeepest = 8;
  LampUnetOptions options;
  ARGAND_ASSIGN(options.width, from.number("n", options.width));
  ARGAND_ASSIGN(options.classes, from.number("classes", options.classes));
  ARGAND_ASSIGN(options.inputChannels, from.number("in", options.inputChannels));
  ARGAND_ASSIGN(const std::int64_t depth, from.number("depth", options.depth, kDeepest));
  options.depth = static_cast<int>(depth);
  const std::string norm = from.word("norm", "batch");
  if (norm != "batch" && norm != "instance") {
    return from.wrong(fmt::format("'{}' is no value for 'norm'; it is batch or instance", norm));
  }
  options.norm = norm == "batch" ? LampUnetOptions::Norm::Batch : LampUnetOptions::Norm::Instance;
  ARGAND_TRY(from.finish("n, classes, in, depth and norm"));
  return lampUnet(options);
}

Result<engine::Graph> buildNnunetPlain(Options& from) {
  NnunetPlainOptions options;
  ARGAND_ASSIGN(options.channels, from.numbers("channels", options.channels));
  ARGAND_ASSIGN(options.classes, from.number("classes", options.classes));
  ARGAND_ASSIGN(options.inputChannels, from.number("in", options.inputChannels));
  ARGAND_TRY(from.finish("channels, classes and in"));
  return nnunetPlain(options);
}

}  // namespace

Result<engine::Graph> buildNetwork(std::string_view description) {
  ARGAND_ASSIGN(Options options, Options::parse(description));
  if (options.network() == "lamp-unet") {
    return buildLamp(options);
  }
  if (options.network() == "nnunet-plain") {
    return buildNnunetPlain(options);
  }
  return fail(ErrorCode::Usage,
              fmt::format("There is no network '{}'; known are lamp-unet and nnunet-plain.",
                          options.network()));
}

}  // namespace argand::models
