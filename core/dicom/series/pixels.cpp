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

// Unsigned words of `bytes` each, to values: BitsStored bits below HighBit, with
// the sign where there is one.
template <typename Word>
void unpack(std::span<const std::uint8_t> raw,
            const PixelFormat& format,
            std::vector<std::int64_t>& stored) {
  const int shift = format.highBit + 1 - format.bitsStored;
  const std::uint64_t mask = (std::uint64_t{1} << format.bitsStored) - 1;
  const std::uint64_t sign = format.isSigned ? std::uint64_t{1} << (format.bitsStored - 1) : 0;
  for (std::size_t n = 0; n < stored.size(); ++n) {
    Word word;
    std::memcpy(&word, raw.data() + n * sizeof(Word), sizeof(Word));
    const std::uint64_t bits = (std::uint64_t{word} >> shift) & mask;
    stored[n] = static_cast<std::int64_t>(bits ^ sign) - static_cast<std::int64_t>(sign);
  }
}

Result<void> decodeWithDcmtk(DcmDataset& dataset,
                             DcmPixelData& pixels,
                             std::uint32_t frame,
                             std::vector<std::uint8_t>& raw) {
  Uint32 fragment = 0;
  OFString colorModel;
  const OFCondition status = pixels.getUncompressedFrame(
      &dataset, frame, fragment, raw.data(), static_cast<Uint32>(raw.size()), colorModel);
  if (status.bad()) {
    return refused(fmt::format("Its pixels ({}) cannot be decoded: {}.",
                               DcmXfer(dataset.getOriginalXfer()).getXferName(),
                               status.text()));
  }
  return {};
}

// A frame is one whole fragment (PS3.5 A.4.2); the first item is the offset table.
Result<void> decodeRunLength(DcmPixelData& pixels,
                             const PixelFormat& format,
                             std::uint32_t frame,
                             std::vector<std::uint8_t>& raw) {
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
  ARGAND_ASSIGN(
      raw,
      decodedRunLength(
          {data, item->getLength()}, count, static_cast<std::size_t>(format.bitsAllocated / 8)));
  return {};
}

}  // namespace

Result<void> decodeFrame(DcmDataset& dataset,
                         const PixelFormat& format,
                         std::uint32_t frame,
                         std::vector<std::int64_t>& stored) {
  registerDecoders();
  DcmElement* element = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr) {
    return refused(dataset.tagExists(DCM_FloatPixelData) ||
                           dataset.tagExists(DCM_DoubleFloatPixelData)
                       ? "Its pixels are floating point numbers (Float Pixel Data), which is not "
                         "supported."
                       : "It has no Pixel Data.");
  }
  const auto count =
      static_cast<std::size_t>(format.rows) * static_cast<std::size_t>(format.columns);
  const auto wordBytes = static_cast<std::size_t>(format.bitsAllocated / 8);
  const std::size_t frameBytes = count * wordBytes;
  const E_TransferSyntax syntax = dataset.getOriginalXfer();
  const bool encapsulated = DcmXfer(syntax).isEncapsulated();
  if (!encapsulated && pixels->getLength() < (frame + std::uint64_t{1}) * frameBytes) {
    return refused(fmt::format("Its Pixel Data is too short: {} bytes where frame {} needs {}.",
                               pixels->getLength(),
                               frame + 1,
                               (frame + std::uint64_t{1}) * frameBytes));
  }
  stored.resize(count);
  if (isJpeg2000(syntax)) {
    return decodeJpeg2000(dataset, *pixels, format, frame, stored);
  }
  std::vector<std::uint8_t> raw;
  if (syntax == EXS_RLELossless) {
    ARGAND_TRY(decodeRunLength(*pixels, format, frame, raw));
  } else {
    raw.resize(frameBytes + frameBytes % 2);
    ARGAND_TRY(decodeWithDcmtk(dataset, *pixels, frame, raw));
  }
  switch (format.bitsAllocated) {
    case 8:
      unpack<std::uint8_t>(raw, format, stored);
      break;
    case 16:
      unpack<std::uint16_t>(raw, format, stored);
      break;
    default:
      unpack<std::uint32_t>(raw, format, stored);
      break;
  }
  return {};
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

void VoxelStore::makeRoomFor(double least, double most, bool whole) {
  m_least = std::min(m_least, least);
  m_most = std::max(m_most, most);
  const bool fitsInt16 = whole && m_least >= -32768.0 && m_most <= 32767.0;
  const bool fitsUInt16 = whole && m_least >= 0.0 && m_most <= 65535.0;
  if (std::holds_alternative<Volume::Int16>(m_voxels) && !fitsInt16) {
    if (fitsUInt16) {
      widen<std::uint16_t>();
    } else {
      widen<float>();
    }
  } else if (std::holds_alternative<Volume::UInt16>(m_voxels) && !fitsUInt16) {
    widen<float>();
  }
}

Result<void> VoxelStore::put(std::int64_t k,
                             std::span<const std::int64_t> stored,
                             const PixelFormat& format) {
  const bool whole =
      format.slope == std::trunc(format.slope) && format.intercept == std::trunc(format.intercept);
  const auto isPadding = [&](std::int64_t value) {
    return format.padding && value >= format.padding->first && value <= format.padding->second;
  };
  const auto realOf = [&](std::int64_t value) {
    return isPadding(value) ? m_background
                            : static_cast<double>(value) * format.slope + format.intercept;
  };
  const auto [least, most] = std::minmax_element(stored.begin(), stored.end());
  double low = static_cast<double>(*least) * format.slope + format.intercept;
  double high = static_cast<double>(*most) * format.slope + format.intercept;
  if (low > high) {
    std::swap(low, high);
  }
  if (format.padding && (isPadding(*least) || isPadding(*most))) {
    low = high = m_background;
    for (const std::int64_t value : stored) {
      const double real = realOf(value);
      low = std::min(low, real);
      high = std::max(high, real);
    }
  }
  makeRoomFor(low, high, whole);
  return std::visit(
      [&](auto& voxels) -> Result<void> {
        using T = typename std::remove_reference_t<decltype(voxels)>::value_type;
        auto out = voxels.begin() + static_cast<std::ptrdiff_t>(m_sliceVoxels) * k;
        constexpr double kExactInFloat = 1 << 24;
        for (const std::int64_t value : stored) {
          const double real = realOf(value);
          const T voxel = static_cast<T>(real);
          if (whole && std::abs(real) > kExactInFloat && static_cast<double>(voxel) != real) {
            return refused(fmt::format(
                "It holds the value {:.0f}, which single precision does not hold exactly.", real));
          }
          *out++ = voxel;
        }
        return {};
      },
      m_voxels);
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
