// SPDX-License-Identifier: Apache-2.0
#include "core/io/image_file.h"

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/io/formats.h"
#include "core/io/header_text.h"

#include <algorithm>
#include <cmath>

namespace argand::io {

namespace fs = std::filesystem;

namespace {

std::string lowerCaseName(const fs::path& path) {
  return lowered(path.filename().native());
}

Result<Format> formatToUse(const fs::path& path, ErrorCode code) {
  const auto format = formatOf(path);
  if (!format) {
    return fail(
        code,
        fmt::format("{} has none of the endings .nii, .nii.gz, .nrrd, .nhdr, .mha and .mhd.",
                    displayed(path)));
  }
  return *format;
}

Result<RawImage> readRaw(const fs::path& path, Part part) {
  ARGAND_ASSIGN(const Format format, formatToUse(path, ErrorCode::InputRefused));
  return guarded(ErrorCode::InputRefused, fmt::format("reading {}", displayed(path)), [&] {
    switch (format) {
      case Format::Nifti:
        return readNifti(path, part);
      case Format::Nrrd:
        return readNrrd(path, part);
      case Format::Meta:
        break;
    }
    return readMeta(path, part);
  });
}

template <typename T>
constexpr RawType rawTypeOf() {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return RawType::UInt8;
  } else if constexpr (std::is_same_v<T, std::uint16_t>) {
    return RawType::UInt16;
  } else if constexpr (std::is_same_v<T, std::int16_t>) {
    return RawType::Int16;
  } else {
    static_assert(std::is_same_v<T, float>);
    return RawType::Float32;
  }
}

template <typename T>
Result<void> writeVoxels(const fs::path& path,
                         const Geometry& geometry,
                         std::span<const T> voxels,
                         bool labels,
                         const LabelTable& names) {
  ARGAND_ASSIGN(const Format format, formatToUse(path, ErrorCode::Usage));
  const std::string name = lowerCaseName(path);
  if (name.ends_with(".nhdr") || name.ends_with(".mhd")) {
    return fail(
        ErrorCode::Usage,
        fmt::format("{}: images are written into one file; use .nrrd or .mha.", displayed(path)));
  }
  if (!geometry.evenlySpaced()) {
    log::warning("{} is written on a regular grid; the source's slices are not evenly spaced.",
                 displayed(path.filename()));
  }
  const ImageToWrite image{geometry, rawTypeOf<T>(), std::as_bytes(voxels), labels, names};
  PendingFile pending(path);
  switch (format) {
    case Format::Nifti:
      ARGAND_TRY(pending.named(writeNifti(pending.temporary(), image, name.ends_with(".gz"))));
      break;
    case Format::Nrrd:
      ARGAND_TRY(pending.named(writeNrrd(pending.temporary(), image)));
      break;
    case Format::Meta:
      ARGAND_TRY(pending.named(writeMeta(pending.temporary(), image)));
      break;
  }
  return pending.commit();
}

}  // namespace

std::optional<Format> formatOf(const fs::path& path) {
  const std::string name = lowerCaseName(path);
  if (name.ends_with(".nii") || name.ends_with(".nii.gz")) {
    return Format::Nifti;
  }
  if (name.ends_with(".nrrd") || name.ends_with(".nhdr")) {
    return Format::Nrrd;
  }
  if (name.ends_with(".mha") || name.ends_with(".mhd")) {
    return Format::Meta;
  }
  return std::nullopt;
}

Result<void> checkSize(const Size3& size, const fs::path& path) {
  constexpr std::int64_t kLargestSide = std::int64_t{1} << 31;
  constexpr double kMostVoxels = 1e12;
  double voxels = 1.0;
  for (int axis = 0; axis < 3; ++axis) {
    voxels *= static_cast<double>(size[axis]);
    if (size[axis] < 1 || size[axis] > kLargestSide || voxels > kMostVoxels) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} announces a size of {} x {} x {} voxels; it is damaged.",
                              displayed(path),
                              size.i,
                              size.j,
                              size.k));
    }
  }
  return {};
}

Result<void> checkAxes(const Geometry& geometry, const fs::path& path) {
  double scale =
      length(geometry.lpsFromIndex.offset) * 0.0 + 1.0;  // not finite if the offset is not
  for (int axis = 0; axis < 3; ++axis) {
    scale *= length(geometry.lpsFromIndex.column(axis));
  }
  const double volume = std::abs(geometry.lpsFromIndex.determinant());
  if (!(std::isfinite(scale) && scale > 0.0 && volume > 1e-6 * scale)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} has no usable position: its directions or spacings are zero, not "
                            "finite or in one plane.",
                            displayed(path)));
  }
  return {};
}

Warning nonOrthogonal(const fs::path& path) {
  return {WarningCode::NonOrthogonal,
          fmt::format("The axes of {} are not at right angles; the shear is kept.",
                      displayed(path.filename()))};
}

Result<void> checkComponents(std::int64_t components, const fs::path& path) {
  if (components != 1) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} has {} time points (or values per voxel); choose one, save it as an "
                    "image of its own and open that.",
                    displayed(path),
                    components));
  }
  return {};
}

Result<ImageHeader> readImageHeader(const fs::path& path) {
  ARGAND_ASSIGN(RawImage raw, readRaw(path, Part::Header));
  return std::move(raw.header);
}

Result<ImageFile> readImage(const fs::path& path) {
  ARGAND_ASSIGN(RawImage raw, readRaw(path, Part::Image));
  const Modality modality = raw.header.modality;
  const double background = modality == Modality::Ct ? -1024.0 : 0.0;
  Warnings warnings = std::move(raw.header.warnings);
  return guarded(ErrorCode::InputRefused,
                 fmt::format("reading {}", displayed(path)),
                 [&]() -> Result<ImageFile> {
                   ARGAND_ASSIGN(Volume::Buffer buffer,
                                 bufferFrom(raw.raw, background, displayed(path), warnings));
                   ARGAND_ASSIGN(Volume volume,
                                 Volume::create(std::move(raw.header.geometry), std::move(buffer)));
                   volume.description = displayed(path.filename());
                   volume.modality = modality;
                   volume.backgroundValue = background;
                   return ImageFile{std::move(volume), std::move(warnings)};
                 });
}

Result<LabelFile> readLabels(const fs::path& path) {
  ARGAND_ASSIGN(LayeredLabels file, readLabelLayers(path));
  if (file.layers.size() > 1) {
    std::string names;
    for (const LayeredLabels::Layer& layer : file.layers) {
      for (const auto& [value, entry] : layer.names.entries()) {
        names += (names.empty() ? " (" : ", ") + entry.name;
      }
    }
    names += names.empty() ? "" : ")";
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} has {} layers of structures that may overlap{}, and one label map is "
                    "needed; save one layer as a file of its own and give that.",
                    displayed(path),
                    file.layers.size(),
                    names));
  }
  return LabelFile{std::move(file.layers.front().labels),
                   std::move(file.layers.front().names),
                   std::move(file.warnings)};
}

Result<LayeredLabels> readLabelLayers(const fs::path& path) {
  ARGAND_ASSIGN(RawImage raw, readRaw(path, Part::Labels));
  const Geometry& geometry = raw.header.geometry;
  ARGAND_TRY(geometry.check());
  const auto read = [&] { return labelsFrom(raw.raw, geometry.size, displayed(path)); };
  ARGAND_ASSIGN(std::vector<LabelValue> voxels,
                guarded(ErrorCode::InputRefused, fmt::format("reading {}", displayed(path)), read));
  LayeredLabels file;
  file.warnings = std::move(raw.header.warnings);
  const auto each = static_cast<std::ptrdiff_t>(geometry.size.voxels());
  for (std::size_t n = 0; n < raw.names.size(); ++n) {
    std::vector<LabelValue> own;
    if (raw.names.size() == 1) {
      own = std::move(voxels);
    } else {
      const auto begin = voxels.begin() + static_cast<std::ptrdiff_t>(n) * each;
      own.assign(begin, begin + each);
    }
    file.layers.push_back({{geometry, std::move(own)}, std::move(raw.names[n])});
  }
  return file;
}

Result<void> writeImage(const fs::path& path, const Volume& volume) {
  return volume.visit([&](auto voxels) {
    return writeVoxels(path, volume.geometry(), voxels, false, LabelTable{});
  });
}

Result<void> writeLabels(const fs::path& path, const LabelMap& labels, const LabelTable& names) {
  const auto& voxels = labels.voxels;
  const bool fitsByte =
      std::all_of(voxels.begin(), voxels.end(), [](LabelValue value) { return value <= 255; });
  if (!fitsByte) {
    return writeVoxels(path, labels.geometry, std::span<const LabelValue>(voxels), true, names);
  }
  // Bytes, which every reader of masks takes.
  const std::vector<std::uint8_t> bytes(voxels.begin(), voxels.end());
  return writeVoxels(path, labels.geometry, std::span<const std::uint8_t>(bytes), true, names);
}

}  // namespace argand::io
