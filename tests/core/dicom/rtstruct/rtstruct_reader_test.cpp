// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <random>

namespace argand::dicom {
namespace {

using test::Says;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One ROI, a block of 4 x 3 pixels on slices 1 and 2, whose file the tests alter.
class RtStructReader : public ::testing::Test {
 protected:
  void SetUp() override {
    m_path = test::testDir() / "rt.dcm";
    Segmentation masks(m_geometry);
    Structure structure;
    structure.name = "Block";
    const StructureId id = masks.add(structure);
    masks.assign(id, {{2, 3, 1}, {6, 6, 3}}, std::vector<std::uint8_t>(24, 1));
    ASSERT_TRUE(writeRtStruct(m_path, masks, m_source));
  }

  void alter(const std::function<void(DcmDataset&)>& change,
             E_TransferSyntax syntax = EXS_LittleEndianImplicit) {
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile(m_path.c_str()).good());
    ASSERT_TRUE(file.loadAllDataIntoMemory().good());
    change(*file.getDataset());
    ASSERT_TRUE(file.saveFile(m_path.c_str(), syntax).good());
  }

  static DcmItem& contour(DcmDataset& set, long number = 0) {
    DcmItem* roi = nullptr;
    DcmItem* item = nullptr;
    EXPECT_TRUE(set.findAndGetSequenceItem(DCM_ROIContourSequence, roi).good());
    EXPECT_TRUE(roi->findAndGetSequenceItem(DCM_ContourSequence, item, number).good());
    return *item;
  }

  Result<ReadRtStruct> read(FillRule rule = FillRule::Nested) {
    return readRtStruct(m_path, m_geometry, m_source, rule);
  }

  void expectVoxels(std::int64_t voxels, const ::testing::Matcher<Warnings>& warned) {
    const auto result = read();
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(result->segmentation.structures().size(), 1U);
    EXPECT_EQ(result->segmentation.voxelCount(result->segmentation.structures()[0].id), voxels);
    EXPECT_THAT(result->warnings, warned);
  }

  Geometry m_geometry = test::gridOf({10, 9, 5}, {1.5, 1.25, 3.0}, {-4.0, 11.0, 100.0});
  SourceSeries m_source = test::sourceOf(m_geometry);
  std::filesystem::path m_path;
};

TEST_F(RtStructReader, ReadsWhatWasWritten) {
  expectVoxels(24, IsEmpty());
}

TEST_F(RtStructReader, DoesWithoutContourImages) {
  alter([](DcmDataset& set) {
    EXPECT_TRUE(contour(set).findAndDeleteElement(DCM_ContourImageSequence).good());
  });
  expectVoxels(24, IsEmpty());
}

TEST_F(RtStructReader, SaysThatTheNumberOfPointsIsWrongAndReadsThem) {
  alter([](DcmDataset& set) { contour(set).putAndInsertString(DCM_NumberOfContourPoints, "99"); });
  expectVoxels(24, ElementsAre(Says("1 contour with a wrong Number of Contour Points")));
}

TEST_F(RtStructReader, LeavesOpenAndPointContoursOutWithAWarning) {
  alter([](DcmDataset& set) {
    contour(set).putAndInsertString(DCM_ContourGeometricType, "OPEN_PLANAR");
    contour(set, 1).putAndInsertString(DCM_ContourGeometricType, "POINT");
  });
  expectVoxels(0, ElementsAre(Says("OPEN_PLANAR"), Says("POINT")));
}

TEST_F(RtStructReader, LeavesNonPlanarAndOffPlaneContoursOutWithAWarning) {
  alter([](DcmDataset& set) {
    contour(set).putAndInsertString(DCM_ContourData, "0\\12\\103\\5\\12\\103\\5\\17\\109");
    contour(set).putAndInsertString(DCM_NumberOfContourPoints, "3");
    contour(set, 1).putAndInsertString(DCM_ContourData, "0\\12\\90\\5\\12\\90\\5\\17\\90");
    contour(set, 1).putAndInsertString(DCM_NumberOfContourPoints, "3");
  });
  expectVoxels(
      0,
      ElementsAre(
          Says("parallel"), Says("no image slice"), Says("10.0 mm beyond the first slice")));
}

TEST_F(RtStructReader, LeavesOutCoordinatesThatAreNoNumbers) {
  alter([](DcmDataset& set) {
    contour(set).putAndInsertString(DCM_ContourData, "1\\2\\three\\4\\5\\6\\7\\8\\9");
    contour(set, 1).putAndInsertString(DCM_ContourData, "1\\2\\3\\4");
  });
  expectVoxels(0, ElementsAre(Says("2 contours left out")));
}

TEST_F(RtStructReader, PutsAContourBetweenSlicesOnTheNearerOne) {
  alter([](DcmDataset& set) {  // slices at 100, 103, 106 ...
    contour(set).putAndInsertString(
        DCM_ContourData, "-1.75\\13.5\\104.4\\5\\13.5\\104.4\\5\\18.5\\104.4\\-1.75\\18.5\\104.4");
    contour(set).putAndInsertString(DCM_NumberOfContourPoints, "4");
  });
  const auto result = read();
  ASSERT_TRUE(result);
  const auto id = result->segmentation.structures()[0].id;
  EXPECT_EQ(result->segmentation.boundsOf(id), (Box{{2, 3, 1}, {7, 7, 3}}));
}

TEST_F(RtStructReader, DropsNothingIntoASliceThatIsMissing) {
  Geometry gap = m_geometry;  // the slices at 103 and 106 are gone
  gap.size.k = 3;
  for (const double z : {100.0, 109.0, 112.0}) {
    gap.sliceOrigins.push_back({-4.0, 11.0, z});
  }
  gap.lpsFromIndex.setColumn(2, {0, 0, 6.0});
  SourceSeries source = m_source;
  source.slices.erase(source.slices.begin() + 1, source.slices.begin() + 3);
  const auto result = readRtStruct(m_path, gap, source);
  ASSERT_TRUE(result) << result.error().message;
  const auto& structures = result->segmentation.structures();
  // The contour at 106 is within half of 9 mm of slice 109, but that slice is 3 mm thick.
  EXPECT_EQ(result->segmentation.boundsOf(structures[0].id).end.k, 1);
  EXPECT_THAT(result->warnings,
              ElementsAre(Says("2 images that this series lacks"), Says("no image slice")));
}

TEST_F(RtStructReader, CombinesXorContoursAndTheirCommonMisspelling) {
  for (const char* type : {"CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"}) {
    alter([&](DcmDataset& set) {
      for (long n = 0; n < 2; ++n) {  // the second inside the first, on one slice
        contour(set, n).putAndInsertString(DCM_ContourGeometricType, type);
        contour(set, n).putAndInsertString(DCM_NumberOfContourPoints, "4");
      }
      contour(set).putAndInsertString(DCM_ContourData,
                                      "-4.1\\10.9\\103\\9\\10.9\\103\\9\\20\\103\\-4.1\\20\\103");
      contour(set, 1).putAndInsertString(
          DCM_ContourData, "-1.1\\13.4\\103\\0.1\\13.4\\103\\0.1\\14.9\\103\\-1.1\\14.9\\103");
    });
    for (const FillRule rule : {FillRule::EvenOdd, FillRule::Union}) {
      const auto result = read(rule);
      ASSERT_TRUE(result);
      const auto id = result->segmentation.structures()[0].id;
      EXPECT_EQ(result->segmentation.voxelCount(id), 9 * 8 - 1 * 2);
    }
  }
}

TEST_F(RtStructReader, ReadsLongContourDataStoredAsUnknown) {
  alter(
      [](DcmDataset& set) {
        std::string corner = "-1.75\\13.5\\103";
        std::string data;
        for (int n = 0; n < 6000; ++n) {
          data += corner + "\\";
        }
        data += "5\\13.5\\103\\5\\18.5\\103\\-1.75\\18.5\\103";
        contour(set).putAndInsertString(DCM_ContourData, data.c_str());
        contour(set).putAndInsertString(DCM_NumberOfContourPoints, "6003");
      },
      EXS_LittleEndianExplicit);
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, IsEmpty());
  const auto id = result->segmentation.structures()[0].id;
  EXPECT_EQ(result->segmentation.boundsOf(id), (Box{{2, 3, 1}, {7, 7, 3}}));
}

TEST_F(RtStructReader, RefusesAnotherFrameOfReferenceByName) {
  SourceSeries other = m_source;
  other.frameOfReferenceUid = "2.25.5";
  const auto doubtful = readRtStruct(m_path, m_geometry, other);
  ASSERT_TRUE(doubtful);  // it refers to these very images
  EXPECT_THAT(doubtful->warnings, ElementsAre(Says("another Frame of Reference")));
  for (SourceSlice& slice : other.slices) {
    slice.sopInstanceUid += ".9";
  }
  const auto refused = readRtStruct(m_path, m_geometry, other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("another Frame of Reference"));
}

TEST_F(RtStructReader, FillsOnAnotherSeriesOfTheSameSpaceAndSaysSo) {
  const Geometry fine = test::gridOf({20, 18, 10}, {0.75, 0.625, 1.5}, {-4.375, 10.6875, 99.25});
  SourceSeries other = test::sourceOf(fine);
  for (SourceSlice& slice : other.slices) {
    slice.sopInstanceUid += ".9";
  }
  const auto result = readRtStruct(m_path, fine, other);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings,
              ElementsAre(Says("another series"), Says("1 slice between contours has no contour")));
  EXPECT_GT(result->segmentation.voxelCount(result->segmentation.structures()[0].id), 0);
}

TEST_F(RtStructReader, RefusesWhatIsNoRtStruct) {
  alter([](DcmDataset& set) { set.putAndInsertString(DCM_SOPClassUID, UID_CTImageStorage); });
  const auto wrongClass = read();
  ASSERT_FALSE(wrongClass);
  EXPECT_THAT(wrongClass.error().message, HasSubstr("no RT Structure Set"));
  EXPECT_FALSE(summarizeRtStruct(m_path));
  std::ofstream(m_path) << "a text";
  EXPECT_FALSE(read());
  EXPECT_FALSE(readRtStruct(m_path.parent_path() / "absent.dcm", m_geometry, m_source));
}

TEST_F(RtStructReader, SurvivesDamagedFiles) {
  std::ifstream in(m_path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::mt19937 random(5);
  int readable = 0;
  for (int n = 0; n < 1500; ++n) {
    std::string damaged = whole;
    if (n % 2 == 0) {
      damaged.resize(random() % whole.size());
    } else {
      for (unsigned flips = 1 + random() % 8; flips > 0; --flips) {
        damaged[132 + random() % (whole.size() - 132)] = static_cast<char>(random());
      }
    }
    std::ofstream(m_path, std::ios::binary) << damaged;
    const auto result = read();
    readable += result ? 1 : 0;
    EXPECT_TRUE(result || !result.error().message.empty());
  }
  EXPECT_GT(readable, 0);
}

}  // namespace
}  // namespace argand::dicom
