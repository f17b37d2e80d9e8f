// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/run_length.h"

#include <algorithm>

namespace argand::dicom {

namespace {

constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kMostSegments = 15;

Failure damaged() {
  return fail(ErrorCode::InputRefused, "Its run-length encoded pixels are damaged.");
}

std::size_t wordAt(std::span<const std::uint8_t> bytes, std::size_t at) {
  return bytes[at] | std::size_t{bytes[at + 1]} << 8 | std::size_t{bytes[at + 2]} << 16 |
         std::size_t{bytes[at + 3]} << 24;
}

// One byte of every word: PackBits (G.3), to `out` at every `stride` bytes.
bool decodeSegment(std::span<const std::uint8_t> in,
                   std::span<std::uint8_t> out,
                   std::size_t stride,
                   std::size_t pixels) {
  std::size_t at = 0;
  std::size_t done = 0;
  while (done < pixels) {
    if (at + 1 >= in.size()) {
      return false;
    }
    const std::uint8_t control = in[at++];
    if (control == 128) {  // no operation
      continue;
    }
    const bool literal = control < 128;
    const std::size_t count = literal ? control + std::size_t{1} : 257 - std::size_t{control};
    if (literal && at + count > in.size()) {
      return false;
    }
    // A writer may round the length of the last run up to an even number of bytes.
    for (std::size_t n = 0; n < std::min(count, pixels - done); ++n) {
      out[(done + n) * stride] = in[literal ? at + n : at];
    }
    done += std::min(count, pixels - done);
    at += literal ? count : 1;
  }
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> decodedRunLength(std::span<const std::uint8_t> fragment,
                                                   std::size_t pixels,
                                                   std::size_t wordBytes) {
  if (fragment.size() < kHeaderBytes) {
    return damaged();
  }
  const std::size_t segments = wordAt(fragment, 0);
  if (segments != wordBytes || segments > kMostSegments) {
    return damaged();
  }
  // A run of 128 bytes takes two.
  constexpr std::size_t kLargestRatio = 64;
  if (pixels == 0 || pixels > kLargestRatio * fragment.size()) {
    return damaged();
  }
  std::vector<std::uint8_t> words(pixels * wordBytes);
  for (std::size_t n = 0; n < segments; ++n) {
    const std::size_t begin = wordAt(fragment, 4 + 4 * n);
    const std::size_t end = n + 1 < segments ? wordAt(fragment, 8 + 4 * n) : fragment.size();
    if (begin < kHeaderBytes || begin > end || end > fragment.size()) {
      return damaged();
    }
    // The first segment holds the most significant bytes.
    const std::span<std::uint8_t> out = std::span(words).subspan(wordBytes - 1 - n);
    if (!decodeSegment(fragment.subspan(begin, end - begin), out, wordBytes, pixels)) {
      return damaged();
    }
  }
  return words;
}

}  // namespace argand::dicom
