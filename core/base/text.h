// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

// Text and numbers as files and file systems hold them. The program's own text
// is UTF-8 everywhere.
namespace argand {

// True where `bytes` is well-formed UTF-8 (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
[[nodiscard]] bool isUtf8(std::string_view bytes);

// Returns `bytes` where they are UTF-8, and else reads them as ISO 8859-1, in
// which every byte is a letter. For names of files and texts that declare no
// encoding, or not the one they are in.
[[nodiscard]] std::string utf8Text(std::string_view bytes);

// Returns the path as it may stand in a message, in JSON or in the window.
[[nodiscard]] std::string displayed(const std::filesystem::path& path);

// Returns `text` without blanks, tabs, line ends and NUL bytes at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

// Reads one decimal number, the only way in which text of a file becomes a
// number. Blanks at both ends, a sign and an exponent are accepted, and a
// decimal comma is read as a point ("1,25" is 1.25). Returns nothing where the
// text is anything else: empty, a number with a unit ("-1024 HU"), two numbers,
// hexadecimal, infinite, not a number, or outside double precision. A number is
// never cut at a character that does not belong to it.
[[nodiscard]] std::optional<double> parseDecimal(std::string_view text);

// The same for a whole number; "3.0" is 3, and "3.5" is nothing.
[[nodiscard]] std::optional<std::int64_t> parseWhole(std::string_view text);

}  // namespace argand
