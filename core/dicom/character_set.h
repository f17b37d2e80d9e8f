// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <string>
#include <string_view>

// Text in a DICOM character set, to and from the UTF-8 that the program uses.
// `characterSet` is a Specific Character Set as in the file: values separated
// by backslashes, empty for ASCII. Internal to core/dicom.
namespace argand::dicom {

// Both fail where the set is unknown or lacks a character. Code extensions (several
// values, ISO 2022) are understood on the way in; no text goes out in them.
[[nodiscard]] Result<std::string> toUtf8(std::string_view text, std::string_view characterSet);
[[nodiscard]] Result<std::string> fromUtf8(std::string_view text, std::string_view characterSet);

// Text of a file in UTF-8, whatever its bytes are.
struct ScreenText {
  std::string text;
  bool asDeclared = true;  // false: the bytes are not in the character set of the file
};

// Returns text by the declared set; where it is not in that, as UTF-8 if it is
// that, and else as ISO 8859-1, in which every byte is a letter.
[[nodiscard]] ScreenText screenText(std::string_view bytes, std::string_view characterSet);

// No byte above 127 and no escape sequence: the same text in every set.
[[nodiscard]] bool isPlainAscii(std::string_view text);

}  // namespace argand::dicom
