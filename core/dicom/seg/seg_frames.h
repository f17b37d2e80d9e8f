// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/seg/seg_parser.h"

#include <cstdint>
#include <span>
#include <vector>

// The Pixel Data of a segmentation, frame by frame. Internal to core/dicom.
namespace argand::dicom {

class SegFrames {
 public:
  // Fails, with the figures, where the Pixel Data is absent, shorter than the frames
  // that it should hold, or in an encoding that is not read: nothing is allocated
  // before. `seg` outlives this object.
  [[nodiscard]] static Result<SegFrames> create(const ParsedSeg& seg);

  // Puts the values of frame `n` (0-based) into `values`, rows one after the other:
  // 1 within the segment and 0 elsewhere; in a label map 1 + the position of the segment
  // in ParsedSeg::segments, and 0 for the background. Fails where the frame cannot be
  // decoded or holds a number that no segment has.
  [[nodiscard]] Result<void> read(std::size_t n, std::vector<std::uint16_t>& values) const;

 private:
  SegFrames(const ParsedSeg& seg, DcmPixelData& pixels);

  [[nodiscard]] Result<void> checkLength() const;
  [[nodiscard]] std::size_t pixelsOfFrame() const;
  [[nodiscard]] Result<void> readRunLengthBits(std::size_t n,
                                               std::vector<std::uint16_t>& values) const;
  [[nodiscard]] Result<void> readWords(std::size_t n, std::vector<std::uint16_t>& values) const;

  const ParsedSeg& m_seg;
  DcmPixelData& m_pixels;
  std::span<const std::uint8_t> m_bytes;  // of uncompressed Pixel Data
  std::vector<std::int32_t> m_labels;     // of a label map: by stored value, -1 for none
};

}  // namespace argand::dicom
