// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"

#include <vector>

// Which frames are the same picture twice. Internal to core/dicom.
namespace argand::dicom {

// Compares encoded Pixel Data, read when it is asked for and once per file.
class PixelComparer {
 public:
  // True where both files hold the same Pixel Data, byte for byte and in one
  // encoding. Files that cannot be read differ from all others.
  [[nodiscard]] bool same(const Frame& a, const Frame& b);

 private:
  // Length and hash of a file's Pixel Data.
  struct Digest {
    std::uint64_t bytes = 0;
    std::uint64_t hash = 0;
    bool read = false;
  };

  const Digest& digestOf(const std::filesystem::path& file);

  std::map<std::filesystem::path, Digest> m_digests;
};

// Takes frames out of `frames` that are copies: the same instance, place and
// pixels under another file name. Returns the copies. One SOP Instance UID on
// slices that differ in place or pixels makes no copy: `sharedUids` counts those
// slices.
[[nodiscard]] std::vector<Frame> takeCopies(std::vector<Frame>& frames,
                                            PixelComparer& comparer,
                                            std::size_t& sharedUids);

}  // namespace argand::dicom
