// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/base/text.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Internal to core/io: what the text headers of NRRD and MetaImage have in common.
namespace argand::io {

// Returns a failure that begins with the file's name: "FILE reason".
[[nodiscard]] Failure refused(const std::filesystem::path& path, std::string_view reason);

[[nodiscard]] std::string lowered(std::string_view text);

// Returns what stands between blanks and tabs.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);

// Returns the numbers between blanks; nothing where one word is none.
[[nodiscard]] std::optional<std::vector<double>> numbers(std::string_view text);
[[nodiscard]] std::optional<std::vector<std::int64_t>> wholeNumbers(std::string_view text);

// Names of files numbered by one `%d`, `%3d` or `%03d`: the numbers first, first + step
// and so on up to last (down to it where the step is negative). The pattern is read
// here and never given to printf.
struct NumberedFiles {
  std::string_view pattern;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t step = 1;
};

// True where `name` holds exactly one place for a number.
[[nodiscard]] bool hasNumberPlace(std::string_view name);

// Returns the names, or nothing where the pattern has not one place for a number, the
// step leads away from the last number, or there would be more than 100,000 files.
[[nodiscard]] std::optional<std::vector<std::string>> namesOf(const NumberedFiles& files);

}  // namespace argand::io
