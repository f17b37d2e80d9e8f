// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/character_set.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcspchrs.h>

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

}  // namespace

Result<std::string> toUtf8(std::string_view text, std::string_view characterSet) {
  return isPlainAscii(text) ? std::string(text) : converted(text, characterSet, "ISO_IR 192");
}

Result<std::string> fromUtf8(std::string_view text, std::string_view characterSet) {
  return isPlainAscii(text) ? std::string(text) : converted(text, "ISO_IR 192", characterSet);
}

bool isPlainAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '\x1b';
  });
}

}  // namespace argand::dicom
