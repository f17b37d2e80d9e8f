// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Internal to core/io: the lines of an NRRD header and how their values are written.
namespace argand::io::nrrd {

// The lines up to the empty one. Names of fields are in lower case and without blanks
// ("byteskip"); a field that stands twice or is not of the format is refused.
struct Lines {
  std::map<std::string, std::string> fields;
  std::map<std::string, std::string> keyValues;  // escapes resolved, UTF-8
  std::vector<std::string> dataFiles;            // after "data file: LIST"
  std::int64_t bytes = 0;                        // of the header

  [[nodiscard]] const std::string* find(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? nullptr : &found->second;
  }
};

[[nodiscard]] Result<Lines> linesOf(const std::filesystem::path& path);

// Returns true where the value of "data file" announces a list.
[[nodiscard]] bool isList(std::string_view value);

// Returns texts in double quotes, one after the other; nothing where a quote is not closed.
[[nodiscard]] std::optional<std::vector<std::string>> quotedTexts(std::string_view text);

// Returns numbers, of which those given as "nan" are absent; nothing where one is none.
[[nodiscard]] std::optional<std::vector<std::optional<double>>> optionalNumbers(
    std::string_view text);

using OptionalVector = std::optional<std::vector<double>>;

// Reads "(1,0,0) none (0, 1, 0)"; nothing where it is not such a list.
[[nodiscard]] std::optional<std::vector<OptionalVector>> vectors(std::string_view text);

// Returns a key or value with the escapes that the format needs.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace argand::io::nrrd
