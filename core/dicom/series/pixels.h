// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"
#include "core/volume/volume.h"

#include <cstdint>
#include <span>
#include <variant>

// Internal to core/dicom: Pixel Data to voxels.
namespace argand::dicom {

// The stored values of one frame (0-based), rows one after the other, bits
// above BitsStored removed and the sign in place. The message of a failure does
// not repeat the file's name.
[[nodiscard]] Result<void> decodeFrame(DcmDataset& dataset,
                                       const PixelFormat& format,
                                       std::uint32_t frame,
                                       std::vector<std::int64_t>& stored);

[[nodiscard]] bool lossyCompressed(DcmDataset& dataset);

// Voxels gathered slice by slice in the smallest of int16, uint16 and float32
// that holds all of them; what is there already is widened when a slice needs it.
class VoxelStore {
 public:
  VoxelStore(const Size3& size, double backgroundValue);

  // Stored values of slice `k` to real ones by the format's slope and intercept;
  // padding becomes the background. Fails where float32 cannot hold an integer.
  [[nodiscard]] Result<void> put(std::int64_t k,
                                 std::span<const std::int64_t> stored,
                                 const PixelFormat& format);

  [[nodiscard]] Volume::Buffer take();

 private:
  template <typename T>
  void widen();
  void makeRoomFor(double least, double most, bool whole);

  std::size_t m_sliceVoxels;
  double m_background;
  double m_least = 0.0;
  double m_most = 0.0;
  std::variant<Volume::Int16, Volume::UInt16, Volume::Float32> m_voxels;
};

}  // namespace argand::dicom
