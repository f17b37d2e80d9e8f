// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/io/byte_source.h"
#include "core/io/formats.h"
#include "core/io/nifti_header.h"

#include <cmath>
#include <cstring>

// NIfTI-1 and NIfTI-2 files. The header is read here and not through ITK, which
// refuses affines that are not quite orthonormal and silently drops shear.
namespace argand::io {

namespace fs = std::filesystem;

namespace {

constexpr std::int32_t kCommentExtension = 6;  // NIFTI_ECODE_COMMENT: plain text
constexpr std::int64_t kLargestExtension = std::int64_t{1} << 24;

// Label names are a comment extension with JSON as LabelTable writes it.
std::optional<LabelTable> namesIn(std::string_view text, Warnings& warnings) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{') {
    return std::nullopt;
  }
  text = text.substr(start, text.find_last_not_of(std::string_view(" \t\r\n\0", 5)) + 1 - start);
  auto json = parseJson(utf8Text(text), "the label names of the image");
  if (!json) {
    return std::nullopt;  // somebody else's comment
  }
  auto names = LabelTable::fromJson(*json, "the label names of the image");
  if (!names) {
    warnings.push_back(
        {WarningCode::ValueRepaired, "Label names left out: " + names.error().message});
    return std::nullopt;
  }
  return std::move(*names);
}

// Reads from the end of the header to the first voxel, taking what names it finds.
Result<void> readExtensions(ByteSource& source, const nifti::Header& header, RawImage& image) {
  std::int64_t left = header.voxelOffset - header.headerBytes;
  std::array<std::byte, 8> head;
  if (left < 4) {
    return source.skip(left);
  }
  ARGAND_TRY(source.read(std::span(head).first(4)));
  left -= 4;
  const bool extended = head[0] != std::byte{0};
  while (extended && left >= 8) {
    ARGAND_TRY(source.read(head));
    left -= 8;
    const auto bytes = nifti::load<std::int32_t>(head, 0, header.otherByteOrder) - std::int64_t{8};
    const auto code = nifti::load<std::int32_t>(head, 4, header.otherByteOrder);
    if (bytes < 0 || bytes > left || bytes > kLargestExtension) {
      break;  // a broken chain: the rest is skipped
    }
    std::string text(static_cast<std::size_t>(bytes), '\0');
    ARGAND_TRY(source.read(std::as_writable_bytes(std::span(text))));
    left -= bytes;
    if (code == kCommentExtension || code == 0) {
      if (auto names = namesIn(text, image.header.warnings)) {
        image.names.front() = std::move(*names);
      }
    }
  }
  return source.skip(left);
}

std::string extensionOf(const LabelTable& names) {
  if (names.empty()) {
    return {};
  }
  std::string text = dumped(names.toJson());
  text.resize((text.size() + 8 + 15) / 16 * 16 - 8, ' ');  // whole sizes are multiples of 16
  const auto bytes = static_cast<std::int32_t>(text.size() + 8);
  std::string extension(8, '\0');
  std::memcpy(extension.data(), &bytes, 4);
  std::memcpy(extension.data() + 4, &kCommentExtension, 4);
  return extension + text;
}

}  // namespace

Result<RawImage> readNifti(const fs::path& path, Part part) {
  ARGAND_ASSIGN(ByteSource source, ByteSource::open(path));
  std::array<std::byte, nifti::kLargestHeader> bytes{};
  ARGAND_TRY(source.read(std::span(bytes).first(4)));
  ARGAND_ASSIGN(const auto layout, nifti::layoutOf(std::span(bytes).first<4>(), displayed(path)));
  ARGAND_TRY(source.read(
      std::span(bytes).subspan(4, static_cast<std::size_t>(nifti::headerBytes(layout)) - 4)));

  RawImage image;
  image.names.emplace_back();
  ARGAND_ASSIGN(const auto header, nifti::parse(bytes, layout, path, image.header.warnings));
  image.header.geometry.size = header.size;
  image.header.geometry.lpsFromIndex = nifti::lpsFromRas(header.rasFromIndex);
  image.header.components = header.components;
  image.header.voxelType = toString(header.type);
  image.raw.type = header.type;
  image.raw.otherByteOrder = header.otherByteOrder;
  image.raw.slope = header.slope;
  image.raw.intercept = header.intercept;
  if (!image.header.geometry.orthogonal()) {
    image.header.warnings.push_back(nonOrthogonal(path));
  }
  const auto voxelBytes = static_cast<double>(header.size.voxels()) *
                          static_cast<double>(header.components * bytesOf(header.type));
  ARGAND_ASSIGN(const std::int64_t onDisk, fileLength(path));
  ARGAND_TRY(checkPlausibleSize(path,
                                static_cast<double>(onDisk),
                                voxelBytes + static_cast<double>(header.voxelOffset),
                                Packing::Detect));
  ARGAND_TRY(readExtensions(source, header, image));
  if (part != Part::Header) {
    ARGAND_TRY(checkComponents(header.components, path));
    image.raw.bytes.resize(static_cast<std::size_t>(voxelBytes));
    ARGAND_TRY(source.read(image.raw.bytes));
    ARGAND_TRY(source.verifyEnd());
  }
  return image;
}

Result<void> writeNifti(const fs::path& path, const ImageToWrite& image, bool compressed) {
  const std::string extension = extensionOf(image.names);
  ARGAND_ASSIGN(auto header,
                nifti::encoded(image.geometry, image.type, extension.size(), displayed(path)));
  const std::array<std::span<const std::byte>, 3> parts{
      std::as_bytes(std::span(header)), std::as_bytes(std::span(extension)), image.bytes};
  return writeBytes(path, compressed, parts);
}

}  // namespace argand::io
