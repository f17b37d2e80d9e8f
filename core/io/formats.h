// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/image_file.h"
#include "core/io/raw_voxels.h"

#include <span>

// Internal to core/io: one file of each format, read and written.
namespace argand::io {

struct RawImage {
  ImageHeader header;
  RawVoxels raw;  // without bytes where only the header was asked for
  // Of label values, where the file carries them: a table for each layer of labels.
  // The voxels of the layers lie one layer after the other.
  std::vector<LabelTable> names;
};

// What is wanted of a file: labels may lie in several layers, an image has one value per
// voxel.
enum class Part { Header, Image, Labels };

[[nodiscard]] Result<RawImage> readNifti(const std::filesystem::path& path, Part part);
[[nodiscard]] Result<RawImage> readNrrd(const std::filesystem::path& path, Part part);
[[nodiscard]] Result<RawImage> readMeta(const std::filesystem::path& path, Part part);

// `bytes` are the voxels, in this machine's byte order, i fastest.
struct ImageToWrite {
  const Geometry& geometry;
  RawType type;
  std::span<const std::byte> bytes;
  bool labels = false;
  const LabelTable& names;
};

[[nodiscard]] Result<void> writeNifti(const std::filesystem::path& path,
                                      const ImageToWrite& image,
                                      bool compressed);
[[nodiscard]] Result<void> writeNrrd(const std::filesystem::path& path, const ImageToWrite& image);
[[nodiscard]] Result<void> writeMeta(const std::filesystem::path& path, const ImageToWrite& image);

// Sizes from 1 to 2^31, and a product that is an image's; else a sentence.
[[nodiscard]] Result<void> checkSize(const Size3& size, const std::filesystem::path& path);

// Axes that are finite, not zero and not in one plane.
[[nodiscard]] Result<void> checkAxes(const Geometry& geometry, const std::filesystem::path& path);

[[nodiscard]] Warning nonOrthogonal(const std::filesystem::path& path);

// "has 24 time points": where there is more than one component per voxel.
[[nodiscard]] Result<void> checkComponents(std::int64_t components,
                                           const std::filesystem::path& path);

}  // namespace argand::io
