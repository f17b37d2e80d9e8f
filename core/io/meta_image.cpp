// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/io/byte_source.h"
#include "core/io/formats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

// MetaImage files (.mha, .mhd). ITK's reader takes a compressed file that ends
// early for a whole one, so the format (a few lines of text, then the voxels) is
// read here. Its world is LPS, as ITK writes it.
namespace argand::io {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestHeader = 1 << 16;

struct TypeName {
  const char* name;
  RawType type;
};

constexpr std::array<TypeName, 12> kTypes{{{"MET_CHAR", RawType::Int8},
                                           {"MET_UCHAR", RawType::UInt8},
                                           {"MET_SHORT", RawType::Int16},
                                           {"MET_USHORT", RawType::UInt16},
                                           {"MET_INT", RawType::Int32},
                                           {"MET_UINT", RawType::UInt32},
                                           {"MET_LONG", RawType::Int32},
                                           {"MET_ULONG", RawType::UInt32},
                                           {"MET_LONG_LONG", RawType::Int64},
                                           {"MET_ULONG_LONG", RawType::UInt64},
                                           {"MET_FLOAT", RawType::Float32},
                                           {"MET_DOUBLE", RawType::Float64}}};

struct MetaHeader {
  std::map<std::string, std::string> fields;
  std::int64_t bytes = 0;  // of the header: where LOCAL data begin

  [[nodiscard]] std::string text(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (const auto found = fields.find(name); found != fields.end()) {
        return found->second;
      }
    }
    return {};
  }

  [[nodiscard]] std::vector<double> numbers(std::initializer_list<const char*> names) const {
    std::istringstream in(text(names));
    in.imbue(std::locale::classic());
    std::vector<double> values;
    for (double value = 0; in >> value;) {
      values.push_back(value);
    }
    return values;
  }

  [[nodiscard]] bool isTrue(std::initializer_list<const char*> names) const {
    const std::string value = text(names);
    return !value.empty() && (value[0] == 'T' || value[0] == 't' || value[0] == '1');
  }
};

Failure refused(const fs::path& path, std::string_view reason) {
  return fail(ErrorCode::InputRefused, fmt::format("{} {}", path.string(), reason));
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string::npos
             ? std::string()
             : text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

Result<MetaHeader> headerOf(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused, fmt::format("There is no file {}.", path.string()));
  }
  std::ifstream in(path, std::ios::binary);
  std::string start(kLongestHeader, '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  MetaHeader header;
  for (std::size_t at = 0; at < start.size();) {
    const std::size_t end = start.find('\n', at);
    const std::string line = start.substr(at, end - at);
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) {
      break;
    }
    const std::string key = trimmed(line.substr(0, equals));
    header.fields[key] = trimmed(line.substr(equals + 1));
    at = end == std::string::npos ? start.size() : end + 1;
    if (key == "ElementDataFile") {  // by definition the last line
      header.bytes = static_cast<std::int64_t>(at);
      return header;
    }
  }
  return refused(path, "is not a MetaImage file, or its header is damaged.");
}

Result<Geometry> geometryOf(const MetaHeader& header,
                            const fs::path& path,
                            std::int64_t& components) {
  const auto dimensions = header.numbers({"NDims"});
  const auto sizes = header.numbers({"DimSize"});
  if (dimensions.size() != 1 || dimensions[0] < 1 || dimensions[0] > 5 ||
      sizes.size() != static_cast<std::size_t>(dimensions[0])) {
    return refused(path, "does not say how many voxels it has (NDims, DimSize).");
  }
  const std::size_t count = sizes.size();
  const auto spacing = header.numbers({"ElementSpacing", "ElementSize"});
  const auto origin = header.numbers({"Offset", "Position", "Origin"});
  const auto matrix = header.numbers({"TransformMatrix", "Rotation", "Orientation"});
  Geometry geometry;
  geometry.size = {1, 1, 1};
  double others = header.numbers({"ElementNumberOfChannels"}).empty()
                      ? 1.0
                      : header.numbers({"ElementNumberOfChannels"})[0];
  for (std::size_t axis = 0; axis < count; ++axis) {
    if (!(sizes[axis] >= 1.0 && sizes[axis] < 1e12)) {
      return refused(path,
                     fmt::format("announces {} voxels along an axis; it is damaged.", sizes[axis]));
    }
    if (axis >= 3) {
      others *= sizes[axis];
      continue;
    }
    const int n = static_cast<int>(axis);
    geometry.size[n] = static_cast<std::int64_t>(sizes[axis]);
    Vec3 direction = geometry.lpsFromIndex.column(n);
    // The matrix lists the direction of axis 0, then of axis 1, ...
    for (std::size_t row = 0;
         matrix.size() == count * count && row < std::min<std::size_t>(count, 3);
         ++row) {
      direction[static_cast<int>(row)] = matrix[axis * count + row];
    }
    const double step = spacing.size() == count ? spacing[axis] : 1.0;
    geometry.lpsFromIndex.setColumn(n, direction * step);
    geometry.lpsFromIndex.offset[n] = origin.size() == count ? origin[axis] : 0.0;
  }
  if (!(others >= 1.0 && others < 1e9)) {
    return refused(path, "announces no values per voxel; it is damaged.");
  }
  components = static_cast<std::int64_t>(others);
  ARGAND_TRY(checkSize(geometry.size, path));
  ARGAND_TRY(checkAxes(geometry, path));
  return geometry;
}

// The voxels: after the header, or in the file that it names beside itself.
Result<void> readVoxels(const MetaHeader& header,
                        const fs::path& path,
                        std::int64_t bytes,
                        RawImage& image) {
  const std::string where = header.text({"ElementDataFile"});
  const bool local = where == "LOCAL" || where == "Local" || where == "local";
  if (!local && (where == "LIST" || where.find('%') != std::string::npos)) {
    return refused(path, "keeps each slice in a file of its own; save it as one file.");
  }
  const fs::path file = local ? path : path.parent_path() / fs::path(where).filename();
  const bool compressed = header.isTrue({"CompressedData"});
  const auto skipped = header.numbers({"HeaderSize"});
  std::int64_t offset = local ? header.bytes : 0;
  if (!local && !skipped.empty() && skipped[0] > 0) {
    offset = static_cast<std::int64_t>(std::min(skipped[0], 1e12));
  }
  ARGAND_TRY(checkPlausibleSize(file, static_cast<double>(bytes), compressed));
  std::error_code error;
  const auto onDisk = static_cast<std::int64_t>(fs::file_size(file, error));
  const std::int64_t stored = compressed ? onDisk - offset : bytes;
  if (error || stored <= 0 || onDisk < offset + stored) {
    return refused(path, "is truncated: voxels are missing at its end.");
  }
  std::ifstream in(file, std::ios::binary);
  in.seekg(offset);
  std::vector<std::byte> data(static_cast<std::size_t>(stored));
  in.read(reinterpret_cast<char*>(data.data()), stored);
  if (!in) {
    return refused(path, "cannot be read to its end.");
  }
  if (compressed) {
    ARGAND_ASSIGN(data, inflated(data, static_cast<std::size_t>(bytes), file));
  }
  image.raw.bytes = std::move(data);
  return {};
}

}  // namespace

Result<RawImage> readMeta(const fs::path& path, Part part) {
  ARGAND_ASSIGN(const MetaHeader header, headerOf(path));
  RawImage image;
  ARGAND_ASSIGN(image.header.geometry, geometryOf(header, path, image.header.components));
  const std::string name = header.text({"ElementType"});
  const auto type = std::find_if(
      kTypes.begin(), kTypes.end(), [&](const TypeName& known) { return known.name == name; });
  if (type == kTypes.end()) {
    return refused(path, fmt::format("has the voxel type '{}', which is not supported.", name));
  }
  image.raw.type = type->type;
  image.raw.otherByteOrder = header.isTrue({"BinaryDataByteOrderMSB", "ElementByteOrderMSB"});
  image.header.voxelType = toString(type->type);
  if (!image.header.geometry.orthogonal()) {
    image.header.warnings.push_back(nonOrthogonal(path));
  }
  if (part == Part::All) {
    ARGAND_TRY(checkComponents(image.header.components, path));
    if (!header.text({"BinaryData"}).empty() && !header.isTrue({"BinaryData"})) {
      return refused(path, "holds its voxels as text; save it as binary.");
    }
    ARGAND_TRY(
        readVoxels(header, path, image.header.geometry.size.voxels() * bytesOf(type->type), image));
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
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& known) {
    return known.type == image.type;
  });
  ARGAND_ASSIGN(const std::vector<std::byte> data, deflated(image.bytes, path));
  const std::string header = fmt::format(
      "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
      "CompressedData = True\nCompressedDataSize = {}\nTransformMatrix = {}\n"
      "Offset = {} {} {}\nCenterOfRotation = 0 0 0\nElementSpacing = {} {} {}\n"
      "DimSize = {} {} {}\nElementType = {}\nElementDataFile = LOCAL\n",
      data.size(),
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
      type->name);
  const std::array<std::span<const std::byte>, 2> parts{std::as_bytes(std::span(header)), data};
  return writeBytes(path, false, parts);
}

}  // namespace argand::io
