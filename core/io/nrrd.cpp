// SPDX-License-Identifier: Apache-2.0
#include "core/io/byte_source.h"
#include "core/io/formats.h"
#include "core/io/header_text.h"
#include "core/io/nrrd_header.h"

#include <algorithm>
#include <bit>
#include <cstring>

// NRRD files. They are read here and not through ITK, which mirrors files of the space
// left-anterior-superior (before 5.4.3), takes all units for millimetres and knows one
// layer of labels.
namespace argand::io {

namespace fs = std::filesystem;

namespace {

// Brings values that lie voxel by voxel, or slab by slab, into one block a layer. `stride`
// is how many values lie between two layers of one voxel.
std::vector<std::byte> byLayer(const std::vector<std::byte>& bytes,
                               std::int64_t layers,
                               std::int64_t stride,
                               std::int64_t width) {
  std::vector<std::byte> sorted(bytes.size());
  const auto values = static_cast<std::int64_t>(bytes.size()) / width;
  const std::int64_t perLayer = values / layers;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    std::byte* to = sorted.data() + layer * perLayer * width;
    for (std::int64_t from = layer * stride; from < values; from += layers * stride) {
      std::memcpy(to, bytes.data() + from * width, static_cast<std::size_t>(stride * width));
      to += stride * width;
    }
  }
  return sorted;
}

std::string_view nameOf(RawType type) {
  switch (type) {
    case RawType::UInt8:
      return "unsigned char";
    case RawType::UInt16:
      return "unsigned short";
    case RawType::Float32:
      return "float";
    default:
      return "short";
  }
}

}  // namespace

Result<RawImage> readNrrd(const fs::path& path, Part part) {
  ARGAND_ASSIGN(const nrrd::Header header, nrrd::read(path));
  RawImage image;
  ARGAND_ASSIGN(const nrrd::Placed placed, nrrd::placed(header, path, image.header.warnings));
  image.header.geometry = placed.geometry;
  image.header.components = placed.components;
  image.header.voxelType = toString(header.type);
  image.raw.type = header.type;
  image.raw.otherByteOrder = header.otherByteOrder;
  if (!image.header.geometry.orthogonal()) {
    image.header.warnings.push_back(nonOrthogonal(path));
  }
  const bool layered = part == Part::Labels && placed.oneComponentAxis && placed.componentsAreList;
  const std::int64_t layers = layered ? placed.components : 1;
  if (part == Part::Header) {
    return image;
  }
  if (part == Part::Labels) {
    image.names = nrrd::segmentNames(header, layers, path, image.header.warnings);
  }
  if (layers == 1) {
    ARGAND_TRY(checkComponents(placed.components, path));
  }
  ARGAND_ASSIGN(image.raw.bytes, readData(header.data, header.type, header.values()));
  if (layers > 1) {
    image.raw.bytes =
        byLayer(image.raw.bytes, layers, placed.componentStride, bytesOf(header.type));
  }
  return image;
}

Result<void> writeNrrd(const fs::path& path, const ImageToWrite& image) {
  const Affine& affine = image.geometry.lpsFromIndex;
  const Size3& size = image.geometry.size;
  std::string directions;
  for (int axis = 0; axis < 3; ++axis) {
    const Vec3 column = affine.column(axis);
    directions += fmt::format("{}({},{},{})", axis > 0 ? " " : "", column.x, column.y, column.z);
  }
  // Labels are mostly background and shrink to little; other images hardly, and take long.
  const bool compressed = image.labels;
  const std::string header = fmt::format(
      "NRRD0005\n# Complete NRRD file format specification at:\n"
      "# http://teem.sourceforge.net/nrrd/format.html\ntype: {}\ndimension: 3\n"
      "space: left-posterior-superior\nsizes: {} {} {}\nspace directions: {}\n"
      "kinds: domain domain domain\nendian: {}\nencoding: {}\nspace origin: ({},{},{})\n{}\n",
      nameOf(image.type),
      size.i,
      size.j,
      size.k,
      directions,
      std::endian::native == std::endian::little ? "little" : "big",
      compressed ? "gzip" : "raw",
      affine.offset.x,
      affine.offset.y,
      affine.offset.z,
      nrrd::segmentLines(image.names, size));
  std::vector<std::byte> packed;
  if (compressed) {
    ARGAND_ASSIGN(packed, gzipped(image.bytes, path));
  }
  const std::array<std::span<const std::byte>, 2> parts{
      std::as_bytes(std::span(header)),
      compressed ? std::span<const std::byte>(packed) : image.bytes};
  return writeBytes(path, false, parts);
}

}  // namespace argand::io
