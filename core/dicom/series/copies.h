// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/frames.h"

#include <vector>

// Which frames are the same picture twice. Internal to core/dicom.
namespace argand::dicom {

// Compares stored values, decoded when they are asked for and once per frame.
class PixelComparer {
 public:
  // True where both frames hold the same stored values, in whatever encoding (by a
  // hash of 64 bits). Frames that cannot be decoded differ from all others.
  [[nodiscard]] bool same(const Frame& a, const Frame& b);

 private:
  struct Digest {
    std::uint64_t hash = 0;
    bool read = false;
  };

  const Digest& digestOf(const Frame& frame);

  std::map<std::pair<std::filesystem::path, int>, Digest> m_digests;  // by file and frame
};

// Takes frames out of `frames` that are copies: the same instance, place and
// pixels under another file name. Returns the copies. One SOP Instance UID on
// slices that differ in place or pixels makes no copy: `sharedUids` counts those
// slices.
[[nodiscard]] std::vector<Frame> takeCopies(std::vector<Frame>& frames,
                                            PixelComparer& comparer,
                                            std::size_t& sharedUids);

}  // namespace argand::dicom
