// SPDX-License-Identifier: Apache-2.0
#include "core/io/byte_source.h"
#include "core/io/formats.h"

#include <itkMetaDataObject.h>
#include <itkNrrdImageIO.h>

#include <algorithm>
#include <charconv>
#include <cmath>

// NRRD files through ITK's reader, named here and not looked up in ITK's
// factories. It keeps the columns of a sheared grid.
namespace argand::io {

namespace fs = std::filesystem;

namespace {

Result<RawType> typeOf(const itk::ImageIOBase& io, const std::string& file) {
  const bool longIs64 = sizeof(long) == 8;
  switch (io.GetComponentType()) {
    case itk::IOComponentEnum::CHAR:
      return RawType::Int8;
    case itk::IOComponentEnum::UCHAR:
      return RawType::UInt8;
    case itk::IOComponentEnum::SHORT:
      return RawType::Int16;
    case itk::IOComponentEnum::USHORT:
      return RawType::UInt16;
    case itk::IOComponentEnum::INT:
      return RawType::Int32;
    case itk::IOComponentEnum::UINT:
      return RawType::UInt32;
    case itk::IOComponentEnum::LONG:
      return longIs64 ? RawType::Int64 : RawType::Int32;
    case itk::IOComponentEnum::ULONG:
      return longIs64 ? RawType::UInt64 : RawType::UInt32;
    case itk::IOComponentEnum::LONGLONG:
      return RawType::Int64;
    case itk::IOComponentEnum::ULONGLONG:
      return RawType::UInt64;
    case itk::IOComponentEnum::FLOAT:
      return RawType::Float32;
    case itk::IOComponentEnum::DOUBLE:
      return RawType::Float64;
    default:
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} has a voxel type that is not supported.", file));
  }
}

itk::IOComponentEnum componentOf(RawType type) {
  switch (type) {
    case RawType::UInt8:
      return itk::IOComponentEnum::UCHAR;
    case RawType::UInt16:
      return itk::IOComponentEnum::USHORT;
    case RawType::Float32:
      return itk::IOComponentEnum::FLOAT;
    default:
      return itk::IOComponentEnum::SHORT;
  }
}

std::string textOf(const itk::MetaDataDictionary& dictionary, const std::string& key) {
  std::string text;
  itk::ExposeMetaData<std::string>(dictionary, key, text);
  return text;
}

// 3D Slicer's convention for .seg.nrrd: Segment<n>_Name, _LabelValue, _Color.
LabelTable namesIn(const itk::MetaDataDictionary& dictionary) {
  LabelTable names;
  for (int n = 0; dictionary.HasKey(fmt::format("Segment{}_Name", n)); ++n) {
    const std::string value = textOf(dictionary, fmt::format("Segment{}_LabelValue", n));
    LabelValue label = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), label);
    if (error != std::errc{}) {
      continue;
    }
    LabelTable::Entry entry;
    entry.name = textOf(dictionary, fmt::format("Segment{}_Name", n));
    std::array<float, 3> rgb{};
    const std::string color = textOf(dictionary, fmt::format("Segment{}_Color", n));
    if (std::sscanf(color.c_str(), "%f %f %f", &rgb[0], &rgb[1], &rgb[2]) == 3) {
      const auto byte = [](float part) {
        return static_cast<std::uint8_t>(std::lround(std::clamp(part, 0.0F, 1.0F) * 255.0F));
      };
      entry.color = Color{byte(rgb[0]), byte(rgb[1]), byte(rgb[2])};
    }
    names.set(label, std::move(entry));
  }
  return names;
}

void setNames(itk::MetaDataDictionary& dictionary, const LabelTable& names) {
  int n = 0;
  const auto set = [&](const char* key, const std::string& value) {
    itk::EncapsulateMetaData<std::string>(dictionary, fmt::format("Segment{}_{}", n, key), value);
  };
  for (const auto& [value, entry] : names.entries()) {
    const Color color = names.colorOf(value);
    set("ID", fmt::format("Segment_{}", value));
    set("Name", names.nameOf(value));
    set("LabelValue", std::to_string(value));
    set("Layer", "0");
    set("Color",
        fmt::format(
            "{:.6f} {:.6f} {:.6f}", color.red / 255.0, color.green / 255.0, color.blue / 255.0));
    ++n;
  }
}

Result<Geometry> geometryOf(const itk::ImageIOBase& io, const fs::path& path) {
  const unsigned dimensions = io.GetNumberOfDimensions();
  if (dimensions < 1 || dimensions > 4) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} has {} dimensions; an image volume has 3.", path.string(), dimensions));
  }
  Geometry geometry;
  geometry.size = {1, 1, 1};
  for (unsigned axis = 0; axis < std::min(dimensions, 3U); ++axis) {
    const auto voxels = io.GetDimensions(axis);
    geometry.size[static_cast<int>(axis)] =
        static_cast<std::int64_t>(std::min<std::uint64_t>(voxels, std::uint64_t{1} << 40));
    const std::vector<double> direction = io.GetDirection(axis);
    Vec3 column;
    for (unsigned row = 0; row < std::min<std::size_t>(direction.size(), 3); ++row) {
      column[static_cast<int>(row)] = direction[row] * io.GetSpacing(axis);
    }
    geometry.lpsFromIndex.setColumn(static_cast<int>(axis), column);
    geometry.lpsFromIndex.offset[static_cast<int>(axis)] = io.GetOrigin(axis);
  }
  ARGAND_TRY(checkSize(geometry.size, path));
  ARGAND_TRY(checkAxes(geometry, path));
  return geometry;
}

void addGeometryWarnings(const itk::ImageIOBase& io, const fs::path& path, ImageHeader& header) {
  if (!header.geometry.orthogonal()) {
    header.warnings.push_back(nonOrthogonal(path));
  }
  const std::string space = textOf(io.GetMetaDataDictionary(), "NRRD_space");
  if (space.find("right") == std::string::npos && space.find("left") == std::string::npos) {
    header.warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format("{} does not say where its axes lie in the patient; they are taken as left, "
                     "posterior, superior.",
                     path.filename().string())});
  }
}

// The data may lie in a second file beside the header (.nhdr).
bool dataIsApart(const fs::path& path) {
  return path.extension() == ".nhdr";
}

}  // namespace

Result<RawImage> readNrrd(const fs::path& path, Part part) {
  const std::string doing = fmt::format("reading {}", path.string());
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused, fmt::format("There is no file {}.", path.string()));
  }
  itk::Object::GlobalWarningDisplayOff();
  return guarded(ErrorCode::InputRefused, doing, [&]() -> Result<RawImage> {
    const auto io = itk::NrrdImageIO::New();
    if (!io->CanReadFile(path.c_str())) {
      return fail(ErrorCode::InputRefused, fmt::format("{} is not an NRRD file.", path.string()));
    }
    io->SetFileName(path.string());
    io->ReadImageInformation();
    RawImage image;
    ARGAND_ASSIGN(image.header.geometry, geometryOf(*io, path));
    ARGAND_ASSIGN(image.raw.type, typeOf(*io, path.string()));
    double components = io->GetNumberOfComponents();
    for (unsigned axis = 3; axis < io->GetNumberOfDimensions(); ++axis) {
      components *= static_cast<double>(io->GetDimensions(axis));
    }
    image.header.components = static_cast<std::int64_t>(std::min(components, 1e9));
    image.header.voxelType = toString(image.raw.type);
    addGeometryWarnings(*io, path, image.header);
    image.names = namesIn(io->GetMetaDataDictionary());
    if (part == Part::All) {
      ARGAND_TRY(checkComponents(image.header.components, path));
      const auto bytes = static_cast<double>(image.header.geometry.size.voxels()) *
                         static_cast<double>(bytesOf(image.raw.type));
      if (!dataIsApart(path)) {
        ARGAND_TRY(checkPlausibleSize(path, bytes, true));
      }
      itk::ImageIORegion region(io->GetNumberOfDimensions());
      for (unsigned axis = 0; axis < io->GetNumberOfDimensions(); ++axis) {
        region.SetSize(axis, io->GetDimensions(axis));
      }
      io->SetIORegion(region);
      image.raw.bytes.resize(static_cast<std::size_t>(bytes));
      io->Read(image.raw.bytes.data());
    }
    return image;
  });
}

Result<void> writeNrrd(const fs::path& path, const ImageToWrite& image) {
  const std::string doing = fmt::format("writing {}", path.string());
  return guarded(ErrorCode::OutputFailed, doing, [&] {
    const auto io = itk::NrrdImageIO::New();
    io->SetFileName(path.string());
    io->SetNumberOfDimensions(3);
    itk::ImageIORegion region(3);
    for (unsigned axis = 0; axis < 3; ++axis) {
      const int n = static_cast<int>(axis);
      const Vec3 direction = image.geometry.direction(n);
      io->SetDimensions(axis, static_cast<itk::SizeValueType>(image.geometry.size[n]));
      io->SetSpacing(axis, length(image.geometry.lpsFromIndex.column(n)));
      io->SetOrigin(axis, image.geometry.lpsFromIndex.offset[n]);
      io->SetDirection(axis, std::vector<double>{direction.x, direction.y, direction.z});
      region.SetSize(axis, io->GetDimensions(axis));
    }
    io->SetIORegion(region);
    io->SetPixelType(itk::IOPixelEnum::SCALAR);
    io->SetComponentType(componentOf(image.type));
    io->SetNumberOfComponents(1);
    io->UseCompressionOn();
    setNames(io->GetMetaDataDictionary(), image.names);
    io->WriteImageInformation();
    io->Write(image.bytes.data());
  });
}

}  // namespace argand::io
