// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/copies.h"

#include "core/dicom/series/pixels.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace argand::dicom {

namespace {

// Hash of the values, whatever type holds them.
std::uint64_t hashOf(const Samples& samples) {
  return std::visit(
      [](const auto& values) {
        const std::vector<double> numbers(values.begin(), values.end());
        return static_cast<std::uint64_t>(std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)}));
      },
      samples);
}

bool samePlace(const Frame& a, const Frame& b) {
  constexpr double kMm = 1e-3;
  constexpr double kCosine = 1e-6;
  return length(a.slice.positionMm - b.slice.positionMm) < kMm &&
         length(a.rowCosine - b.rowCosine) < kCosine &&
         length(a.columnCosine - b.columnCosine) < kCosine;
}

}  // namespace

const PixelComparer::Digest& PixelComparer::digestOf(const Frame& frame) {
  const auto [known, fresh] = m_digests.try_emplace(std::pair(frame.file, frame.slice.frame));
  if (fresh) {
    if (const auto object = loadObject(frame.file, LoadPart::All)) {
      const auto number = static_cast<std::uint32_t>(std::max(0, frame.slice.frame - 1));
      if (const auto samples = decodeFrame(*(*object)->getDataset(), frame.pixels, number)) {
        known->second = {hashOf(*samples), true};
      }
    }
  }
  return known->second;
}

bool PixelComparer::same(const Frame& a, const Frame& b) {
  if (a.pixels.rows != b.pixels.rows || a.pixels.columns != b.pixels.columns) {
    return false;
  }
  const Digest& first = digestOf(a);
  const Digest& second = digestOf(b);
  return first.read && second.read && first.hash == second.hash;
}

std::vector<Frame> takeCopies(std::vector<Frame>& frames,
                              PixelComparer& comparer,
                              std::size_t& sharedUids) {
  using Key = std::pair<std::string, int>;
  std::map<Key, std::vector<std::size_t>> kept;  // by instance and frame
  std::vector<Frame> copies;
  std::vector<Frame> rest;
  std::set<std::size_t> shared;
  for (Frame& frame : frames) {
    std::vector<std::size_t> none;
    std::vector<std::size_t>& others =
        frame.slice.sopInstanceUid.empty()
            ? none
            : kept[Key(frame.slice.sopInstanceUid, frame.slice.frame)];
    const bool copy = std::any_of(others.begin(), others.end(), [&](std::size_t n) {
      return samePlace(rest[n], frame) && comparer.same(rest[n], frame);
    });
    if (copy) {
      copies.push_back(std::move(frame));
      continue;
    }
    if (!others.empty()) {
      shared.insert(others.begin(), others.end());
      shared.insert(rest.size());
    }
    others.push_back(rest.size());
    rest.push_back(std::move(frame));
  }
  frames = std::move(rest);
  sharedUids = shared.size();
  return copies;
}

}  // namespace argand::dicom
