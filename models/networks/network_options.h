// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/ops.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace argand::models {

// The key=value options of one description, taken one by one: an option that is
// absent has its fallback, one that cannot be read fails with Usage.
class NetworkOptions {
 public:
  static constexpr std::int64_t kMostChannels = 1 << 16;

  [[nodiscard]] static Result<NetworkOptions> parse(std::string_view description);

  [[nodiscard]] const std::string& network() const { return m_network; }

  [[nodiscard]] Failure wrong(std::string_view what) const;

  // From 1 to `most`.
  Result<std::int64_t> number(const std::string& key,
                              std::int64_t fallback,
                              std::int64_t most = kMostChannels);

  // From 0 to 1: "0.25".
  Result<double> share(const std::string& key, double fallback);

  // "16-32-64", each from 1 to `most`.
  Result<std::vector<std::int64_t>> numbers(const std::string& key,
                                            std::vector<std::int64_t> fallback,
                                            std::int64_t most = kMostChannels);

  // "1x3x3-3x3x3", or "3" for 3x3x3; each from 1 to 63.
  Result<std::vector<engine::Extent>> extents(const std::string& key);

  // One of `words`, by its place; the first is the fallback.
  Result<std::size_t> choice(const std::string& key, const std::vector<std::string>& words);

  // Fails where an option was given that nobody took.
  [[nodiscard]] Result<void> finish(std::string_view known) const;

 private:
  Result<std::int64_t> parseNumber(const std::string& key,
                                   const std::string& text,
                                   std::int64_t most) const;
  // The option's text, which is taken with it; empty where it is absent.
  std::string take(const std::string& key, bool& given);

  std::string m_network;
  std::map<std::string, std::string> m_values;
};

}  // namespace argand::models
