// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/character_set.h"

#include "core/base/text.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcspchrs.h>

#include <iconv.h>

#include <algorithm>

namespace argand::dicom {

namespace {

Result<std::string> converted(std::string_view text, std::string_view from, std::string_view to) {
  DcmSpecificCharacterSet converter;
  OFString result;
  OFCondition status = converter.selectCharacterSet(OFString(from.data(), from.size()),
                                                    OFString(to.data(), to.size()));
  if (status.good()) {
    status = converter.convertString(text.data(), text.size(), result, "\\");
  }
  if (status.bad()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("A text cannot be brought from the character set '{}' to '{}': {}.",
                            from,
                            to,
                            status.text()));
  }
  return std::string(result.c_str(), result.length());
}

// Japanese by escape sequences (JIS X 0208 and 0212, PS3.5 H.3). DCMTK does not know
// it where it is built on the C library's iconv, which itself does.
Result<std::string> japaneseToUtf8(std::string_view text) {
  const ::iconv_t converter = ::iconv_open("UTF-8", "ISO-2022-JP-2");
  if (converter == reinterpret_cast<::iconv_t>(-1)) {
    return fail(ErrorCode::InputRefused, "This system cannot read Japanese text of ISO 2022.");
  }
  std::string bytes(text);
  std::string utf8(4 * bytes.size() + 4, '\0');
  char* in = bytes.data();
  char* out = utf8.data();
  std::size_t inLeft = bytes.size();
  std::size_t outLeft = utf8.size();
  const std::size_t done = ::iconv(converter, &in, &inLeft, &out, &outLeft);
  ::iconv_close(converter);
  if (done == static_cast<std::size_t>(-1) || inLeft > 0) {
    return fail(ErrorCode::InputRefused, "A text is not in the character set that it declares.");
  }
  utf8.resize(utf8.size() - outLeft);
  return utf8;
}

bool isJapanese(std::string_view characterSet) {
  return characterSet.find("ISO 2022 IR 87") != std::string_view::npos ||
         characterSet.find("ISO 2022 IR 159") != std::string_view::npos;
}

}  // namespace

Result<std::string> toUtf8(std::string_view text, std::string_view characterSet) {
  if (isPlainAscii(text)) {
    return std::string(text);
  }
  ARGAND_ASSIGN(std::string utf8,
                isJapanese(characterSet) ? japaneseToUtf8(text)
                                         : converted(text, characterSet, "ISO_IR 192"));
  if (!isUtf8(utf8)) {  // DCMTK does not look at what is UTF-8 already
    return fail(ErrorCode::InputRefused, "A text is not in the character set that it declares.");
  }
  return utf8;
}

Result<std::string> fromUtf8(std::string_view text, std::string_view characterSet) {
  if (isPlainAscii(text)) {
    return std::string(text);
  }
  ARGAND_ASSIGN(std::string encoded, converted(text, "ISO_IR 192", characterSet));
  // Converts back, as iconv may replace a letter by one that resembles it.
  ARGAND_ASSIGN(const std::string back, toUtf8(encoded, characterSet));
  if (back != text) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The character set '{}' lacks a letter.", characterSet));
  }
  return encoded;
}

ScreenText screenText(std::string_view bytes, std::string_view characterSet) {
  if (auto declared = toUtf8(bytes, characterSet)) {
    return {std::move(*declared), true};
  }
  std::string text = utf8Text(bytes);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\x1b'; }, ' ');
  return {std::move(text), false};
}

bool isPlainAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '\x1b';
  });
}

}  // namespace argand::dicom
