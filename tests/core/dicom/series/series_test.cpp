// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series.h"

#include "core/base/file.h"
#include "tests/core/dicom/series/synthetic_series.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

namespace argand::dicom {
namespace {

namespace fs = std::filesystem;
using test::evenSlices;
using test::SyntheticSlice;
using test::testDir;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ScanResult scanned(const std::vector<SyntheticSlice>& slices) {
  const fs::path dir = testDir();
  test::writeSlices(dir, slices);
  auto result = scan(dir);
  EXPECT_TRUE(result) << result.error().message;
  return std::move(*result);
}

std::vector<std::string> codes(const SeriesEntry& entry) {
  std::vector<std::string> all;
  for (const Warning& warning : entry.warnings) {
    all.emplace_back(toString(warning.code));
  }
  return all;
}

std::string textOf(const SeriesEntry& entry, WarningCode code) {
  for (const Warning& warning : entry.warnings) {
    if (warning.code == code) {
      return warning.text;
    }
  }
  return {};
}

template <typename T>
std::vector<T> voxelsOf(const Volume& volume) {
  const auto* voxels = std::get_if<std::shared_ptr<const std::vector<T>>>(&volume.buffer());
  return voxels == nullptr ? std::vector<T>{} : **voxels;
}

Result<Volume> volumeOf(const SeriesEntry& entry) {
  ARGAND_ASSIGN(LoadedSeries loaded, readSeries(entry));
  return std::move(loaded.volume);
}

// The first voxel of each slice.
std::vector<double> alongK(const SeriesEntry& entry) {
  const auto volume = volumeOf(entry);
  EXPECT_TRUE(volume) << volume.error().message;
  std::vector<double> values;
  for (std::int64_t k = 0; k < entry.geometry.size.k; ++k) {
    values.push_back(volume->at({0, 0, k}));
  }
  return values;
}

TEST(Series, SortsByPositionAndNotByName) {
  const ScanResult result = scanned(evenSlices(5, 2.5));
  ASSERT_EQ(result.entries.size(), 1U);
  const SeriesEntry& entry = result.entries[0];
  EXPECT_TRUE(entry.warnings.empty());
  EXPECT_EQ(entry.geometry.size, (Size3{3, 4, 5}));
  EXPECT_EQ(entry.geometry.lpsFromIndex.column(0), (Vec3{0.75, 0, 0}));
  EXPECT_EQ(entry.geometry.lpsFromIndex.column(1), (Vec3{0, 1.5, 0}));
  EXPECT_EQ(entry.geometry.lpsFromIndex.column(2), (Vec3{0, 0, 2.5}));
  EXPECT_EQ(entry.geometry.lpsFromIndex.offset, (Vec3{-10, 20, 100}));
  EXPECT_THAT(alongK(entry), ElementsAre(0, 1, 2, 3, 4));
}

TEST(Series, AdvancesAlongTheNormalWhateverTheOrientation) {
  auto slices = evenSlices(4, 2.0);
  for (SyntheticSlice& slice : slices) {
    slice.rowCosine = {0, 1, 0};
    slice.columnCosine = {1, 0, 0};  // the normal points to -z
  }
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_EQ(result.entries[0].geometry.lpsFromIndex.column(2), (Vec3{0, 0, -2}));
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(3, 2, 1, 0));
}

TEST(Series, KeepsGantryTiltAsShearAndNamesIt) {
  auto slices = evenSlices(6, 4.0);
  for (SyntheticSlice& slice : slices) {
    slice.positionMm.y -= (slice.instanceNumber - 1) * 4.0 * std::tan(10.0 * M_PI / 180.0);
  }
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 1U);
  const SeriesEntry& entry = result.entries[0];
  EXPECT_THAT(codes(entry), ElementsAre("tilt"));
  EXPECT_THAT(entry.warnings[0].text, HasSubstr("10.00 degrees"));
  EXPECT_FALSE(entry.geometry.orthogonal());
  EXPECT_TRUE(entry.geometry.evenlySpaced());
  EXPECT_NEAR(entry.geometry.lpsFromIndex.column(2).y, -4.0 * std::tan(10.0 * M_PI / 180.0), 1e-6);
}

TEST(Series, NamesMissingSlicesAndKeepsTheOthersWhereTheyAre) {
  auto slices = evenSlices(8, 3.0);
  slices.erase(slices.begin() + 4, slices.begin() + 6);
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 1U);
  const SeriesEntry& entry = result.entries[0];
  EXPECT_THAT(codes(entry), ElementsAre("gap"));
  EXPECT_THAT(entry.warnings[0].text, HasSubstr("2 missing between 109.0 and 118.0 mm"));
  ASSERT_EQ(entry.geometry.sliceOrigins.size(), 6U);
  EXPECT_EQ(entry.geometry.sliceOrigins[4], (Vec3{-10, 20, 118}));
  EXPECT_THAT(alongK(entry), ElementsAre(0, 1, 2, 3, 6, 7));
}

TEST(Series, KeepsTheTableOfUnevenSlices) {
  auto slices = evenSlices(6, 3.0);
  for (std::size_t k = 3; k < slices.size(); ++k) {
    slices[k].positionMm.z += 1.3;
  }
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_THAT(codes(result.entries[0]), ElementsAre("uneven-spacing"));
  ASSERT_EQ(result.entries[0].geometry.sliceOrigins.size(), 6U);
  EXPECT_EQ(result.entries[0].geometry.sliceOrigins[3], (Vec3{-10, 20, 110.3}));
}

TEST(Series, TakesSlicesWithinATenthOfAMillimetreAsEven) {
  auto slices = evenSlices(9, 2.0);
  for (std::size_t k = 0; k < slices.size(); ++k) {
    slices[k].positionMm.z += k % 2 == 0 ? 0.09 : -0.09;
  }
  const ScanResult even = scanned(slices);
  ASSERT_EQ(even.entries.size(), 1U);
  EXPECT_TRUE(even.entries[0].geometry.evenlySpaced());
  EXPECT_TRUE(even.entries[0].warnings.empty());
  slices[4].positionMm.z += 0.2;
  const ScanResult uneven = scanned(slices);
  ASSERT_EQ(uneven.entries.size(), 1U);
  EXPECT_FALSE(uneven.entries[0].geometry.evenlySpaced());
}

TEST(Series, LeavesOutCopiesAndSaysSo) {
  auto slices = evenSlices(4, 3.0);
  for (std::size_t k = 0; k < slices.size(); ++k) {
    slices[k].sopInstanceUid = "2.25.1000" + std::to_string(k);
  }
  slices.push_back(slices[2]);
  const ScanResult copies = scanned(slices);
  ASSERT_EQ(copies.entries.size(), 1U);
  EXPECT_THAT(codes(copies.entries[0]), ElementsAre("duplicate"));
  EXPECT_EQ(copies.entries[0].files.size(), 4U);
}

TEST(Series, KeepsTheFirstOfTwoSlicesAtOnePosition) {
  auto slices = evenSlices(4, 3.0);
  slices.push_back(slices[2]);
  slices.back().instanceNumber = 9;
  slices.back().pixels.assign(12, 99);
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_THAT(codes(result.entries[0]), ElementsAre("duplicate"));
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(0, 1, 2, 3));
}

TEST(Series, SplitsByOrientationMatrixSpacingAndLocalizer) {
  auto slices = evenSlices(4, 3.0);
  auto sagittal = evenSlices(3, 3.0);
  for (SyntheticSlice& slice : sagittal) {
    slice.rowCosine = {0, 1, 0};
    slice.columnCosine = {0, 0, -1};
    slice.positionMm = {3.0 * slice.instanceNumber, 0, 0};
  }
  auto wide = evenSlices(3, 3.0);
  for (SyntheticSlice& slice : wide) {
    slice.columns = 5;
    slice.pixels.assign(20, 0);
  }
  auto fine = evenSlices(2, 3.0);
  for (SyntheticSlice& slice : fine) {
    slice.rowSpacingMm = 0.5;
  }
  auto scout = evenSlices(1, 3.0);
  scout[0].attributes["0008,0008"] = "ORIGINAL\\PRIMARY\\LOCALIZER";
  for (const auto* more : {&sagittal, &wide, &fine, &scout}) {
    slices.insert(slices.end(), more->begin(), more->end());
  }
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 5U);
  std::multiset<std::int64_t> depths;
  for (const SeriesEntry& entry : result.entries) {
    depths.insert(entry.geometry.size.k);
    EXPECT_THAT(codes(entry), Contains("split"));
    for (const char* word : {"orientation", "matrix", "pixel spacing", "localizer"}) {
      EXPECT_THAT(textOf(entry, WarningCode::Split), HasSubstr(word));
    }
  }
  EXPECT_EQ(depths, (std::multiset<std::int64_t>{1, 2, 3, 3, 4}));
}

TEST(Series, SplitsRepeatedPositionsByWhatTellsThemApart) {
  std::vector<SyntheticSlice> slices;
  for (int echo = 0; echo < 3; ++echo) {
    for (SyntheticSlice slice : evenSlices(4, 3.0)) {
      slice.instanceNumber = slice.instanceNumber * 3 + echo;
      slice.attributes["0018,0081"] = std::to_string(5 * (echo + 1));        // Echo Time
      slice.attributes["0020,0012"] = std::to_string(slice.instanceNumber);  // differs everywhere
      slice.pixels.assign(12, static_cast<std::uint16_t>(10 * echo + slice.pixels[0]));
      slices.push_back(slice);
    }
  }
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 3U);
  std::set<std::vector<double>> values;
  for (const SeriesEntry& entry : result.entries) {
    EXPECT_THAT(textOf(entry, WarningCode::Split), HasSubstr("3 volumes by echo time"));
    values.insert(alongK(entry));
  }
  EXPECT_EQ(values,
            (std::set<std::vector<double>>{{0, 1, 2, 3}, {10, 11, 12, 13}, {20, 21, 22, 23}}));
}

TEST(Series, DoesNotSplitByAcquisitionWhereNoPositionRepeats) {
  auto slices = evenSlices(6, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0020,0012"] = std::to_string(slice.instanceNumber / 4 + 1);
  }
  EXPECT_EQ(scanned(slices).entries.size(), 1U);
}

TEST(Series, SplitsTimePointsWithoutAnyTagByInstanceNumber) {
  auto slices = evenSlices(4, 3.0);
  for (SyntheticSlice slice : evenSlices(4, 3.0)) {
    slice.instanceNumber += 4;
    slice.pixels.assign(12, static_cast<std::uint16_t>(50 + slice.pixels[0]));
    slices.push_back(slice);
  }
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 2U);
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(alongK(result.entries[1]), ElementsAre(50, 51, 52, 53));
}

TEST(Series, RefusesByTheNameOfWhatIsMissing) {
  const std::vector<std::pair<std::string, std::string>> missing{
      {"0020,0032", "ImagePositionPatient (0020,0032)"},
      {"0020,0037", "ImageOrientationPatient (0020,0037)"},
      {"0028,0030", "PixelSpacing (0028,0030)"}};
  for (const auto& [tag, name] : missing) {
    auto slices = evenSlices(3, 3.0);
    for (SyntheticSlice& slice : slices) {
      slice.attributes[tag] = "";
    }
    const ScanResult result = scanned(slices);
    EXPECT_TRUE(result.entries.empty());
    ASSERT_EQ(result.refused.size(), 1U) << name;
    EXPECT_THAT(result.refused[0].reason, HasSubstr(name));
    EXPECT_THAT(result.refused[0].reason, HasSubstr("2 more files"));
  }
}

TEST(Series, RefusesWhatIsNoGreyImage) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"0028,0004", "MONOCHROME1"}, {"0008,0008", "DERIVED\\PRIMARY\\MOSAIC"}, {"0028,0008", "4"}};
  for (const auto& [tag, value] : wrong) {
    auto slices = evenSlices(1, 3.0);
    slices[0].attributes[tag] = value;
    const ScanResult result = scanned(slices);
    EXPECT_TRUE(result.entries.empty()) << value;
    ASSERT_EQ(result.refused.size(), 1U) << value;
    EXPECT_FALSE(result.refused[0].reason.empty());
  }
}

TEST(Series, SaysWhereTheDepthOfASingleSliceComesFrom) {
  auto slices = evenSlices(1, 3.0);
  slices[0].attributes["0018,0050"] = "4.5";
  const ScanResult result = scanned(slices);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_THAT(codes(result.entries[0]), ElementsAre("value-repaired"));
  EXPECT_EQ(result.entries[0].geometry.spacingMm().z, 4.5);
}

TEST(Series, NamesASeriesWithoutFrameOfReference) {
  auto slices = evenSlices(3, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0020,0052"] = "";
  }
  EXPECT_THAT(codes(scanned(slices).entries.at(0)), ElementsAre("no-frame-of-reference"));
}

TEST(Series, RescalesEachSliceByItsOwnSlope) {
  auto slices = evenSlices(3, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0028,1053"] = fmt::format("0.{}5", slice.instanceNumber);
    slice.attributes["0028,1052"] = "-1";
    slice.pixels.assign(12, 100);
  }
  const auto volume = volumeOf(scanned(slices).entries.at(0));
  ASSERT_TRUE(volume) << volume.error().message;
  const auto voxels = voxelsOf<float>(*volume);
  ASSERT_EQ(voxels.size(), 36U);
  EXPECT_EQ(voxels[0], 14.0F);
  EXPECT_EQ(voxels[12], 24.0F);
  EXPECT_EQ(voxels[24], 34.0F);
}

TEST(Series, WidensVoxelsAsLaterSlicesNeedIt) {
  auto slices = evenSlices(2, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.isSigned = false;
  }
  slices[1].pixels.assign(12, 40000);
  const auto positive = volumeOf(scanned(slices).entries.at(0));
  ASSERT_TRUE(positive) << positive.error().message;
  // The background of CT, -1024, has to fit too.
  EXPECT_EQ(voxelsOf<float>(*positive).at(12), 40000.0F);
  slices[0].attributes["0008,0060"] = slices[1].attributes["0008,0060"] = "MR";
  const auto mr = volumeOf(scanned(slices).entries.at(0));
  ASSERT_TRUE(mr) << mr.error().message;
  EXPECT_EQ(voxelsOf<std::uint16_t>(*mr).at(12), 40000);
}

TEST(Series, SetsPaddingToTheBackgroundOfTheModality) {
  auto slices = evenSlices(1, 3.0);
  slices[0].pixels = {static_cast<std::uint16_t>(-2000), 24, 1024};
  slices[0].attributes["0028,1052"] = "-1024";
  slices[0].attributes["0028,1053"] = "1";
  slices[0].attributes["0028,0120"] = "-2000";
  const auto volume = volumeOf(scanned(slices).entries.at(0));
  ASSERT_TRUE(volume) << volume.error().message;
  const auto voxels = voxelsOf<std::int16_t>(*volume);
  ASSERT_EQ(voxels.size(), 12U);
  EXPECT_THAT(std::vector<std::int16_t>(voxels.begin(), voxels.begin() + 3),
              ElementsAre(-1024, -1000, 0));
  EXPECT_EQ(volume->backgroundValue, -1024.0);
}

TEST(Series, TakesOnlyTheStoredBits) {
  auto slices = evenSlices(1, 3.0);
  slices[0].attributes["0008,0060"] = "MR";
  slices[0].attributes["0028,0101"] = "12";
  slices[0].attributes["0028,0102"] = "11";
  slices[0].pixels = {0xf001, 0x0fff, 0x0800, 0x07ff};
  const auto volume = volumeOf(scanned(slices).entries.at(0));
  ASSERT_TRUE(volume) << volume.error().message;
  const auto voxels = voxelsOf<std::int16_t>(*volume);
  EXPECT_THAT(std::vector<std::int16_t>(voxels.begin(), voxels.begin() + 4),
              ElementsAre(1, -1, -2048, 2047));
}

TEST(Series, KeepsWhatAnExportHasToRepeat) {
  auto slices = evenSlices(3, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.sopInstanceUid = "2.25.5" + std::to_string(slice.instanceNumber);
    slice.attributes["0008,0005"] = "ISO_IR 100";
    slice.attributes["0010,0010"] = "Phantom^J\xf6rg";
    slice.attributes["0010,0020"] = "PH-1";
    slice.attributes["0008,0020"] = "20200102";
    slice.attributes["0028,1050"] = "40\\-600";
    slice.attributes["0028,1051"] = "400\\1500";
    slice.attributes["0028,1055"] = "SOFT\\LUNG";
  }
  const ScanResult result = scanned(slices);
  EXPECT_EQ(result.entries.at(0).patientLabel, "Phantom^J\xc3\xb6rg");
  const auto volume = volumeOf(result.entries.at(0));
  ASSERT_TRUE(volume) << volume.error().message;
  ASSERT_TRUE(volume->source);
  const SourceSeries& source = *volume->source;
  EXPECT_EQ(source.studyUid, "2.25.7");
  EXPECT_EQ(source.frameOfReferenceUid, "2.25.777");
  EXPECT_EQ(source.characterSet, "ISO_IR 100");
  ASSERT_EQ(source.slices.size(), 3U);
  EXPECT_EQ(source.slices[2].sopInstanceUid, "2.25.53");
  EXPECT_EQ(source.slices[2].positionMm, (Vec3{-10, 20, 106}));
  EXPECT_EQ(source.slices[2].frame, 0);
  const auto name = std::find_if(source.patientAndStudy.begin(),
                                 source.patientAndStudy.end(),
                                 [](const SourceAttribute& a) { return a.tag == 0x00100010; });
  ASSERT_NE(name, source.patientAndStudy.end());
  EXPECT_EQ(name->value, "Phantom^J\xf6rg");
  EXPECT_EQ(name->vr, "PN");
  ASSERT_EQ(volume->windows.size(), 2U);
  EXPECT_EQ(volume->windows[1].level, -600.0);
  EXPECT_EQ(volume->windows[1].name, "LUNG");
}

TEST(Series, LeavesOtherFilesAloneButNamesTheOneAskedFor) {
  const fs::path dir = testDir();
  test::writeSlices(dir / "deep" / "er", evenSlices(3, 3.0));
  ASSERT_TRUE(writeFileAtomically(dir / "notes.txt", "no image"));
  ASSERT_TRUE(writeFileAtomically(dir / "DICOMDIR", "no directory"));
  const auto folder = scan(dir);
  ASSERT_TRUE(folder) << folder.error().message;
  EXPECT_EQ(folder->entries.size(), 1U);
  ASSERT_EQ(folder->refused.size(), 1U);
  EXPECT_EQ(folder->refused[0].path, dir / "DICOMDIR") << "it lists nothing that can be read";
  const auto file = scan(dir / "notes.txt");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->refused.size(), 1U);
  EXPECT_THAT(file->refused[0].reason, HasSubstr("not a DICOM file"));
  const auto directory = scan(dir / "DICOMDIR");
  ASSERT_TRUE(directory) << directory.error().message;
  EXPECT_EQ(directory->entries.size(), 1U);
  EXPECT_FALSE(scan(dir / "absent"));
}

TEST(Series, StopsWhenAsked) {
  const fs::path dir = testDir();
  test::writeSlices(dir, evenSlices(3, 3.0));
  std::stop_source stop;
  const auto result = scan(dir);
  ASSERT_TRUE(result) << result.error().message;
  stop.request_stop();
  const auto read = readSeries(result->entries.at(0), stop.get_token());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Cancelled);
  const auto again = scan(dir, stop.get_token());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::Cancelled);
}

TEST(Series, RefusesFilesThatChangedSinceTheScan) {
  const fs::path dir = testDir();
  auto slices = evenSlices(3, 3.0);
  test::writeSlices(dir, slices);
  const auto result = scan(dir);
  ASSERT_TRUE(result) << result.error().message;
  for (SyntheticSlice& slice : slices) {
    slice.positionMm.z += 40.0;
  }
  test::writeSlices(dir, slices);
  const auto read = readSeries(result->entries.at(0));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("changed"));
}

}  // namespace
}  // namespace argand::dicom
