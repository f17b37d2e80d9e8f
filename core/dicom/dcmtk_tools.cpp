// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/dcmtk_tools.h"

#include "core/dicom/character_set.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <random>

namespace argand::dicom {

namespace fs = std::filesystem;

Result<void> prepareDcmtk() {
  static const bool kDictionaryLoaded = [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    return static_cast<bool>(dcmDataDict.isDictionaryLoaded());
  }();
  if (!kDictionaryLoaded) {
    return fail(
        ErrorCode::InputRefused,
        "DCMTK's data dictionary was not found, so DICOM cannot be read or written. Install "
        "the DCMTK package that has dicom.dic, or set DCMDICTPATH to the file.");
  }
  return {};
}

Result<std::unique_ptr<DcmFileFormat>> loadObject(const fs::path& path, LoadPart part) {
  ARGAND_TRY(prepareDcmtk());
  return guarded(
      ErrorCode::InputRefused,
      fmt::format("reading {}", path.string()),
      [&]() -> Result<std::unique_ptr<DcmFileFormat>> {
        auto file = std::make_unique<DcmFileFormat>();
        const OFCondition status =
            part == LoadPart::HeaderOnly
                ? file->loadFileUntilTag(path.c_str(),
                                         EXS_Unknown,
                                         EGL_noChange,
                                         DCM_MaxReadLength,
                                         ERM_autoDetect,
                                         DCM_PixelData)
                : file->loadFile(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
        if (status.bad()) {
          return fail(ErrorCode::InputRefused,
                      fmt::format("{} cannot be read as DICOM ({}); it is damaged or truncated.",
                                  path.string(),
                                  status.text()));
        }
        return file;
      });
}

bool looksLikeDicom(const fs::path& path) {
  std::array<char, 132> start{};
  std::ifstream in(path, std::ios::binary);
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  const auto got = in.gcount();
  if (got == 132 && std::string_view(start.data() + 128, 4) == "DICM") {
    return true;
  }
  if (got < 8) {
    return false;
  }
  // Without a preamble: an element of group 2 or 8, and then a VR or a short length.
  const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(start[n]); };
  const bool little = (byte(0) == 2 || byte(0) == 8) && byte(1) == 0;
  const bool big = byte(0) == 0 && byte(1) == 8;
  const bool vr = std::isupper(byte(4)) != 0 && std::isupper(byte(5)) != 0;
  const bool shortLength = byte(5) == 0 && byte(6) == 0 && byte(7) == 0;
  return (little && byte(3) == 0 && (vr || shortLength)) || (big && byte(2) == 0 && vr);
}

namespace {

std::string trimmed(std::string text) {
  const auto isPadding = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && isPadding(text.back())) {
    text.pop_back();
  }
  const auto first = std::find_if_not(text.begin(), text.end(), isPadding);
  text.erase(text.begin(), first);
  return text;
}

}  // namespace

std::string rawTextOf(DcmElement& element) {
  if (element.isaString()) {
    char* value = nullptr;
    Uint32 length = 0;
    if (element.getString(value, length).good() && value != nullptr) {
      return {value, length};
    }
    return {};
  }
  OFString text;
  return element.getOFStringArray(text, OFFalse).good() ? std::string(text.c_str(), text.size())
                                                        : std::string{};
}

std::string textOf(DcmItem& item, const DcmTagKey& tag) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(tag, element).bad() || element == nullptr) {
    return {};
  }
  return trimmed(rawTextOf(*element));
}

std::vector<double> numbersOf(DcmElement& element) {
  std::vector<double> numbers;
  const unsigned long count = element.getVM();
  for (unsigned long n = 0; n < count; ++n) {
    OFString text;
    OFBool good = OFFalse;
    double value = 0.0;
    Float64 real = 0.0;
    if (element.isaString()) {
      if (element.getOFString(text, n).good()) {
        value = OFStandard::atof(trimmed({text.c_str(), text.size()}).c_str(), &good);
      }
    } else if (element.getFloat64(real, n).good()) {
      value = real;
      good = OFTrue;
    } else if (element.getOFString(text, n).good()) {
      value = OFStandard::atof(text.c_str(), &good);
    }
    if (!good || !std::isfinite(value)) {
      return {};
    }
    numbers.push_back(value);
  }
  return numbers;
}

std::vector<double> numbersOf(DcmItem& item, const DcmTagKey& tag) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(tag, element).bad() || element == nullptr) {
    return {};
  }
  return numbersOf(*element);
}

std::string screenTextOf(DcmDataset& dataset, const DcmTagKey& tag) {
  return screenTextOf(dataset, tag, textOf(dataset, DCM_SpecificCharacterSet));
}

std::string screenTextOf(DcmItem& item, const DcmTagKey& tag, const std::string& characterSet) {
  std::string text = textOf(item, tag);
  if (auto converted = toUtf8(text, characterSet)) {
    return std::move(*converted);
  }
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

std::string newUid() {
  std::random_device entropy;
  std::array<std::uint32_t, 4> words{};
  std::generate(words.begin(), words.end(), std::ref(entropy));
  words[1] = (words[1] & 0xffff0fffU) | 0x00004000U;  // RFC 4122 version 4
  words[2] = (words[2] & 0x3fffffffU) | 0x80000000U;  // and variant
  // The 128 bits as one decimal number.
  std::string digits;
  while (std::any_of(words.begin(), words.end(), [](std::uint32_t word) { return word != 0; })) {
    std::uint64_t rest = 0;
    for (std::uint32_t& word : words) {
      const std::uint64_t dividend = (rest << 32) | word;
      word = static_cast<std::uint32_t>(dividend / 10);
      rest = dividend % 10;
    }
    digits.push_back(static_cast<char>('0' + rest));
  }
  std::reverse(digits.begin(), digits.end());
  return "2.25." + digits;
}

std::string decimalString(double value) {
  constexpr std::size_t kLongest = 16;  // PS3.5 6.2, DS
  const double plain = std::abs(value) < 1e-15 ? 0.0 : value;
  for (int digits = 17; digits > 1; --digits) {
    std::string text = fmt::format("{:.{}g}", plain, digits);
    const auto shortest = fmt::format("{}", plain);
    text = digits == 17 && shortest.size() < text.size() ? shortest : text;
    if (text.size() <= kLongest) {
      return text;
    }
  }
  return fmt::format("{:.8e}", plain);
}

std::string nameOf(const DcmTagKey& tag) {
  return fmt::format(
      "{} ({:04x},{:04x})", DcmTag(tag).getTagName(), tag.getGroup(), tag.getElement());
}

}  // namespace argand::dicom
