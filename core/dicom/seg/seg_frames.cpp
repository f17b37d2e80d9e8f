// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/seg_frames.h"

#include "core/dicom/seg/bit_packing.h"
#include "core/dicom/series/pixels.h"
#include "core/dicom/series/run_length.h"

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcxfer.h>

#include <algorithm>

namespace argand::dicom {

namespace {

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

}  // namespace

SegFrames::SegFrames(const ParsedSeg& seg, DcmPixelData& pixels) : m_seg(seg), m_pixels(pixels) {
  if (seg.type != SegType::LabelMap) {
    return;
  }
  m_labels.assign(std::size_t{1} << 16U, -1);
  for (std::size_t n = 0; n < seg.segments.size(); ++n) {
    m_labels[static_cast<std::size_t>(seg.segments[n].number)] = static_cast<std::int32_t>(n + 1);
  }
  m_labels[static_cast<std::size_t>(seg.background)] = 0;
}

std::size_t SegFrames::pixelsOfFrame() const {
  return static_cast<std::size_t>(m_seg.rows) * static_cast<std::size_t>(m_seg.columns);
}

Result<SegFrames> SegFrames::create(const ParsedSeg& seg) {
  DcmElement* element = nullptr;
  seg.file->getDataset()->findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr) {
    return refused("It has no Pixel Data.");
  }
  SegFrames frames(seg, *pixels);
  const E_TransferSyntax syntax = seg.file->getDataset()->getOriginalXfer();
  if (DcmXfer(syntax).isEncapsulated()) {
    // A compressed frame may be much smaller than its pixels; a limit is all there is.
    constexpr std::size_t kMostPixels = std::size_t{1} << 26U;  // 8192 x 8192
    if (frames.pixelsOfFrame() > kMostPixels) {
      return refused(fmt::format("Its compressed frames of {} x {} pixels are larger than is read.",
                                 seg.columns,
                                 seg.rows));
    }
    if (seg.type == SegType::Binary && syntax != EXS_RLELossless) {
      return refused(fmt::format("Its bits are compressed as {}; RLE Lossless is what is read.",
                                 DcmXfer(syntax).getXferName()));
    }
    return frames;
  }
  Uint8* bytes = nullptr;
  if (pixels->getUint8Array(bytes).bad() || bytes == nullptr) {
    return refused("Its Pixel Data is empty.");
  }
  frames.m_bytes = {bytes, pixels->getLength()};
  ARGAND_TRY(frames.checkLength());
  return frames;
}

Result<void> SegFrames::checkLength() const {
  const std::size_t bitsOfFrame = pixelsOfFrame() * static_cast<std::size_t>(m_seg.bitsAllocated);
  const std::size_t held = m_bytes.size() * 8 / bitsOfFrame;
  if (held < m_seg.frames.size()) {
    return refused(
        fmt::format("Its Pixel Data of {} bytes holds {} of its {} frames of {} x {} pixels.",
                    m_bytes.size(),
                    held,
                    m_seg.frames.size(),
                    m_seg.columns,
                    m_seg.rows));
  }
  return {};
}

Result<void> SegFrames::read(std::size_t n, std::vector<std::uint16_t>& values) const {
  if (m_seg.type != SegType::Binary) {
    return readWords(n, values);
  }
  if (m_bytes.empty()) {
    return readRunLengthBits(n, values);
  }
  values.assign(pixelsOfFrame(), 0);
  unpackBits(m_bytes, n * values.size(), values);
  return {};
}

// Each frame is a fragment. Writers differ in what they encode: the packed bits of the
// frame (PS3.5 8.2.2), or a byte for each pixel.
Result<void> SegFrames::readRunLengthBits(std::size_t n, std::vector<std::uint16_t>& values) const {
  constexpr std::size_t kMostFromOneByte = 64;  // a run of 128 bytes takes two
  DcmPixelSequence* sequence = nullptr;
  DcmPixelItem* item = nullptr;
  Uint8* data = nullptr;
  if (m_pixels.getEncapsulatedRepresentation(EXS_RLELossless, nullptr, sequence).bad() ||
      sequence == nullptr || sequence->getItem(item, static_cast<unsigned long>(n + 1)).bad() ||
      item->getUint8Array(data).bad() || data == nullptr) {
    return refused(fmt::format("Its run-length encoded pixels lack frame {}.", n + 1));
  }
  const std::span<const std::uint8_t> fragment(data, item->getLength());
  const std::size_t count = pixelsOfFrame();
  if (count / 8 > fragment.size() * kMostFromOneByte) {
    return refused(fmt::format("Frame {} is too short for its pixels.", n + 1));
  }
  values.assign(count, 0);
  if (const auto bytes = decodedRunLength(fragment, count, 1)) {
    std::transform(bytes->begin(), bytes->end(), values.begin(), [](std::uint8_t byte) {
      return static_cast<std::uint16_t>(byte != 0);
    });
    return {};
  }
  ARGAND_ASSIGN(const auto bits, decodedRunLength(fragment, (count + 7) / 8, 1));
  unpackBits(bits, 0, values);
  return {};
}

Result<void> SegFrames::readWords(std::size_t n, std::vector<std::uint16_t>& values) const {
  PixelFormat format;
  format.rows = m_seg.rows;
  format.columns = m_seg.columns;
  format.bitsAllocated = m_seg.bitsAllocated;
  format.bitsStored = m_seg.bitsAllocated;
  format.highBit = m_seg.bitsAllocated - 1;
  ARGAND_ASSIGN(const Samples samples,
                decodeFrame(*m_seg.file->getDataset(), format, static_cast<std::uint32_t>(n)));
  const auto* words = std::get_if<std::vector<std::uint16_t>>(&samples);
  if (words == nullptr) {
    return refused(fmt::format("Frame {} has pixels of {} bits.", n + 1, m_seg.bitsAllocated));
  }
  const std::vector<std::uint16_t>& stored = *words;
  values.resize(stored.size());
  if (m_seg.type == SegType::Fractional) {
    std::transform(stored.begin(), stored.end(), values.begin(), [&](std::int64_t value) {
      return static_cast<std::uint16_t>(2 * value >= m_seg.maximumFractionalValue);
    });
    return {};
  }
  std::int64_t unknown = -1;
  std::transform(stored.begin(), stored.end(), values.begin(), [&](std::int64_t value) {
    const std::int32_t label = m_labels[static_cast<std::size_t>(value)];
    unknown = label < 0 ? value : unknown;
    return static_cast<std::uint16_t>(label);
  });
  if (unknown >= 0) {
    return refused(
        fmt::format("Frame {} holds the value {}, which belongs to no segment.", n + 1, unknown));
  }
  return {};
}

}  // namespace argand::dicom
