// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <string>
#include <string_view>

// Text in a DICOM character set, to and from the UTF-8 that the program uses.
// `characterSet` is a Specific Character Set as in the file: values separated
// by backslashes, empty for ASCII. Internal to core/dicom.
namespace argand::dicom {

// Both fail where the set is unknown or lacks a character.
[[nodiscard]] Result<std::string> toUtf8(std::string_view text, std::string_view characterSet);
[[nodiscard]] Result<std::string> fromUtf8(std::string_view text, std::string_view characterSet);

// No byte above 127 and no escape sequence: the same text in every set.
[[nodiscard]] bool isPlainAscii(std::string_view text);

}  // namespace argand::dicom
