// SPDX-License-Identifier: Apache-2.0
#include "core/io/byte_source.h"
#include "core/io/formats.h"
#include "core/io/meta_header.h"

#include <array>
#include <bit>

// MetaImage files. They are read here and not through ITK, whose reader takes a
// compressed file that ends early for a whole one.
namespace argand::io {

namespace fs = std::filesystem;

Result<RawImage> readMeta(const fs::path& path, Part part) {
  RawImage image;
  ARGAND_ASSIGN(meta::Header header, meta::read(path, image.header.warnings));
  image.header.geometry = std::move(header.geometry);
  image.header.components = header.components;
  image.header.voxelType = toString(header.type);
  image.header.modality = header.modality;
  image.raw.type = header.type;
  image.raw.otherByteOrder = header.otherByteOrder;
  image.raw.slope = header.slope;
  image.raw.intercept = header.intercept;
  image.names.emplace_back();
  if (part != Part::Header) {
    ARGAND_TRY(checkComponents(image.header.components, path));
    ARGAND_ASSIGN(image.raw.bytes,
                  readData(header.data, header.type, image.header.geometry.size.voxels()));
  }
  return image;
}

Result<void> writeMeta(const fs::path& path, const ImageToWrite& image) {
  const Affine& affine = image.geometry.lpsFromIndex;
  const Vec3 spacing = image.geometry.spacingMm();
  std::string matrix;
  for (int axis = 0; axis < 3; ++axis) {
    const Vec3 direction = image.geometry.direction(axis);
    matrix += fmt::format("{}{} {} {}", axis > 0 ? " " : "", direction.x, direction.y, direction.z);
  }
  const std::string header = fmt::format(
      "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = {}\n"
      "CompressedData = False\nTransformMatrix = {}\nOffset = {} {} {}\nCenterOfRotation = 0 0 0\n"
      "ElementSpacing = {} {} {}\nDimSize = {} {} {}\nElementType = {}\nElementDataFile = LOCAL\n",
      std::endian::native == std::endian::big ? "True" : "False",
      matrix,
      affine.offset.x,
      affine.offset.y,
      affine.offset.z,
      spacing.x,
      spacing.y,
      spacing.z,
      image.geometry.size.i,
      image.geometry.size.j,
      image.geometry.size.k,
      meta::typeName(image.type));
  const std::array<std::span<const std::byte>, 2> parts{std::as_bytes(std::span(header)),
                                                        image.bytes};
  return writeBytes(path, false, parts);
}

}  // namespace argand::io
