// SPDX-License-Identifier: Apache-2.0
// Which files are one volume, and what becomes of those that are none.
#include "core/dicom/series/series.h"
#include "tests/core/dicom/series/synthetic_series.h"
#include "tests/support/test_data.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

namespace argand::dicom {
namespace {

namespace fs = std::filesystem;
using test::evenSlices;
using test::SyntheticSlice;
using test::writeSlices;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ScanResult scanned(const fs::path& folder) {
  auto result = scan(folder);
  EXPECT_TRUE(result) << result.error().message;
  return std::move(*result);
}

std::string textOf(const Warnings& warnings, WarningCode code) {
  for (const Warning& warning : warnings) {
    if (warning.code == code) {
      return warning.text;
    }
  }
  return {};
}

std::vector<double> alongK(const SeriesEntry& entry) {
  const auto read = readSeries(entry);
  std::vector<double> values;
  if (!read) {
    ADD_FAILURE() << read.error().message;
    return values;
  }
  for (Index3 at; at.k < entry.geometry.size.k; ++at.k) {
    values.push_back(read->volume.at(at));
  }
  return values;
}

// Ten slices named IM0000 to IM0009.
void writeTen(const fs::path& folder) {
  fs::create_directories(folder);
  auto slices = evenSlices(10, 3.0);
  for (std::size_t k = 0; k < slices.size(); ++k) {
    test::writeSlice(folder / fmt::format("IM{:04}", k), slices[k]);
  }
}

TEST(Identity, KeepsPatientsAndStudiesApartThatShareASeriesUid) {
  for (const auto& [tag, value] :
       std::vector<std::pair<std::string, std::string>>{{"0010,0020", "B"},
                                                        {"0010,0010", "Other^Person"},
                                                        {"0010,0030", "19700101"},
                                                        {"0020,000D", "2.25.8"}}) {
    auto slices = evenSlices(4, 3.0);
    for (SyntheticSlice& slice : slices) {
      slice.attributes["0010,0020"] = "A";
      slice.attributes["0010,0010"] = "Some^Person";
    }
    auto others = slices;
    for (SyntheticSlice& slice : others) {
      slice.attributes[tag] = value;
      slice.pixels.assign(12, 50);
      slices.push_back(slice);
    }
    const fs::path folder = test::testDir();
    writeSlices(folder, slices);
    const ScanResult result = scanned(folder);
    ASSERT_EQ(result.entries.size(), 2U) << tag;
    std::set<std::vector<double>> values;
    for (const SeriesEntry& entry : result.entries) {
      EXPECT_NE(entry.stack, 0) << tag;
      EXPECT_THAT(entry.part, HasSubstr("of 2"));
      values.insert(alongK(entry));
    }
    EXPECT_NE(result.entries[0].stack, result.entries[1].stack);
    EXPECT_EQ(values, (std::set<std::vector<double>>{{0, 1, 2, 3}, {50, 50, 50, 50}})) << tag;
  }
}

TEST(Identity, TakesANameWithAndWithoutEmptyPartsForOnePatient) {
  auto slices = evenSlices(4, 3.0);
  for (std::size_t k = 0; k < slices.size(); ++k) {
    slices[k].attributes["0010,0010"] = k % 2 == 0 ? "DOE^JANE" : "Doe^Jane^^";
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  EXPECT_EQ(scanned(folder).entries.size(), 1U);
}

TEST(Identity, KeepsEightSlicesOfOneInstanceUid) {
  auto slices = evenSlices(8, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.sopInstanceUid = "2.25.99";
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(textOf(result.entries[0].warnings, WarningCode::Duplicate),
              AllOf(HasSubstr("8 slices"), HasSubstr("SOP Instance UID")));
}

TEST(Identity, TakesCopiesByPlaceAndPixelsWhateverTheirUids) {
  auto slices = evenSlices(4, 3.0);
  for (SyntheticSlice slice : evenSlices(4, 3.0)) {
    slice.instanceNumber += 10;
    slices.push_back(slice);
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(textOf(result.entries[0].warnings, WarningCode::Duplicate), HasSubstr("4 files"));
  ASSERT_EQ(result.refused.size(), 1U);
  EXPECT_EQ(result.refused[0].files, 4);
  EXPECT_THAT(result.refused[0].reason, HasSubstr("copy"));
}

TEST(Identity, DropsNoSliceOfATimePointThatLooksLikeAnother) {
  // Both time points begin with a slice of air.
  auto slices = evenSlices(3, 3.0);
  for (SyntheticSlice slice : evenSlices(3, 3.0)) {
    slice.instanceNumber += 3;
    if (slice.pixels[0] != 0) {
      slice.pixels.assign(12, static_cast<std::uint16_t>(slice.pixels[0] + 10));
    }
    slices.push_back(slice);
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  ASSERT_EQ(result.entries.size(), 2U);
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(0, 1, 2));
  EXPECT_THAT(alongK(result.entries[1]), ElementsAre(0, 11, 12));
}

TEST(Identity, RefusesASeriesWhoseSlicesNothingTellsApart) {
  auto slices = evenSlices(8, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.positionMm = {0, 0, 0};
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  EXPECT_THAT(result.entries, IsEmpty());
  ASSERT_EQ(result.refused.size(), 1U);
  EXPECT_EQ(result.refused[0].files, 8);
  EXPECT_THAT(result.refused[0].reason, HasSubstr("8 slices at 1 position"));
}

TEST(Parts, AreOrderedByNumberAndNamed) {
  const std::vector<std::string> echoes{"14.76", "4.92", "9.84"};
  std::vector<SyntheticSlice> slices;
  for (std::size_t echo = 0; echo < echoes.size(); ++echo) {
    for (SyntheticSlice slice : evenSlices(4, 3.0)) {
      slice.attributes["0018,0081"] = echoes[echo];
      slice.pixels.assign(12, static_cast<std::uint16_t>(10 * echo + slice.pixels[0]));
      slices.push_back(slice);
    }
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  ASSERT_EQ(result.entries.size(), 3U);
  const std::vector<std::string> inOrder{
      "echo time 4.92 ms", "echo time 9.84 ms", "echo time 14.76 ms"};
  for (std::size_t n = 0; n < 3; ++n) {
    EXPECT_EQ(result.entries[n].stack, static_cast<int>(n) + 1);
    EXPECT_EQ(result.entries[n].part, inOrder[n]);
    EXPECT_THAT(textOf(result.entries[n].warnings, WarningCode::Split), HasSubstr(inOrder[n]));
  }
  EXPECT_THAT(alongK(result.entries[0]), ElementsAre(10, 11, 12, 13));
}

TEST(Parts, NameTheirPlane) {
  auto slices = evenSlices(3, 3.0);
  for (SyntheticSlice slice : evenSlices(3, 3.0)) {
    slice.rowCosine = {0, 1, 0};
    slice.columnCosine = {0, 0, -1};
    slice.positionMm = {3.0 * slice.instanceNumber, 0, 0};
    slices.push_back(slice);
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  std::set<std::string> parts;
  for (const SeriesEntry& entry : result.entries) {
    parts.insert(entry.part);
  }
  EXPECT_EQ(parts, (std::set<std::string>{"axial", "sagittal"}));
}

TEST(FilesLeftOut, AreNamedWhereTheyAreEmptyOrCutOff) {
  const fs::path folder = test::testDir();
  writeTen(folder);
  fs::resize_file(folder / "IM0008", 500);
  fs::resize_file(folder / "IM0009", 0);
  std::ofstream(folder / "README") << "This disc holds a study.";
  std::ofstream(folder / "viewer.exe") << "MZ";
  const ScanResult result = scanned(folder);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_EQ(result.entries[0].files.size(), 8U);
  std::map<std::string, std::string> reasons;
  for (const Refusal& refusal : result.refused) {
    reasons[refusal.path.filename().string()] = refusal.reason;
  }
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_FALSE(reasons["IM0008"].empty());
  EXPECT_THAT(reasons["IM0009"], HasSubstr("empty"));
  EXPECT_THAT(textOf(result.entries[0].warnings, WarningCode::FilesLeftOut),
              AllOf(HasSubstr("2 files"), HasSubstr("IM0008")));
}

TEST(FilesLeftOut, AreNamedWhereADirectoryListsThem) {
  const fs::path folder = test::testDir();
  writeTen(folder / "IMAGES");
  DcmFileFormat file;
  file.getMetaInfo()->putAndInsertString(DCM_MediaStorageSOPClassUID,
                                         UID_MediaStorageDirectoryStorage);
  auto* records = new DcmSequenceOfItems(DCM_DirectoryRecordSequence);
  file.getDataset()->insert(records);
  for (int k = 0; k < 10; ++k) {
    auto* record = new DcmItem();
    record->putAndInsertString(DCM_DirectoryRecordType, "IMAGE");
    record->putAndInsertString(DCM_ReferencedFileID, fmt::format("IMAGES\\IM{:04}", k).c_str());
    records->append(record);
  }
  file.getMetaInfo()->putAndInsertString(DCM_MediaStorageSOPInstanceUID, "2.25.1");
  ASSERT_TRUE(file.saveFile((folder / "DICOMDIR").c_str(),
                            EXS_LittleEndianExplicit,
                            EET_ExplicitLength,
                            EGL_recalcGL,
                            EPD_noChange,
                            0,
                            0,
                            EWM_dontUpdateMeta)
                  .good());
  fs::remove(folder / "IMAGES" / "IM0008");
  fs::remove(folder / "IMAGES" / "IM0009");
  for (const fs::path& path : {folder, folder / "DICOMDIR"}) {
    const ScanResult result = scanned(path);
    ASSERT_EQ(result.entries.size(), 1U);
    ASSERT_EQ(result.refused.size(), 2U) << path;
    EXPECT_EQ(result.refused[0].path.filename(), "IM0008");
    EXPECT_THAT(result.refused[0].reason, HasSubstr("DICOMDIR"));
    EXPECT_THAT(textOf(result.entries[0].warnings, WarningCode::FilesLeftOut),
                AllOf(HasSubstr("2 files"), HasSubstr("IM0008")));
  }
}

TEST(FilesLeftOut, AreFoundBehindLinks) {
  const fs::path folder = test::testDir();
  writeTen(folder / "disc" / "a");
  fs::create_directories(folder / "study");
  fs::create_directory_symlink(folder / "disc", folder / "study" / "linked");
  fs::create_directory_symlink("..", folder / "disc" / "a" / "cycle");
  const ScanResult result = scanned(folder / "study");
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_EQ(result.entries[0].files.size(), 10U);
}

TEST(Primary, IsNoDoseNoCaptureAndNoLocalizer) {
  auto slices = evenSlices(3, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0008,0016"] = UID_RTDoseStorage;
    slice.attributes["0008,0060"] = "RTDOSE";
  }
  const fs::path folder = test::testDir();
  writeSlices(folder, slices);
  const ScanResult result = scanned(folder);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_FALSE(result.entries[0].primary);
}

TEST(Scan, OrdersPartsNamedByNumbersBeforeThoseNamedByTexts) {
  std::vector<SyntheticSlice> slices;
  for (const char* name : {"10", "5x", "9"}) {
    for (SyntheticSlice slice : evenSlices(3, 3.0)) {
      slice.attributes["0008,103e"] = name;
      slice.pixels.assign(12, static_cast<std::uint16_t>(slice.pixels[0] + name[0]));
      slices.push_back(slice);
    }
  }
  const std::filesystem::path folder = test::testDir();
  test::writeSlices(folder, slices);
  const auto result = scan(folder);
  ASSERT_TRUE(result) << result.error().message;
  std::vector<std::string> parts;
  for (const SeriesEntry& entry : result->entries) {
    parts.push_back(entry.part);
  }
  const std::vector<std::string> inOrder{
      "series description 9", "series description 10", "series description 5x"};
  EXPECT_EQ(parts, inOrder);
}

}  // namespace
}  // namespace argand::dicom
