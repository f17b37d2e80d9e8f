// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/object_writer.h"
#include "core/dicom/seg/seg.h"
#include "core/dicom/slice_planes.h"

#include <span>
#include <string>
#include <vector>

// The dataset of a BINARY segmentation, module by module (PS3.3 A.51). Internal to
// core/dicom. DCMTK's DcmSegmentation is not used: up to 3.6.8 it packs wrong bits
// where rows times columns is no multiple of 8.
namespace argand::dicom {

// The longest Pixel Data of an uncompressed object: its length is an even 32-bit
// number, and 0xFFFFFFFF means undefined (PS3.5 7.1.1).
inline constexpr std::uint64_t kMostPixelBytes = 0xFFFFFFFEU;

// Fails, with the figures, where so many frames of one bit a pixel are too long.
[[nodiscard]] Result<void> checkPixelBytes(std::uint64_t frames,
                                           std::uint64_t rows,
                                           std::uint64_t columns);

class SegDataset : public ObjectWriter {
 public:
  // `source` has every UID; it, `planes` and `geometry` outlive this object.
  SegDataset(const SourceSeries& source, const SlicePlanes& planes, const Geometry& geometry);

  // The modules that do not depend on the frames. `names` are the Segment Labels.
  void setHeader(const SegOptions& options,
                 const std::vector<Structure>& structures,
                 const std::vector<std::string>& names);

  // One frame: the pixels of slice `k` within `box` (of one slice) that belong to
  // segment `number`. Frames are given segment by segment, slices rising.
  [[nodiscard]] Result<void> addFrame(int number,
                                      const Box& box,
                                      std::span<const std::uint8_t> mask);

  // Writes all in Explicit VR Little Endian.
  [[nodiscard]] Result<void> save(const std::filesystem::path& path);

 private:
  struct FrameOf {
    int segment = 0;
    std::int64_t k = 0;
  };

  void setContent(const SegOptions& options);
  void setPixelFormat();
  void setDimensions();
  void addSegment(const Structure& structure,
                  const std::string& name,
                  int number,
                  const SegOptions& options);
  void addAlgorithm(DcmItem& segment, const Structure& structure);
  void putCodeIn(DcmItem& item, const DcmTagKey& sequence, const Code& code);
  void setSharedGroups();
  void setFrameGroups();
  void addFrameGroups(DcmSequenceOfItems& groups, const FrameOf& frame, Uint32 rank);

  const SlicePlanes& m_planes;
  const Geometry& m_geometry;
  std::string m_dimensionsUid;
  std::vector<FrameOf> m_frames;
  std::vector<std::uint8_t> m_bits;
};

}  // namespace argand::dicom
