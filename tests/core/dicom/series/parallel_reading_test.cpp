// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/series/reading.h"

#include <gmock/gmock.h>

#include <thread>

// Slices are decoded on all cores; nothing of that shows in the result.
namespace argand::dicom {
namespace {

using test::entryOf;
using test::evenSlices;
using test::SyntheticSlice;
using ::testing::HasSubstr;

// 60 slices whose values need int16, uint16 and float32 in turn.
std::vector<SyntheticSlice> mixedSlices() {
  auto slices = evenSlices(60, 1.5);
  for (std::size_t k = 0; k < slices.size(); ++k) {
    SyntheticSlice& slice = slices[k];
    slice.attributes["0008,0060"] = "MR";
    slice.isSigned = false;
    slice.pixels.assign(12, static_cast<std::uint16_t>(k * 1000));
    slice.attributes["0028,1052"] = "0";
    slice.attributes["0028,1053"] = k % 7 == 3 ? "0.5" : "1";
  }
  return slices;
}

TEST(ParallelReading, GivesTheSameVoxelsEveryTimeWhateverTheOrder) {
  const auto slices = mixedSlices();
  const auto entry = entryOf(slices);
  ASSERT_TRUE(entry) << entry.error().message;
  for (int round = 0; round < 20; ++round) {
    const auto loaded = readSeries(*entry);
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(
        std::holds_alternative<std::shared_ptr<const Volume::Float32>>(loaded->volume.buffer()));
    for (std::size_t k = 0; k < slices.size(); ++k) {
      const double expected = static_cast<double>(k) * 1000.0 * (k % 7 == 3 ? 0.5 : 1.0);
      ASSERT_EQ(loaded->volume.at({2, 3, static_cast<std::int64_t>(k)}), expected);
    }
  }
}

TEST(ParallelReading, NamesTheLowestOfSeveralDamagedSlices) {
  auto slices = evenSlices(40, 1.0);
  for (const std::size_t bad : {7U, 8U, 9U, 30U}) {
    slices[bad].attributes["7fe0,0010"] = "";  // no Pixel Data
    slices[bad].sopInstanceUid = fmt::format("2.25.{}", bad);
  }
  const auto entry = entryOf(slices);
  ASSERT_TRUE(entry) << entry.error().message;
  for (int round = 0; round < 20; ++round) {
    const auto loaded = readSeries(*entry);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr(entry->files[7].filename().string()));
    EXPECT_THAT(loaded.error().message, HasSubstr("no Pixel Data"));
  }
}

TEST(ParallelReading, ReportsOnTheCallingThreadUpToTheEnd) {
  const auto entry = entryOf(evenSlices(30, 1.0));
  ASSERT_TRUE(entry) << entry.error().message;
  const auto caller = std::this_thread::get_id();
  double last = -1.0;
  const auto loaded = readSeries(*entry, {}, [&](const Progress& progress) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_GE(progress.fraction, last);
    last = progress.fraction;
  });
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(last, 1.0);
}

TEST(ParallelReading, GivesOneSliceAsItIsInTheWhole) {
  auto slices = mixedSlices();
  slices.erase(slices.begin() + 20, slices.begin() + 23);  // uneven: slices lie where they lie
  const auto entry = entryOf(slices);
  ASSERT_TRUE(entry) << entry.error().message;
  const auto whole = readSeries(*entry);
  ASSERT_TRUE(whole) << whole.error().message;
  for (const std::int64_t k : {0, 3, 21, 56}) {
    const auto slice = readSlice(*entry, k);
    ASSERT_TRUE(slice) << slice.error().message;
    EXPECT_EQ(slice->volume.geometry().size, (Size3{3, 4, 1}));
    EXPECT_LT(
        length(slice->volume.geometry().sliceToLps(1, 2, 0) - entry->geometry.sliceToLps(1, 2, k)),
        1e-9);
    EXPECT_EQ(slice->volume.at({1, 2, 0}), whole->volume.at({1, 2, k}));
    EXPECT_EQ(slice->volume.source->slices.at(0).sopInstanceUid,
              whole->volume.source->slices.at(static_cast<std::size_t>(k)).sopInstanceUid);
  }
  EXPECT_FALSE(readSlice(*entry, 57));
  EXPECT_FALSE(readSlice(*entry, -1));
}

}  // namespace
}  // namespace argand::dicom
