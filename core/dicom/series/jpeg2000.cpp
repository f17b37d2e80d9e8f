// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/jpeg2000.h"

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <gdcmFragment.h>
#include <gdcmImage.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

#include <algorithm>

namespace argand::dicom {

namespace {

using Bytes = std::vector<std::uint8_t>;

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

constexpr std::array<std::uint8_t, 4> kStart{0xff, 0x4f, 0xff, 0x51};  // SOC, SIZ

bool startsCodestream(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kStart.size() && std::equal(kStart.begin(), kStart.end(), bytes.begin());
}

// The codestream of one frame. Frames are whole fragments, and a fragment that
// starts a frame starts with the codestream's markers (PS3.5 A.4).
Result<Bytes> codestreamOf(DcmDataset& dataset, DcmPixelData& pixels, std::uint32_t frame) {
  DcmPixelSequence* sequence = nullptr;
  const E_TransferSyntax syntax = dataset.getOriginalXfer();
  if (pixels.getEncapsulatedRepresentation(syntax, nullptr, sequence).bad() ||
      sequence == nullptr) {
    return refused("Its compressed Pixel Data cannot be read.");
  }
  const auto fragment = [&](unsigned long n) -> Result<std::span<const std::uint8_t>> {
    DcmPixelItem* item = nullptr;
    Uint8* data = nullptr;
    if (sequence->getItem(item, n).bad() || item->getUint8Array(data).bad() || data == nullptr) {
      return refused("A fragment of its compressed Pixel Data is empty or cannot be read.");
    }
    return std::span<const std::uint8_t>(data, item->getLength());
  };
  const auto announced = numbersOf(dataset, DCM_NumberOfFrames);
  const double frames = announced.empty() ? 1.0 : announced.front();
  const unsigned long fragments = sequence->card();  // item 0 is the offset table
  Bytes codestream;
  if (static_cast<double>(fragments) == frames + 1.0 && frame + 1UL < fragments) {
    ARGAND_ASSIGN(const auto bytes, fragment(frame + 1UL));
    codestream.assign(bytes.begin(), bytes.end());
    return codestream;
  }
  std::int64_t current = -1;
  for (unsigned long n = 1; n < fragments; ++n) {
    ARGAND_ASSIGN(const auto bytes, fragment(n));
    current += startsCodestream(bytes) ? 1 : 0;
    if (current == static_cast<std::int64_t>(frame)) {
      codestream.insert(codestream.end(), bytes.begin(), bytes.end());
    }
  }
  if (codestream.empty()) {
    return refused(fmt::format("Its Pixel Data has no JPEG 2000 picture for frame {}.", frame + 1));
  }
  return codestream;
}

Result<Bytes> decodedByGdcm(const Bytes& codestream,
                            const Jpeg2000Size& size,
                            E_TransferSyntax syntax) {
  // What it would print to standard error is said by our own message.
  static const bool kSilent = [] {
    gdcm::Trace::ErrorOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::DebugOff();
    return true;
  }();
  static_cast<void>(kSilent);
  const auto allocated = static_cast<unsigned short>(size.bits <= 8 ? 8 : 16);
  gdcm::Image image;
  image.SetNumberOfDimensions(2);
  image.SetDimension(0, size.columns);
  image.SetDimension(1, size.rows);
  image.SetPixelFormat(gdcm::PixelFormat(1,
                                         allocated,
                                         static_cast<unsigned short>(size.bits),
                                         static_cast<unsigned short>(size.bits - 1),
                                         size.isSigned ? 1 : 0));
  image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
  image.SetTransferSyntax(syntax == EXS_JPEG2000 ? gdcm::TransferSyntax::JPEG2000
                                                 : gdcm::TransferSyntax::JPEG2000Lossless);
  gdcm::Fragment fragment;
  fragment.SetByteValue(reinterpret_cast<const char*>(codestream.data()),
                        static_cast<std::uint32_t>(codestream.size()));
  auto fragments = gdcm::SequenceOfFragments::New();
  fragments->AddFragment(fragment);
  gdcm::DataElement element(gdcm::Tag(0x7fe0, 0x0010));
  element.SetVR(gdcm::VR::OB);
  element.SetValue(*fragments);
  image.SetDataElement(element);
  Bytes raw(std::size_t{size.columns} * size.rows * (allocated / 8));
  if (image.GetBufferLength() != raw.size() ||
      !image.GetBuffer(reinterpret_cast<char*>(raw.data()))) {
    return refused("Its JPEG 2000 picture is damaged.");
  }
  return raw;
}

}  // namespace

std::optional<Jpeg2000Size> sizeOfJpeg2000(std::span<const std::uint8_t> bytes) {
  // SOC, SIZ, Lsiz, Rsiz, then Xsiz, Ysiz, XOsiz, YOsiz, four of tiles, Csiz, Ssiz.
  if (!startsCodestream(bytes) || bytes.size() < 43) {
    return std::nullopt;
  }
  const auto word = [&](std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
           std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
  };
  Jpeg2000Size size;
  if (word(16) > word(8) || word(20) > word(12)) {
    return std::nullopt;
  }
  size.columns = word(8) - word(16);
  size.rows = word(12) - word(20);
  size.components = bytes[40] << 8 | bytes[41];
  size.bits = (bytes[42] & 0x7f) + 1;
  size.isSigned = (bytes[42] & 0x80) != 0;
  return size;
}

Result<Jpeg2000Picture> decodeJpeg2000(DcmDataset& dataset,
                                       DcmPixelData& pixels,
                                       const PixelFormat& format,
                                       std::uint32_t frame) {
  ARGAND_ASSIGN(const Bytes codestream, codestreamOf(dataset, pixels, frame));
  const auto size = sizeOfJpeg2000(codestream);
  if (!size || size->columns != static_cast<std::uint32_t>(format.columns) ||
      size->rows != static_cast<std::uint32_t>(format.rows) || size->components != 1 ||
      size->bits > 16) {
    return refused("Its JPEG 2000 picture is not of the size or type that its header announces.");
  }
  Jpeg2000Picture picture;
  picture.bits = size->bits;
  ARGAND_ASSIGN(picture.words, guarded(ErrorCode::InputRefused, "decoding JPEG 2000", [&] {
                  return decodedByGdcm(codestream, *size, dataset.getOriginalXfer());
                }));
  return picture;
}

}  // namespace argand::dicom
