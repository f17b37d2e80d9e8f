// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/pixels.h"

#include "core/dicom/series/jpeg2000.h"
#include "core/dicom/series/run_length.h"

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace argand::dicom {

namespace {

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

void registerDecoders() {
  static const bool kOnce = [] {
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    return true;
  }();
  static_cast<void>(kOnce);
}

bool isJpeg2000(E_TransferSyntax syntax) {
  return syntax == EXS_JPEG2000LosslessOnly || syntax == EXS_JPEG2000;
}

// How values lie in words.
struct Packing {
  int bytes = 2;
  int bits = 16;
  int shift = 0;  // of the lowest bit
  bool isSigned = false;
};

// Words to values: the bits of each, with the sign where there is one.
template <typename Word, typename Value>
std::vector<Value> unpack(std::span<const std::uint8_t> raw,
                          const Packing& packing,
                          std::size_t count) {
  std::vector<Value> values(count);
  if (sizeof(Word) == sizeof(Value) && packing.bits == 8 * packing.bytes) {
    std::memcpy(values.data(), raw.data(), count * sizeof(Word));
    return values;
  }
  const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << packing.bits) - 1);
  const std::uint32_t sign = packing.isSigned ? std::uint32_t{1} << (packing.bits - 1) : 0;
  for (std::size_t n = 0; n < count; ++n) {
    Word word;
    std::memcpy(&word, raw.data() + n * sizeof(Word), sizeof(Word));
    const std::uint32_t bits = (std::uint32_t{word} >> packing.shift) & mask;
    values[n] = static_cast<Value>((bits ^ sign) - sign);
  }
  return values;
}

template <typename Word>
Samples unpacked(std::span<const std::uint8_t> raw, const Packing& packing, std::size_t count) {
  if (packing.bits <= 16) {
    return packing.isSigned ? Samples(unpack<Word, std::int16_t>(raw, packing, count))
                            : Samples(unpack<Word, std::uint16_t>(raw, packing, count));
  }
  return packing.isSigned ? Samples(unpack<Word, std::int32_t>(raw, packing, count))
                          : Samples(unpack<Word, std::uint32_t>(raw, packing, count));
}

Samples unpacked(std::span<const std::uint8_t> raw, const Packing& packing, std::size_t count) {
  switch (packing.bytes) {
    case 1:
      return unpacked<std::uint8_t>(raw, packing, count);
    case 2:
      return unpacked<std::uint16_t>(raw, packing, count);
    default:
      return unpacked<std::uint32_t>(raw, packing, count);
  }
}

// Pixels that are not compressed, in the machine's byte order.
Result<std::vector<std::uint8_t>> plainFrame(DcmElement& pixels,
                                             std::uint32_t frame,
                                             std::size_t bytes) {
  const std::uint64_t begin = std::uint64_t{frame} * bytes;
  if (pixels.getLength() < begin + bytes) {
    return refused(fmt::format("Its Pixel Data is too short: {} bytes where frame {} needs {}.",
                               pixels.getLength(),
                               frame + 1,
                               begin + bytes));
  }
  std::vector<std::uint8_t> raw(bytes);
  const OFCondition status = pixels.getPartialValue(
      raw.data(), static_cast<Uint32>(begin), static_cast<Uint32>(bytes), nullptr, gLocalByteOrder);
  if (status.bad()) {
    return refused(fmt::format("Its pixels cannot be read: {}.", status.text()));
  }
  return raw;
}

Result<std::vector<std::uint8_t>> decodeWithDcmtk(DcmDataset& dataset,
                                                  DcmPixelData& pixels,
                                                  std::uint32_t frame,
                                                  std::size_t bytes) {
  Uint32 fragment = 0;
  OFString colorModel;
  std::vector<std::uint8_t> raw(bytes + bytes % 2);
  const OFCondition status = pixels.getUncompressedFrame(
      &dataset, frame, fragment, raw.data(), static_cast<Uint32>(raw.size()), colorModel);
  if (status.bad()) {
    return refused(fmt::format("Its pixels ({}) cannot be decoded: {}.",
                               DcmXfer(dataset.getOriginalXfer()).getXferName(),
                               status.text()));
  }
  return raw;
}

// A frame is one whole fragment (PS3.5 A.4.2); the first item is the offset table.
Result<std::vector<std::uint8_t>> decodeRunLength(DcmPixelData& pixels,
                                                  const PixelFormat& format,
                                                  std::uint32_t frame) {
  DcmPixelSequence* sequence = nullptr;
  DcmPixelItem* item = nullptr;
  Uint8* data = nullptr;
  if (pixels.getEncapsulatedRepresentation(EXS_RLELossless, nullptr, sequence).bad() ||
      sequence == nullptr || sequence->getItem(item, frame + 1UL).bad() ||
      item->getUint8Array(data).bad() || data == nullptr) {
    return refused(fmt::format("Its run-length encoded pixels lack frame {}.", frame + 1));
  }
  const auto count =
      static_cast<std::size_t>(format.rows) * static_cast<std::size_t>(format.columns);
  return decodedRunLength(
      {data, item->getLength()}, count, static_cast<std::size_t>(format.bitsAllocated / 8));
}

template <typename T>
Result<Samples> realFrame(DcmDataset& dataset,
                          const DcmTagKey& tag,
                          std::uint32_t frame,
                          std::size_t count) {
  DcmElement* element = nullptr;
  dataset.findAndGetElement(tag, element);
  if (element == nullptr) {
    return refused(fmt::format("It has no {}.", nameOf(tag)));
  }
  ARGAND_ASSIGN(const auto raw, plainFrame(*element, frame, count * sizeof(T)));
  std::vector<T> values(count);
  std::memcpy(values.data(), raw.data(), raw.size());
  return Samples(std::move(values));
}

}  // namespace

Result<Samples> decodeFrame(DcmDataset& dataset, const PixelFormat& format, std::uint32_t frame) {
  registerDecoders();
  const auto count =
      static_cast<std::size_t>(format.rows) * static_cast<std::size_t>(format.columns);
  if (format.type == PixelType::Float) {
    return realFrame<float>(dataset, DCM_FloatPixelData, frame, count);
  }
  if (format.type == PixelType::Double) {
    return realFrame<double>(dataset, DCM_DoubleFloatPixelData, frame, count);
  }
  DcmElement* element = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr) {
    return refused("It has no Pixel Data.");
  }
  Packing packing{format.bitsAllocated / 8,
                  format.bitsStored,
                  format.highBit + 1 - format.bitsStored,
                  format.isSigned};
  const std::size_t bytes = count * static_cast<std::size_t>(packing.bytes);
  const E_TransferSyntax syntax = dataset.getOriginalXfer();
  if (isJpeg2000(syntax)) {
    ARGAND_ASSIGN(const Jpeg2000Picture picture, decodeJpeg2000(dataset, *pixels, format, frame));
    // The codestream's own precision holds; the sign is that of the header, since some
    // writers store signed pixels as unsigned codestreams.
    packing = {picture.bits <= 8 ? 1 : 2,
               std::min(std::max(picture.bits, format.bitsStored), 16),
               0,
               format.isSigned};
    return unpacked(picture.words, packing, count);
  }
  std::vector<std::uint8_t> raw;
  if (syntax == EXS_RLELossless) {
    ARGAND_ASSIGN(raw, decodeRunLength(*pixels, format, frame));
  } else if (DcmXfer(syntax).isEncapsulated()) {
    ARGAND_ASSIGN(raw, decodeWithDcmtk(dataset, *pixels, frame, bytes));
  } else {
    ARGAND_ASSIGN(raw, plainFrame(*pixels, frame, bytes));
  }
  return unpacked(raw, packing, count);
}

bool lossyCompressed(DcmDataset& dataset) {
  if (textOf(dataset, DCM_LossyImageCompression) == "01") {
    return true;
  }
  switch (dataset.getOriginalXfer()) {
    case EXS_JPEGProcess1:
    case EXS_JPEGProcess2_4:
    case EXS_JPEGLSLossy:
      return true;
    default:
      return false;
  }
}

VoxelStore::VoxelStore(const Size3& size, double backgroundValue)
    : m_sliceVoxels(static_cast<std::size_t>(size.i * size.j)),
      m_background(backgroundValue),
      m_least(backgroundValue),
      m_most(backgroundValue),
      m_voxels(Volume::Int16(static_cast<std::size_t>(size.voxels()))) {}

template <typename T>
void VoxelStore::widen() {
  m_voxels = std::visit(
      [](const auto& voxels) -> decltype(m_voxels) {
        std::vector<T> wider(voxels.size());
        std::transform(voxels.begin(), voxels.end(), wider.begin(), [](auto value) {
          return static_cast<T>(value);
        });
        return wider;
      },
      m_voxels);
}

bool VoxelStore::hasRoomFor(double least, double most, bool whole) const {
  if (std::holds_alternative<Volume::Int16>(m_voxels)) {
    return whole && least >= -32768.0 && most <= 32767.0;
  }
  if (std::holds_alternative<Volume::UInt16>(m_voxels)) {
    return whole && least >= 0.0 && most <= 65535.0;
  }
  return true;
}

void VoxelStore::makeRoomFor(double least, double most, bool whole) {
  const std::unique_lock lock(m_mutex);
  m_least = std::min(m_least, least);
  m_most = std::max(m_most, most);
  if (hasRoomFor(m_least, m_most, whole)) {
    return;
  }
  const bool fitsUInt16 = whole && m_least >= 0.0 && m_most <= 65535.0;
  if (std::holds_alternative<Volume::Int16>(m_voxels) && fitsUInt16) {
    widen<std::uint16_t>();
  } else {
    widen<float>();
  }
}

template <typename T, typename RealOf>
Result<void> VoxelStore::write(std::int64_t k,
                               std::span<const T> samples,
                               double least,
                               double most,
                               bool whole,
                               const RealOf& realOf) {
  constexpr double kExactInFloat = 1 << 24;
  constexpr double kMostInFloat = std::numeric_limits<float>::max();
  if (std::max(std::abs(least), std::abs(most)) > kMostInFloat) {
    return refused(fmt::format(
        "It holds values from {} to {}, which single precision does not hold.", least, most));
  }
  makeRoomFor(least, most, whole);
  // Another thread may widen the buffer between the two locks, which only makes more room.
  const std::shared_lock lock(m_mutex);
  return std::visit(
      [&](auto& voxels) -> Result<void> {
        using V = typename std::remove_reference_t<decltype(voxels)>::value_type;
        V* const out = voxels.data() + m_sliceVoxels * static_cast<std::size_t>(k);
        for (std::size_t n = 0; n < samples.size(); ++n) {
          out[n] = static_cast<V>(realOf(samples[n]));
        }
        if (std::is_same_v<V, float> && whole &&
            std::max(std::abs(least), std::abs(most)) > kExactInFloat) {
          for (std::size_t n = 0; n < samples.size(); ++n) {
            const auto real = static_cast<double>(realOf(samples[n]));
            if (static_cast<double>(out[n]) != real) {
              return refused(fmt::format(
                  "It holds the value {:.0f}, which single precision does not hold exactly.",
                  real));
            }
          }
        }
        return {};
      },
      m_voxels);
}

template <typename T>
Result<std::int64_t> VoxelStore::putIntegers(std::int64_t k,
                                             std::span<const T> samples,
                                             const PixelFormat& format) {
  const auto first = format.padding ? format.padding->first : 1;
  const auto last = format.padding ? format.padding->second : 0;
  const auto isPadding = [&](std::int64_t value) { return value >= first && value <= last; };
  const auto scaled = [&](double value) {
    return (value * format.slope + format.intercept) * format.factor;
  };
  const auto realOf = [&](std::int64_t value) {
    if (isPadding(value)) {
      return m_background;
    }
    return format.lut ? static_cast<double>(format.lut->at(value)) * format.factor
                      : scaled(static_cast<double>(value));
  };
  T least = samples.front();
  T most = samples.front();
  for (const T value : samples) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  double low = scaled(static_cast<double>(least));
  double high = scaled(static_cast<double>(most));
  if (low > high) {
    std::swap(low, high);
  }
  const bool outermostIsPadding = isPadding(least) || isPadding(most);
  if (format.lut || outermostIsPadding) {
    low = high = realOf(samples.front());
    for (const T value : samples) {
      const double real = realOf(value);
      low = std::min(low, real);
      high = std::max(high, real);
    }
  }
  const bool isWhole =
      format.factor == 1.0 && (format.lut || (format.slope == std::trunc(format.slope) &&
                                              format.intercept == std::trunc(format.intercept)));
  // Most images: a number added to 16 bits, without a detour over real numbers.
  constexpr double kMostOffset = 1e6;
  const bool isOffset = isWhole && !format.lut && format.slope == 1.0 && sizeof(T) == 2 &&
                        std::abs(format.intercept) < kMostOffset;
  if (isOffset && !format.padding) {
    const auto offset = static_cast<std::int32_t>(format.intercept);
    ARGAND_TRY(write<T>(k, samples, low, high, isWhole, [offset](T value) {
      return static_cast<std::int32_t>(value) + offset;
    }));
  } else if (isOffset) {
    const auto offset = static_cast<std::int32_t>(format.intercept);
    const auto from = static_cast<std::int32_t>(first);
    const auto to = static_cast<std::int32_t>(last);
    const auto background = static_cast<std::int32_t>(m_background);
    ARGAND_TRY(write<T>(k, samples, low, high, isWhole, [=](T sample) {
      const auto value = static_cast<std::int32_t>(sample);
      return value >= from && value <= to ? background : value + offset;
    }));
  } else {
    ARGAND_TRY(write<T>(k, samples, low, high, isWhole, [&](T value) {
      return realOf(static_cast<std::int64_t>(value));
    }));
  }
  return 0;
}

template <typename T>
Result<std::int64_t> VoxelStore::putReals(std::int64_t k,
                                          std::span<const T> samples,
                                          const PixelFormat& format) {
  const auto realOf = [&](T sample) {
    const auto value = static_cast<double>(sample);
    const bool isPadding = format.realPadding && value >= format.realPadding->first &&
                           value <= format.realPadding->second;
    return isPadding || !std::isfinite(value)
               ? m_background
               : (value * format.slope + format.intercept) * format.factor;
  };
  double low = m_background;
  double high = m_background;
  std::int64_t notFinite = 0;
  for (const T sample : samples) {
    const double real = realOf(sample);
    low = std::min(low, real);
    high = std::max(high, real);
    notFinite += std::isfinite(sample) ? 0 : 1;
  }
  ARGAND_TRY(write<T>(k, samples, low, high, false, realOf));
  return notFinite;
}

Result<std::int64_t> VoxelStore::put(std::int64_t k,
                                     const Samples& samples,
                                     const PixelFormat& format) {
  return std::visit(
      [&](const auto& values) -> Result<std::int64_t> {
        using T = typename std::remove_cvref_t<decltype(values)>::value_type;
        if (values.size() != m_sliceVoxels) {
          return refused("Its matrix is not that of the series.");
        }
        if constexpr (std::is_floating_point_v<T>) {
          return putReals<T>(k, values, format);
        } else {
          return putIntegers<T>(k, values, format);
        }
      },
      samples);
}

Volume::Buffer VoxelStore::take() {
  return std::visit(
      [](auto&& voxels) -> Volume::Buffer {
        using Voxels = std::remove_reference_t<decltype(voxels)>;
        return std::make_shared<const Voxels>(std::move(voxels));
      },
      std::move(m_voxels));
}

}  // namespace argand::dicom
