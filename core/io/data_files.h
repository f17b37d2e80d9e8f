// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/byte_source.h"
#include "core/io/raw_voxels.h"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

// Internal to core/io: the voxels that a text header (NRRD, MetaImage) tells of, from
// its own file or from others.
namespace argand::io {

enum class Encoding { Raw, Gzip, Zlib, Bzip2, Text, Hex };

struct DataFiles {
  std::filesystem::path header;              // the file that was asked for
  std::vector<std::filesystem::path> files;  // each holds the same share of the values, in order
  Encoding encoding = Encoding::Raw;
  std::int64_t start = 0;       // the first byte of data in each file, before any skipping
  std::int64_t lineSkip = 0;    // lines to pass over, packed or not
  std::int64_t byteSkip = 0;    // then bytes, of what is unpacked
  bool lastBytes = false;       // Raw only: the data are the last bytes of each file
  std::int64_t packedSize = 0;  // of what is compressed, where the header says; else 0
};

// Returns `values` values of `type`, byte for byte as stored; those of Text in this
// machine's byte order. Fails where a file is absent, too short or damaged.
[[nodiscard]] Result<std::vector<std::byte>> readData(const DataFiles& data,
                                                      RawType type,
                                                      std::int64_t values);

// Returns the path that a header's folder and a name in it make.
[[nodiscard]] std::filesystem::path besideHeader(const std::filesystem::path& header,
                                                 std::string_view name);

}  // namespace argand::io
