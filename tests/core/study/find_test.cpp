// SPDX-License-Identifier: Apache-2.0
// Which image volume a path means, and what is said of the others.
#include "core/study/study.h"
#include "tests/core/dicom/series/synthetic_series.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <fstream>

namespace argand::study {
namespace {

namespace fs = std::filesystem;
using test::evenSlices;
using test::SyntheticSlice;
using test::writeSlices;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<SyntheticSlice> withAttributes(std::vector<SyntheticSlice> slices,
                                           const std::string& seriesUid,
                                           const std::map<std::string, std::string>& attributes) {
  for (SyntheticSlice& slice : slices) {
    slice.seriesUid = seriesUid;
    slice.attributes = attributes;
  }
  return slices;
}

TEST(FindImage, ChoosesTheAcquisitionBesideADoseACaptureAndAScout) {
  const fs::path folder = test::testDir();
  writeSlices(folder / "ct", evenSlices(4, 3.0));
  writeSlices(
      folder / "dose",
      withAttributes(evenSlices(1, 3.0),
                     "2.25.80",
                     {{"0008,0016", "1.2.840.10008.5.1.4.1.1.481.2"}, {"0008,0060", "RTDOSE"}}));
  writeSlices(
      folder / "capture",
      withAttributes(evenSlices(1, 3.0), "2.25.81", {{"0008,0016", "1.2.840.10008.5.1.4.1.1.7"}}));
  writeSlices(folder / "scout",
              withAttributes(
                  evenSlices(1, 3.0), "2.25.82", {{"0008,0008", "ORIGINAL\\PRIMARY\\LOCALIZER"}}));
  const auto chosen = findImage(folder);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->seriesUid(), "2.25.77");
  EXPECT_EQ(find(folder).value().entries.size(), 4U);
  const auto dose = findImage(folder, "2.25.80");
  ASSERT_TRUE(dose);
  EXPECT_THAT(dose->title(), HasSubstr("not for segmentation"));
  EXPECT_TRUE(findImage(folder / "scout")) << "it is all there is";
}

TEST(FindImage, ChoosesTheVolumeOfASeriesThatHoldsItsScout) {
  const fs::path folder = test::testDir();
  std::vector<SyntheticSlice> slices = evenSlices(4, 3.0);
  SyntheticSlice scout = slices[0];
  scout.instanceNumber = 0;
  scout.attributes["0008,0008"] = "ORIGINAL\\PRIMARY\\LOCALIZER";
  slices.push_back(scout);
  writeSlices(folder, slices);
  for (const char* name : {"", "2.25.77"}) {
    const auto chosen = findImage(folder, name);
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_TRUE(chosen->series->primary);
    EXPECT_EQ(chosen->geometry->size.k, 4);
  }
}

TEST(FindImage, SaysWhatTellsPartsApart) {
  std::vector<SyntheticSlice> slices;
  for (const char* echo : {"9.84", "4.92"}) {
    for (SyntheticSlice slice : evenSlices(3, 3.0)) {
      slice.attributes["0018,0081"] = echo;
      slice.pixels.assign(12, static_cast<std::uint16_t>(slice.pixels[0] + echo[0]));
      slices.push_back(slice);
    }
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const auto undecided = findImage(folder);
  ASSERT_FALSE(undecided);
  EXPECT_THAT(undecided.error().message,
              AllOf(HasSubstr("part 1 (echo time 4.92 ms)"),
                    HasSubstr("part 2 (echo time 9.84 ms)"),
                    HasSubstr("--series 2.25.77#2")));
  EXPECT_EQ(findImage(folder, "2.25.77#2").value().series->part, "echo time 9.84 ms");
}

TEST(FindImage, WarnsOfFilesThatCouldNotBeUsed) {
  const fs::path folder = test::testDir();
  writeSlices(folder / "ct", evenSlices(4, 3.0));
  std::ofstream(folder / "ct" / "099-9.dcm");
  const auto series = findImage(folder);
  ASSERT_TRUE(series);
  ASSERT_EQ(series->warnings.size(), 1U);
  EXPECT_EQ(series->warnings[0].code, WarningCode::FilesLeftOut);
  EXPECT_THAT(series->warnings[0].text, HasSubstr("099-9.dcm"));
  const auto loaded = load(*series);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->warnings, series->warnings);
}

TEST(FindImage, FindsImagesBehindLinksToFolders) {
  const fs::path folder = test::testDir();
  writeSlices(folder / "elsewhere", evenSlices(4, 3.0));
  fs::create_directories(folder / "study");
  fs::create_directory_symlink(folder / "elsewhere", folder / "study" / "linked");
  EXPECT_TRUE(findImage(folder / "study"));
}

}  // namespace
}  // namespace argand::study
