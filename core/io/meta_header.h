// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/data_files.h"
#include "core/io/image_file.h"

// Internal to core/io: the header of a MetaImage file (.mha, .mhd),
// https://itk.org/Wiki/ITK/MetaIO/Documentation. Its world is LPS, as ITK writes it.
namespace argand::io::meta {

struct Header {
  Geometry geometry;
  std::int64_t components = 1;  // channels, and voxels along axes after the third
  RawType type = RawType::Int16;
  bool otherByteOrder = false;
  double slope = 1.0;  // value = stored * slope + intercept
  double intercept = 0.0;
  Modality modality = Modality::Unknown;
  DataFiles data;
};

// Reads and checks the header of `path`; its voxels need not be there.
[[nodiscard]] Result<Header> read(const std::filesystem::path& path, Warnings& warnings);

// "MET_SHORT" and so on.
[[nodiscard]] std::string_view typeName(RawType type);

}  // namespace argand::io::meta
