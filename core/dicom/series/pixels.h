// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/pixel_format.h"
#include "core/volume/volume.h"

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <variant>
#include <vector>

// Internal to core/dicom: Pixel Data to voxels. Both parts may be used on several
// threads, each with a DcmDataset of its own.
namespace argand::dicom {

// The stored values of one frame, rows one after the other, in a type that holds them.
using Samples = std::variant<std::vector<std::int16_t>,
                             std::vector<std::uint16_t>,
                             std::vector<std::int32_t>,
                             std::vector<std::uint32_t>,
                             std::vector<float>,
                             std::vector<double>>;

// The stored values of one frame (0-based), bits above BitsStored removed and the sign
// in place. The message of a failure does not repeat the file's name.
[[nodiscard]] Result<Samples> decodeFrame(DcmDataset& dataset,
                                          const PixelFormat& format,
                                          std::uint32_t frame);

[[nodiscard]] bool lossyCompressed(DcmDataset& dataset);

// Voxels gathered slice by slice, in any order, in the smallest of int16, uint16 and
// float32 that holds all of them; what is there already is widened when a slice needs it.
// Slices may be put by several threads at once.
class VoxelStore {
 public:
  VoxelStore(const Size3& size, double backgroundValue);

  // Stored values of slice `k` to real ones, by the format; padding and what is no
  // finite number become the background. Returns how many were no finite numbers. Fails
  // where float32 cannot hold a value: an integer exactly, a real one at all.
  [[nodiscard]] Result<std::int64_t> put(std::int64_t k,
                                         const Samples& samples,
                                         const PixelFormat& format);

  [[nodiscard]] Volume::Buffer take();

 private:
  template <typename T>
  void widen();
  [[nodiscard]] bool hasRoomFor(double least, double most, bool whole) const;
  void makeRoomFor(double least, double most, bool whole);

  // Puts `realOf(sample)` of each sample, all within `least` and `most`.
  template <typename T, typename RealOf>
  [[nodiscard]] Result<void> write(std::int64_t k,
                                   std::span<const T> samples,
                                   double least,
                                   double most,
                                   bool whole,
                                   const RealOf& realOf);
  template <typename T>
  [[nodiscard]] Result<std::int64_t> putIntegers(std::int64_t k,
                                                 std::span<const T> samples,
                                                 const PixelFormat& format);
  template <typename T>
  [[nodiscard]] Result<std::int64_t> putReals(std::int64_t k,
                                              std::span<const T> samples,
                                              const PixelFormat& format);

  std::size_t m_sliceVoxels;
  double m_background;
  // Held alone where the buffer changes its type, and shared where a slice is written.
  std::shared_mutex m_mutex;
  double m_least = 0.0;
  double m_most = 0.0;
  std::variant<Volume::Int16, Volume::UInt16, Volume::Float32> m_voxels;
};

}  // namespace argand::dicom
