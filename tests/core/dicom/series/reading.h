// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/series.h"
#include "tests/core/dicom/series/synthetic_series.h"
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

#include <vector>

// What becomes of synthetic slices when they are written, found and read.
namespace argand::test {

// Fails with the reason of the refusal where the slices are no single volume.
inline Result<dicom::SeriesEntry> entryOf(const std::vector<SyntheticSlice>& slices) {
  const std::filesystem::path dir = testDir();
  writeSlices(dir, slices);
  ARGAND_ASSIGN(const dicom::ScanResult found, dicom::scan(dir));
  if (!found.refused.empty()) {
    return fail(ErrorCode::InputRefused, found.refused.front().reason);
  }
  if (found.entries.size() != 1) {
    return fail(ErrorCode::InputRefused, fmt::format("{} volumes", found.entries.size()));
  }
  return found.entries.front();
}

inline Result<Volume> volumeOf(const std::vector<SyntheticSlice>& slices,
                               const dicom::ReadOptions& options = {}) {
  ARGAND_ASSIGN(const dicom::SeriesEntry entry, entryOf(slices));
  ARGAND_ASSIGN(dicom::LoadedSeries loaded, dicom::readSeries(entry, {}, {}, options));
  return std::move(loaded.volume);
}

// Why the slices are not read; empty where they are.
inline std::string refusalOf(const std::vector<SyntheticSlice>& slices,
                             const dicom::ReadOptions& options = {}) {
  const auto volume = volumeOf(slices, options);
  return volume ? std::string() : volume.error().message;
}

// All warnings of finding and reading the slices.
inline std::string warningsOf(const std::vector<SyntheticSlice>& slices) {
  const auto entry = entryOf(slices);
  EXPECT_TRUE(entry) << entry.error().message;
  const auto loaded = dicom::readSeries(*entry);
  EXPECT_TRUE(loaded) << loaded.error().message;
  return joined(entry->warnings) + joined(loaded->warnings);
}

}  // namespace argand::test
