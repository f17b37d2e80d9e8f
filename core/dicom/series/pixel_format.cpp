// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/pixel_format.h"

#include "core/base/text.h"

#include <algorithm>
#include <cmath>

namespace argand::dicom {

namespace {

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

// A value of an attribute that is US or SS, whichever the writer took: 16 bits, with
// the sign that the pixels have.
std::optional<std::int64_t> as16Bits(double value, bool isSigned) {
  if (value < -32768 || value > 65535 || value != std::trunc(value)) {
    return std::nullopt;
  }
  const auto whole = static_cast<std::int64_t>(value);
  return isSigned ? static_cast<std::int16_t>(whole) : static_cast<std::uint16_t>(whole);
}

Result<std::optional<std::int64_t>> paddingAt(const Attributes& in,
                                              const DcmTagKey& tag,
                                              bool isSigned) {
  ARGAND_ASSIGN(const auto value, in.number(tag));
  if (!value) {
    return std::nullopt;
  }
  const auto padding = as16Bits(*value, isSigned);
  if (!padding) {
    return refused(fmt::format("Its {} is {}, which is no stored value.", nameOf(tag), *value));
  }
  return padding;
}

Result<void> applyPadding(const Attributes& in, PixelFormat& format) {
  if (format.type != PixelType::Integer) {
    const bool isFloat = format.type == PixelType::Float;
    // A padding value of NaN is no number of the attribute; NaN voxels become background anyway.
    const auto value =
        in.dispensable(isFloat ? DCM_FloatPixelPaddingValue : DCM_DoubleFloatPixelPaddingValue);
    if (value) {
      ARGAND_ASSIGN(const auto limit,
                    in.number(isFloat ? DCM_FloatPixelPaddingRangeLimit
                                      : DCM_DoubleFloatPixelPaddingRangeLimit));
      format.realPadding = std::minmax(*value, limit.value_or(*value));
    }
    return {};
  }
  ARGAND_ASSIGN(const auto value, paddingAt(in, DCM_PixelPaddingValue, format.isSigned));
  if (value) {
    ARGAND_ASSIGN(const auto limit, paddingAt(in, DCM_PixelPaddingRangeLimit, format.isSigned));
    format.padding = std::minmax(*value, limit.value_or(*value));
  }
  return {};
}

Result<void> applyWords(const Attributes& in, PixelFormat& format) {
  ARGAND_ASSIGN(format.rows, in.whole(DCM_Rows, 0));
  ARGAND_ASSIGN(format.columns, in.whole(DCM_Columns, 0));
  if (format.rows < 1 || format.columns < 1) {
    return refused(
        fmt::format("It is an image of {} rows and {} columns.", format.rows, format.columns));
  }
  const std::string photometric = in.text(DCM_PhotometricInterpretation);
  ARGAND_ASSIGN(const int samples, in.whole(DCM_SamplesPerPixel, 1));
  if (samples != 1) {
    return refused(
        fmt::format("It is a colour picture ({}, {} samples per pixel), not an image of "
                    "intensities.",
                    photometric.empty() ? "no Photometric Interpretation" : utf8Text(photometric),
                    samples));
  }
  if (photometric == "PALETTE COLOR") {
    return refused("It is a colour picture (PALETTE COLOR), not an image of intensities.");
  }
  if (photometric != "MONOCHROME2" && !photometric.empty()) {
    return refused(
        fmt::format("Its grey scale is {}; MONOCHROME2 is expected.", utf8Text(photometric)));
  }
  const bool isDouble = in.find(DCM_DoubleFloatPixelData) != nullptr;
  const bool isFloat = in.find(DCM_FloatPixelData) != nullptr;
  if (isDouble || isFloat) {
    format.type = isDouble ? PixelType::Double : PixelType::Float;
    format.bitsAllocated = isDouble ? 64 : 32;
    format.bitsStored = format.bitsAllocated;
    format.highBit = format.bitsAllocated - 1;
    return {};
  }
  ARGAND_ASSIGN(format.bitsAllocated, in.whole(DCM_BitsAllocated, 0));
  ARGAND_ASSIGN(format.bitsStored, in.whole(DCM_BitsStored, format.bitsAllocated));
  ARGAND_ASSIGN(format.highBit, in.whole(DCM_HighBit, format.bitsStored - 1));
  ARGAND_ASSIGN(const int representation, in.whole(DCM_PixelRepresentation, 0));
  format.isSigned = representation == 1;
  const bool wholeBytes =
      format.bitsAllocated == 8 || format.bitsAllocated == 16 || format.bitsAllocated == 32;
  if (!wholeBytes || format.bitsStored < 1 || format.bitsStored > format.bitsAllocated ||
      format.highBit >= format.bitsAllocated || format.highBit < format.bitsStored - 1) {
    return refused(
        fmt::format("Its pixels have {} bits allocated, {} stored, high bit {}, which is "
                    "not supported.",
                    format.bitsAllocated,
                    format.bitsStored,
                    format.highBit));
  }
  if (representation != 0 && representation != 1) {
    return refused(fmt::format(
        "Its {} is {}; 0 or 1 is expected.", nameOf(DCM_PixelRepresentation), representation));
  }
  return {};
}

// The entries of LUT Data: bytes or 16-bit words, told apart by their length
// (PS3.3 C.11.1.1.1, note on 8 bits).
Result<std::vector<std::uint16_t>> lutEntries(DcmItem& item, std::size_t count, int bits) {
  DcmElement* element = nullptr;
  item.findAndGetElement(DCM_LUTData, element);
  std::vector<std::uint16_t> words;
  if (element != nullptr) {
    Uint16* values = nullptr;
    Uint8* bytes = nullptr;
    const std::size_t length = element->getLength();
    const bool isBytes = element->getVR() == EVR_OB || element->getVR() == EVR_UN;
    if (!isBytes && element->getUint16Array(values).good() && values != nullptr) {
      words.assign(values, values + length / 2);
    } else if (element->getUint8Array(bytes).good() && bytes != nullptr) {
      for (std::size_t n = 0; n + 1 < length; n += 2) {
        words.push_back(static_cast<std::uint16_t>(bytes[n] | bytes[n + 1] << 8));
      }
    } else if (const auto numbers = readNumbers(*element)) {
      for (const double value : numbers->values) {  // SS
        words.push_back(static_cast<std::uint16_t>(static_cast<std::int64_t>(value)));
      }
    }
  }
  if (bits == 8 && words.size() == (count + 1) / 2 && count > 1) {
    // Two entries to a word, the first in its lower byte.
    std::vector<std::uint16_t> entries(count);
    for (std::size_t n = 0; n < count; ++n) {
      entries[n] = static_cast<std::uint16_t>((words[n / 2] >> (n % 2 == 0 ? 0 : 8)) & 0xff);
    }
    return entries;
  }
  if (words.size() != count) {
    return refused(
        fmt::format("Its {} has {} words where its descriptor announces {} entries of {} "
                    "bits.",
                    nameOf(DCM_LUTData),
                    words.size(),
                    count,
                    bits));
  }
  return words;
}

Result<void> applyLut(DcmSequenceOfItems& sequence, PixelFormat& format) {
  if (format.type != PixelType::Integer || sequence.card() != 1) {
    return refused(fmt::format("Its {} has {} items for pixels of {} bits, which is not supported.",
                               nameOf(DCM_ModalityLUTSequence),
                               sequence.card(),
                               format.bitsAllocated));
  }
  DcmItem& item = *sequence.getItem(0);
  DcmElement* element = nullptr;
  item.findAndGetElement(DCM_LUTDescriptor, element);
  Numbers descriptor;
  if (element != nullptr) {
    ARGAND_ASSIGN(descriptor, readNumbers(*element));
  }
  const auto& values = descriptor.values;
  const auto count = values.size() == 3 ? as16Bits(values[0], false) : std::nullopt;
  const auto first = values.size() == 3 ? as16Bits(values[1], format.isSigned) : std::nullopt;
  const double bits = values.size() == 3 ? values[2] : 0.0;
  if (!count || !first || bits < 8.0 || bits > 16.0) {
    return refused(fmt::format("Its {} is not three numbers: entries, first value, 8 to 16 bits.",
                               nameOf(DCM_LUTDescriptor)));
  }
  auto lut = std::make_shared<ModalityLut>();
  lut->first = *first;
  ARGAND_ASSIGN(lut->entries,
                lutEntries(item,
                           *count == 0 ? std::size_t{65536} : static_cast<std::size_t>(*count),
                           static_cast<int>(bits)));
  const std::string type = utf8Text(textOf(item, DCM_ModalityLUTType));
  format.unit = type == "US" ? "" : type;  // US: unspecified
  format.lut = std::move(lut);
  return {};
}

// Real World Value Mapping (PS3.3 C.7.6.16.2.11), where the object says nothing else of
// what its values mean and the mapping is one line over all of them.
Result<void> applyRealWorldMapping(const Attributes& in,
                                   DcmSequenceOfItems& sequence,
                                   PixelFormat& format) {
  const auto leave = [&](std::string_view why) {
    in.warn(fmt::format("{} was not applied ({}); the stored values are shown.",
                        nameOf(DCM_RealWorldValueMappingSequence),
                        why));
  };
  if (sequence.card() != 1) {
    leave(fmt::format("it has {} items", sequence.card()));
    return {};
  }
  DcmItem& item = *sequence.getItem(0);
  Warnings repairs;
  const Attributes mapping(item, repairs);
  ARGAND_ASSIGN(const auto slope, mapping.number(DCM_RealWorldValueSlope));
  ARGAND_ASSIGN(const auto intercept, mapping.number(DCM_RealWorldValueIntercept));
  if (!slope || !intercept || *slope == 0.0) {
    leave("it is no slope and intercept");
    return {};
  }
  if (format.type == PixelType::Integer) {
    ARGAND_ASSIGN(const auto first, mapping.number(DCM_RealWorldValueFirstValueMapped));
    ARGAND_ASSIGN(const auto last, mapping.number(DCM_RealWorldValueLastValueMapped));
    const double span = std::ldexp(1.0, format.bitsStored);
    const double least = format.isSigned ? -span / 2.0 : 0.0;
    const auto from = first ? as16Bits(*first, format.isSigned) : std::nullopt;
    const auto to = last ? as16Bits(*last, format.isSigned) : std::nullopt;
    if (!from || !to || static_cast<double>(*from) > least ||
        static_cast<double>(*to) < least + span - 1.0) {
      leave("it does not cover all stored values");
      return {};
    }
  }
  format.slope = *slope;
  format.intercept = *intercept;
  DcmItem* unit = nullptr;
  if (item.findAndGetSequenceItem(DCM_MeasurementUnitsCodeSequence, unit).good() &&
      unit != nullptr) {
    format.unit = utf8Text(textOf(*unit, DCM_CodeValue));
  }
  if (format.unit == "{SUVbw}g/ml") {
    format.unit = "SUVbw";
  }
  in.warn(fmt::format("The voxels are those of the {}{}.",
                      nameOf(DCM_RealWorldValueMappingSequence),
                      format.unit.empty() ? "" : ", in " + format.unit));
  return {};
}

// The unit of Units (0054,1001) of a PET image (PS3.3 C.8.9.1.1.3).
std::string petUnit(const Attributes& in) {
  const std::string units = utf8Text(in.text(DCM_Units));
  const std::string suv = in.text(DCM_SUVType);
  if (units == "GML") {
    return suv.empty() || suv == "BW" ? "SUVbw" : "SUV " + utf8Text(suv);
  }
  return units == "BQML" ? "Bq/ml" : units;
}

Result<void> applyMeaning(const Attributes& in, PixelFormat& format) {
  const std::string modality = in.text(DCM_Modality);
  ARGAND_ASSIGN(DcmSequenceOfItems * lut, in.sequence(DCM_ModalityLUTSequence));
  if (lut != nullptr) {
    return applyLut(*lut, format);
  }
  ARGAND_ASSIGN(const auto slope, in.number(DCM_RescaleSlope));
  ARGAND_ASSIGN(const auto intercept, in.number(DCM_RescaleIntercept));
  if (!slope && !intercept) {
    ARGAND_ASSIGN(DcmSequenceOfItems * mapping, in.sequence(DCM_RealWorldValueMappingSequence));
    if (modality == "PT") {
      format.unit = petUnit(in);
    }
    return mapping == nullptr ? Result<void>() : applyRealWorldMapping(in, *mapping, format);
  }
  if (!slope || !intercept) {
    in.warn(fmt::format("It has no {}; {} was taken.",
                        nameOf(slope ? DCM_RescaleIntercept : DCM_RescaleSlope),
                        slope ? 0 : 1));
  }
  format.slope = slope.value_or(1.0);
  format.intercept = intercept.value_or(0.0);
  if (format.slope == 0.0) {
    format.slope = 1.0;
    in.warn("A Rescale Slope of 0 was taken as 1.");
  }
  const std::string type = utf8Text(in.text(DCM_RescaleType));
  if (modality == "PT") {
    format.unit = petUnit(in);
  } else if (modality == "CT" && type.empty()) {
    format.unit = "HU";       // PS3.3 C.8.2.1.1.2
  } else if (type != "US") {  // US: unspecified
    format.unit = type;
  }
  return {};
}

}  // namespace

Result<PixelFormat> pixelFormatOf(const Attributes& in) {
  PixelFormat format;
  ARGAND_TRY(applyWords(in, format));
  ARGAND_TRY(applyMeaning(in, format));
  ARGAND_TRY(applyPadding(in, format));
  return format;
}

}  // namespace argand::dicom
