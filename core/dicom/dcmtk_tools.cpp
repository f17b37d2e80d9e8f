// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/dcmtk_tools.h"

#include "core/base/text.h"
#include "core/dicom/bounded_stream.h"
#include "core/dicom/character_set.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <random>

namespace argand::dicom {

namespace fs = std::filesystem;

Result<void> prepareDcmtk() {
  static const bool kDictionaryLoaded = [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    // A known attribute that a copier stored as UN is read as what it is (PS3.5 6.2.2).
    dcmEnableUnknownVRConversion.set(OFTrue);
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

namespace {

// Of the transfer syntaxes that DCMTK 3.6.7 has no name for (PS3.6 table A-1).
std::string_view recentSyntaxName(const std::string& uid) {
  using Entry = std::pair<std::string_view, std::string_view>;
  static const std::array<Entry, 9> kRecent{{
      {"1.2.840.10008.1.2.4.110", "JPEG XL Lossless"},
      {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression"},
      {"1.2.840.10008.1.2.4.112", "JPEG XL"},
      {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)"},
      {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL (Lossless Only)"},
      {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"},
      {"1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced"},
      {"1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate"},
      {"1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression"},
  }};
  const auto found = std::find_if(
      kRecent.begin(), kRecent.end(), [&](const Entry& entry) { return entry.first == uid; });
  return found == kRecent.end() ? std::string_view() : found->second;
}

// Why a file could not be parsed, as its meta information tells it.
std::string reasonNotRead(DcmFileFormat& file, const fs::path& path, const OFCondition& status) {
  if (const auto syntax = checkTransferSyntax(file); !syntax) {
    return fmt::format("{}: {}", displayed(path), syntax.error().message);
  }
  return fmt::format("{} cannot be read as DICOM ({}); it is damaged or truncated.",
                     displayed(path),
                     status.text());
}

bool readsPixelsIn(E_TransferSyntax syntax) {
  switch (syntax) {
    case EXS_LittleEndianImplicit:
    case EXS_LittleEndianExplicit:
    case EXS_BigEndianExplicit:
    case EXS_BigEndianImplicit:
    case EXS_DeflatedLittleEndianExplicit:
    case EXS_JPEGProcess1:
    case EXS_JPEGProcess2_4:
    case EXS_JPEGProcess14:
    case EXS_JPEGProcess14SV1:
    case EXS_JPEGLSLossless:
    case EXS_JPEGLSLossy:
    case EXS_JPEG2000LosslessOnly:
    case EXS_JPEG2000:
    case EXS_RLELossless:
      return true;
    default:
      return false;
  }
}

}  // namespace

// DCMTK takes a dataset in a transfer syntax that it does not know for explicit little
// endian, so the file's own word goes first.
Result<void> checkTransferSyntax(DcmFileFormat& file) {
  std::string uid = textOf(*file.getMetaInfo(), DCM_TransferSyntaxUID);
  E_TransferSyntax syntax = file.getDataset()->getOriginalXfer();
  if (!uid.empty()) {
    syntax = DcmXfer(uid.c_str()).getXfer();
  } else if (syntax == EXS_Unknown) {
    return {};
  } else {
    uid = DcmXfer(syntax).getXferID();
  }
  if (readsPixelsIn(syntax)) {
    return {};
  }
  return fail(ErrorCode::InputRefused,
              fmt::format("Its transfer syntax {} is not read. Convert it to an uncompressed one.",
                          transferSyntaxName(uid)));
}

std::string transferSyntaxName(const std::string& uid) {
  std::string name(recentSyntaxName(uid));
  if (const DcmXfer known(uid.c_str()); name.empty() && known.getXfer() != EXS_Unknown) {
    name = known.getXferName();
  }
  return name.empty() ? utf8Text(uid) : fmt::format("{} ({})", name, utf8Text(uid));
}

Result<std::unique_ptr<DcmFileFormat>> loadObject(const fs::path& path, LoadPart part) {
  ARGAND_TRY(prepareDcmtk());
  return guarded(
      ErrorCode::InputRefused,
      fmt::format("reading {}", displayed(path)),
      [&]() -> Result<std::unique_ptr<DcmFileFormat>> {
        auto file = std::make_unique<DcmFileFormat>();
        BoundedStream stream(path);
        OFCondition status = stream.status();
        if (status.good()) {
          file->transferInit();
          status = part == LoadPart::HeaderOnly
                       ? file->readUntilTag(
                             stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength, DCM_PixelData)
                       : file->read(stream);
          file->transferEnd();
        }
        if (stream.tooDeep()) {
          return fail(ErrorCode::InputRefused,
                      fmt::format("{} has hundreds of sequences within one another, as no DICOM "
                                  "object does; it is damaged.",
                                  displayed(path)));
        }
        if (status.bad()) {
          return fail(ErrorCode::InputRefused, reasonNotRead(*file, path, status));
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
  return std::string(trimmed(rawTextOf(*element)));
}

namespace {

// Values of text as they stand in a message.
std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return '"' + utf8Text(text.substr(0, kLongest)) + '"';
}

Failure noNumber(const DcmElement& element, const std::string& value) {
  return fail(ErrorCode::InputRefused,
              fmt::format("Its {} is {}, which is no number.", nameOf(element.getTag()), value));
}

Result<Numbers> numbersInText(const DcmElement& element, std::string_view text) {
  Numbers numbers;
  if (trimmed(text).empty()) {
    return numbers;
  }
  for (std::string_view rest = text;;) {
    const std::size_t end = rest.find('\\');
    const auto value = parseDecimal(rest.substr(0, end));
    if (!value) {
      return noNumber(element, quoted(trimmed(text)));
    }
    numbers.values.push_back(*value);
    if (end == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(end + 1);
  }
  if (text.find(',') != std::string_view::npos) {
    numbers.repair = Warning{
        WarningCode::ValueRepaired,
        fmt::format("{} has decimal commas; they were read as points.", nameOf(element.getTag()))};
  }
  return numbers;
}

template <typename T>
void appendWords(const Uint8* bytes, std::size_t length, std::vector<double>& values) {
  for (std::size_t at = 0; at + sizeof(T) <= length; at += sizeof(T)) {
    std::array<Uint8, sizeof(T)> word{};
    std::copy_n(bytes + at, sizeof(T), word.begin());
    values.push_back(static_cast<double>(std::bit_cast<T>(word)));
  }
}

// Of an element whose bytes have no type of their own: as the data dictionary says.
Result<Numbers> numbersInBytes(DcmElement& element) {
  Uint8* bytes = nullptr;
  const std::size_t length = element.getLength();
  Numbers numbers;
  if (length == 0) {
    return numbers;
  }
  if (element.getUint8Array(bytes).bad() || bytes == nullptr) {
    return noNumber(element, "of a wrong value representation");
  }
  const DcmEVR known = DcmTag(element.getTag().getXTag()).getEVR();
  switch (known) {
    case EVR_DS:
    case EVR_IS:
      return numbersInText(element, {reinterpret_cast<const char*>(bytes), length});
    case EVR_US:
    case EVR_xs:
      appendWords<std::uint16_t>(bytes, length, numbers.values);
      break;
    case EVR_SS:
      appendWords<std::int16_t>(bytes, length, numbers.values);
      break;
    case EVR_UL:
      appendWords<std::uint32_t>(bytes, length, numbers.values);
      break;
    case EVR_SL:
      appendWords<std::int32_t>(bytes, length, numbers.values);
      break;
    case EVR_FL:
      appendWords<float>(bytes, length, numbers.values);
      break;
    case EVR_FD:
      appendWords<double>(bytes, length, numbers.values);
      break;
    default:  // a private attribute: as text, or not at all
      return numbersInText(element, {reinterpret_cast<const char*>(bytes), length});
  }
  if (numbers.values.empty()) {
    return noNumber(element, fmt::format("{} bytes of an unknown kind", length));
  }
  return numbers;
}

// Of an element of a numeric representation.
Result<Numbers> numbersInWords(DcmElement& element) {
  Numbers numbers;
  const unsigned long count = element.getVM();
  if (count == 0 && element.getLength() > 0) {
    return noNumber(element, fmt::format("{} bytes long", element.getLength()));
  }
  for (unsigned long n = 0; n < count; ++n) {
    OFString text;
    Float64 real = 0.0;
    Float32 single = 0.0F;
    if (element.getFloat64(real, n).good()) {
      numbers.values.push_back(real);
    } else if (element.getFloat32(single, n).good()) {
      numbers.values.push_back(static_cast<double>(single));
    } else if (const auto value = element.getOFString(text, n).good()
                                      ? parseDecimal({text.c_str(), text.size()})
                                      : std::nullopt) {
      numbers.values.push_back(*value);
    } else {
      return noNumber(element, quoted({text.c_str(), text.size()}));
    }
  }
  return numbers;
}

}  // namespace

Result<Numbers> readNumbers(DcmElement& element) {
  Result<Numbers> numbers = [&] {
    switch (element.getVR()) {
      case EVR_UN:
      case EVR_OB:
      case EVR_OW:
      case EVR_UNKNOWN:
        return numbersInBytes(element);
      default:
        return element.isaString() ? numbersInText(element, rawTextOf(element))
                                   : numbersInWords(element);
    }
  }();
  if (numbers) {
    for (const double value : numbers->values) {
      if (!std::isfinite(value)) {
        return noNumber(element, fmt::format("\"{}\"", value));
      }
    }
  }
  return numbers;
}

std::vector<double> numbersOf(DcmItem& item, const DcmTagKey& tag) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(tag, element).bad() || element == nullptr) {
    return {};
  }
  auto numbers = readNumbers(*element);
  return numbers ? std::move(numbers->values) : std::vector<double>{};
}

Result<DcmSequenceOfItems*> sequenceOf(DcmItem& item, const DcmTagKey& tag) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(tag, element).bad() || element == nullptr ||
      element->getLength() == 0) {
    return nullptr;
  }
  auto* sequence = dynamic_cast<DcmSequenceOfItems*>(element);
  if (sequence == nullptr) {
    return fail(ErrorCode::InputRefused,
                fmt::format("Its {} is stored as {} and not as a sequence, so what it says of the "
                            "image is unknown.",
                            nameOf(tag),
                            DcmVR(element->getVR()).getVRName()));
  }
  return sequence;
}

bool holdsValue(std::string_view values, std::string_view word) {
  while (true) {
    const std::size_t end = values.find('\\');
    if (trimmed(values.substr(0, end)) == word) {
      return true;
    }
    if (end == std::string_view::npos) {
      return false;
    }
    values.remove_prefix(end + 1);
  }
}

std::string screenTextOf(DcmDataset& dataset, const DcmTagKey& tag) {
  return screenTextOf(dataset, tag, textOf(dataset, DCM_SpecificCharacterSet));
}

std::string screenTextOf(DcmItem& item, const DcmTagKey& tag, const std::string& characterSet) {
  return screenText(textOf(item, tag), characterSet).text;
}

std::string uidOf(DcmItem& item, const DcmTagKey& tag) {
  constexpr std::size_t kLongestUid = 64;
  std::string text = textOf(item, tag);
  const bool printable = std::all_of(
      text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '\\'; });
  return printable && text.size() <= kLongestUid ? text : std::string{};
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
