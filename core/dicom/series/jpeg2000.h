// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"

#include <cstdint>
#include <span>

class DcmPixelData;

// Internal to core/dicom: JPEG 2000, which DCMTK lacks, through GDCM.
namespace argand::dicom {

// What the codestream's SIZ marker (ISO 15444-1 A.5.1) says of its picture.
struct Jpeg2000Size {
  std::uint32_t columns = 0;
  std::uint32_t rows = 0;
  int components = 0;
  int bits = 0;
  bool isSigned = false;
};

[[nodiscard]] std::optional<Jpeg2000Size> sizeOfJpeg2000(std::span<const std::uint8_t> codestream);

// The words of one picture, of 8 bits where it has no more and else of 16.
struct Jpeg2000Picture {
  std::vector<std::uint8_t> words;
  int bits = 0;  // as the codestream says
};

// The picture of frame `frame`, from 0. Safe on several threads for objects of their own.
[[nodiscard]] Result<Jpeg2000Picture> decodeJpeg2000(DcmDataset& dataset,
                                                     DcmPixelData& pixels,
                                                     const PixelFormat& format,
                                                     std::uint32_t frame);

}  // namespace argand::dicom
