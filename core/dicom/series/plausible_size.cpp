// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/plausible_size.h"

#include "core/base/text.h"

#include <unistd.h>

namespace argand::dicom {

namespace fs = std::filesystem;

Result<void> checkPlausibleSize(const Size3& size, std::span<const fs::path> files) {
  constexpr double kVoxelsPerByte = 4000.0;
  constexpr double kVoxelsPerFile = 1024.0 * 1024.0;
  double room = 0.0;
  for (std::size_t n = 0; n < files.size(); ++n) {
    if (n > 0 && files[n] == files[n - 1]) {
      continue;  // another frame of the same file
    }
    std::error_code error;
    const auto bytes = fs::file_size(files[n], error);
    room += error ? 0.0 : kVoxelsPerFile + kVoxelsPerByte * static_cast<double>(bytes);
  }
  const double voxels =
      static_cast<double>(size.i) * static_cast<double>(size.j) * static_cast<double>(size.k);
  if (voxels > room) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is too short for the image of {} x {} x {} voxels that its header "
                            "announces; it is truncated or its header is wrong.",
                            displayed(files.front()),
                            size.i,
                            size.j,
                            size.k));
  }
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (voxels * sizeof(std::int16_t) > memory) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is one slice of an image of {} x {} x {} voxels; this machine has "
                            "{:.1f} GiB of memory.",
                            displayed(files.front()),
                            size.i,
                            size.j,
                            size.k,
                            memory / 1073741824.0));
  }
  return {};
}

}  // namespace argand::dicom
