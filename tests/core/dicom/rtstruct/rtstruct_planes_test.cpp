// SPDX-License-Identifier: Apache-2.0
// RTSTRUCT files of other programs: on other planes than the slices, doubled
// contours and numbers, outside the image, and in odd texts. Truth is counted point
// by point here, or is a rectangle's area.
#include "core/dicom/rtstruct/rtstruct.h"
#include "tests/core/dicom/rtstruct/foreign_rtstruct.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace argand::dicom {
namespace {

using test::circle;
using test::dataOf;
using test::ForeignContour;
using test::ForeignRoi;
using test::rectangle;
using test::Says;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

MATCHER_P(Is, code, "is of another kind") {
  return arg.code == code;
}

// Pixel (i, j) of slice k lies at (i, j, 3 k) mm.
class RtStructPlanes : public ::testing::Test {
 protected:
  ReadRtStruct read(const std::vector<ForeignRoi>& rois, const std::string& characterSet = {}) {
    const auto path = test::testDir() / "foreign.dcm";
    test::writeForeign(path, m_source, rois, characterSet);
    auto result = readRtStruct(path, m_geometry, m_source);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::move(*result) : ReadRtStruct{Segmentation(m_geometry), {}};
  }

  static std::vector<std::int64_t> voxels(const ReadRtStruct& result) {
    std::vector<std::int64_t> counts;
    for (const Structure& structure : result.segmentation.structures()) {
      counts.push_back(result.segmentation.voxelCount(structure.id));
    }
    return counts;
  }

  Geometry m_geometry = test::gridOf({64, 60, 9}, {1.0, 1.0, 3.0}, {0.0, 0.0, 0.0});
  SourceSeries m_source = test::sourceOf(m_geometry);
};

constexpr double kX = 32.0;
constexpr double kY = 30.0;
constexpr int kCorners = 72;

double coneRadius(double z) {
  return 8.0 + 0.35 * (z - 3.0);
}

// Contours of the cone from z = 3 to z = 18.
std::vector<ForeignContour> cone(double spacingMm) {
  std::vector<ForeignContour> contours;
  for (int n = 0; 3.0 + n * spacingMm < 18.0 + 1e-9; ++n) {
    const double z = 3.0 + n * spacingMm;
    contours.push_back({dataOf(circle(kX, kY, coneRadius(z), z, kCorners))});
  }
  return contours;
}

// Pixel centres within a regular polygon, by the distance to the edge in their sector.
std::int64_t pixelsInPolygon(double radius) {
  std::int64_t count = 0;
  for (int j = 0; j < 60; ++j) {
    for (int i = 0; i < 64; ++i) {
      const double sector = 2.0 * M_PI / kCorners;
      const double angle = std::atan2(j - kY, i - kX) + sector / 2.0 + 4.0 * M_PI;
      const double off = std::fmod(angle, sector) - sector / 2.0;
      const double apothem = radius * std::cos(M_PI / kCorners);
      count += std::hypot(i - kX, j - kY) * std::cos(off) < apothem ? 1 : 0;
    }
  }
  return count;
}

TEST_F(RtStructPlanes, ASliceTakesThePlaneAtItsOwnPositionHoweverDenseThePlanesAre) {
  std::int64_t expected = 0;
  for (const double z : {3.0, 6.0, 9.0, 12.0, 15.0, 18.0}) {
    expected += pixelsInPolygon(coneRadius(z));
  }
  EXPECT_EQ(expected, 2182);
  const ReadRtStruct truth = read({{"1", "Cone", cone(3.0)}});
  EXPECT_THAT(truth.warnings, IsEmpty());
  EXPECT_THAT(voxels(truth), ElementsAre(2182));
  const Box box = m_geometry.box();
  for (const auto& [spacingMm, unused] :
       {std::pair(1.5, 5), std::pair(1.0, 10), std::pair(0.75, 15), std::pair(0.5, 25)}) {
    const ReadRtStruct dense = read({{"1", "Cone", cone(spacingMm)}});
    EXPECT_EQ(dense.segmentation.mask(dense.segmentation.structures()[0].id, box),
              truth.segmentation.mask(truth.segmentation.structures()[0].id, box))
        << spacingMm;
    EXPECT_THAT(dense.warnings,
                ElementsAre(Says(fmt::format(
                    "{} contours on {} planes between the image slices", unused, unused))));
  }
}

TEST_F(RtStructPlanes, ASliceBetweenPlanesTakesTheNearestOnly) {
  // Planes at 0.9 and 5.4: the first is nearest to the slice at 0, the second to that at 6.
  const ReadRtStruct result = read({{"1",
                                     "A",
                                     {{dataOf(rectangle(9.5, 9.5, 19.5, 19.5, 0.9))},
                                      {dataOf(rectangle(9.5, 9.5, 14.5, 14.5, 5.4))},
                                      {dataOf(rectangle(9.5, 9.5, 24.5, 24.5, 4.6))}}}});
  EXPECT_THAT(voxels(result), ElementsAre(100 + 25));
  EXPECT_THAT(result.warnings,
              ElementsAre(Says("1 contour on 1 plane between the image slices"),
                          AllOf(Is(WarningCode::Gap), Says("1 slice between contours has no"))));
}

TEST_F(RtStructPlanes, NamesSlicesThatNobodyDrewOnAndInterpolatesNothing) {
  const ReadRtStruct result = read({{"1", "Cone", cone(6.0)}});
  EXPECT_THAT(voxels(result),
              ElementsAre(pixelsInPolygon(coneRadius(3.0)) + pixelsInPolygon(coneRadius(9.0)) +
                          pixelsInPolygon(coneRadius(15.0))));
  EXPECT_THAT(result.warnings,
              ElementsAre(AllOf(Is(WarningCode::Gap),
                                Says("2 slices between contours have no contour and stay empty "
                                     "(number 3, 5)"))));
  // Two lesions far apart lack nothing.
  const ReadRtStruct apart = read({{"1",
                                    "Lesions",
                                    {{dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0))},
                                     {dataOf(rectangle(40.5, 40.5, 44.5, 44.5, 21.0))}}}});
  EXPECT_THAT(apart.warnings, IsEmpty());
}

TEST_F(RtStructPlanes, FindsHolesWithinAPlaneAndNotAcrossPlanes) {
  const std::vector<ForeignContour> ring{{dataOf(rectangle(9.5, 9.5, 29.5, 29.5, 3.0))},
                                         {dataOf(rectangle(14.5, 14.5, 19.5, 19.5, 3.0))},
                                         {dataOf(rectangle(16.5, 16.5, 17.5, 17.5, 3.02))},
                                         {dataOf(rectangle(9.5, 9.5, 20.5, 20.5, 4.0))}};
  EXPECT_THAT(voxels(read({{"1", "Ring", ring}})), ElementsAre(400 - 25 + 1));
}

TEST_F(RtStructPlanes, AContourThatIsThereTwiceCountsOnce) {
  const auto square = rectangle(9.5, 9.5, 21.5, 21.5, 6.0);
  const std::vector<Vec3> turned{square[2], square[3], square[0], square[1]};
  const std::vector<Vec3> reversed{square[3], square[2], square[1], square[0]};
  std::vector<Vec3> finer = square;  // another point on an edge, the first repeated
  finer.insert(finer.begin() + 1, {12.0, 9.5, 6.0});
  finer.push_back(square[0]);
  std::vector<Vec3> rounded = square;
  for (Vec3& point : rounded) {
    point = point + Vec3{0.01, -0.01, 0.004};
  }
  for (const auto& again : {square, turned, reversed, finer, rounded}) {
    const ReadRtStruct result = read({{"1", "Twice", {{dataOf(square)}, {dataOf(again)}}}});
    EXPECT_THAT(voxels(result), ElementsAre(144));
    EXPECT_THAT(result.warnings, IsEmpty());
  }
}

TEST_F(RtStructPlanes, JoinsContoursThatCrossAndKeepsAHoleInThem) {
  EXPECT_THAT(voxels(read({{"1",
                            "Cross",
                            {{dataOf(rectangle(9.5, 9.5, 19.5, 19.5, 6.0))},
                             {dataOf(rectangle(14.5, 14.5, 24.5, 24.5, 6.0))},
                             {dataOf(rectangle(10.5, 10.5, 12.5, 12.5, 6.0))}}}})),
              ElementsAre(100 + 100 - 25 - 4));
  const std::vector<ForeignContour> exclusive{
      {dataOf(rectangle(9.5, 9.5, 19.5, 19.5, 6.0)), "CLOSED_PLANAR_XOR"},
      {dataOf(rectangle(14.5, 14.5, 24.5, 24.5, 6.0)), "CLOSEDPLANAR_XOR"}};
  EXPECT_THAT(voxels(read({{"1", "Xor", exclusive}})), ElementsAre(200 - 50));
}

TEST_F(RtStructPlanes, DoubledRoiNumbersStayStructuresOfTheirOwn) {
  const auto result = read({{"1", "A", {{dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0))}}},
                            {"3", "B", {{dataOf(rectangle(11.5, 1.5, 15.5, 5.5, 3.0))}}},
                            {"3", "C", {{dataOf(rectangle(1.5, 11.5, 12.5, 22.5, 3.0))}}}});
  EXPECT_THAT(voxels(result), ElementsAre(16, 16, 121));
  EXPECT_THAT(result.warnings,
              ElementsAre(Says("ROI Number 3 stands for 2 structures ('B', 'C')")));
}

TEST_F(RtStructPlanes, NamesContoursOfNoStructureAndStructuresWithoutContours) {
  const auto result = read({{"1", "A", {{dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0))}}},
                            {"2", "Lost", {{dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0))}}, "77"},
                            {"x", "No number", {{dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0))}}}});
  EXPECT_THAT(voxels(result), ElementsAre(16, 0, 0));
  EXPECT_THAT(result.warnings,
              UnorderedElementsAre(Says("'No number' has no readable ROI Number"),
                                   Says("1 contour of ROI Number 77 left out"),
                                   Says("1 contour of ROI Number x left out"),
                                   Says("'Lost' has no contours"),
                                   Says("'No number' has no contours")));
}

TEST_F(RtStructPlanes, SaysHowFarAStructureLiesOutsideTheImage) {
  const auto result = read({{"1", "Left", {{dataOf(rectangle(-10.5, 9.5, 4.5, 14.5, 3.0))}}},
                            {"2", "Away", {{dataOf(rectangle(9.5, 80.5, 14.5, 85.5, 3.0))}}},
                            {"3",
                             "Above",
                             {{dataOf(rectangle(9.5, 9.5, 14.5, 14.5, 24.0))},
                              {dataOf(rectangle(9.5, 9.5, 14.5, 14.5, 27.0))},
                              {dataOf(rectangle(9.5, 9.5, 14.5, 14.5, 36.0))}}},
                            {"4", "Edge", {{dataOf(rectangle(-0.5, -0.5, 63.5, 59.5, 3.0))}}}});
  EXPECT_THAT(voxels(result), ElementsAre(25, 0, 25, 64 * 60));
  EXPECT_THAT(
      result.warnings,
      ElementsAre(
          AllOf(Is(WarningCode::OutsideImage),
                Says("'Left' lies partly outside the image: it reaches 10.0 mm beyond the first "
                     "column (i)")),
          AllOf(Is(WarningCode::OutsideImage),
                Says("'Away' lies wholly outside the image: it reaches 26.0 mm beyond the last "
                     "row (j)")),
          Says("'Above': 2 contours left out because no image slice lies there"),
          AllOf(Is(WarningCode::OutsideImage),
                Says("'Above' lies partly outside the image: it reaches 12.0 mm beyond the last "
                     "slice (k)"))));
}

TEST_F(RtStructPlanes, NamesEachKindOfContourThatEnclosesNothing) {
  const std::string data = dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0));
  const auto result = read({{"1",
                             "Kinds",
                             {{"1\\2\\3", "POINT"},
                              {data, "OPEN_PLANAR"},
                              {data, "OPEN_NONPLANAR"},
                              {data, "SPIRAL"},
                              {"1\\2\\3\\4\\5\\3"},
                              {data}}}});
  EXPECT_THAT(voxels(result), ElementsAre(16));
  EXPECT_THAT(result.warnings,
              ElementsAre(Says("POINT"),
                          Says("OPEN_PLANAR"),
                          Says("OPEN_NONPLANAR"),
                          Says("'SPIRAL'"),
                          Says("fewer than three points")));
}

TEST_F(RtStructPlanes, ReadsDecimalCommasAndRefusesWhatIsNoPlaceInAPatient) {
  const auto result =
      read({{"1", "Comma", {{"1,5\\1,5\\3\\+5,5\\1.5\\3.0\\5.5e0\\ 5.5\\3\\1.5\\5.5\\3"}}},
            {"2",
             "Odd",
             {{"1\\2\\3\\nan\\5\\3\\7\\8\\3"},
              {"1\\2\\3\\inf\\5\\3\\7\\8\\3"},
              {"1\\2\\3\\1e300\\5\\3\\7\\8\\3"},
              {"1\\2\\3\\4mm\\5\\3\\7\\8\\3"},
              {"1\\2\\3\\4\\5"},
              {""}}}});
  EXPECT_THAT(voxels(result), ElementsAre(16, 0));
  EXPECT_THAT(result.warnings,
              ElementsAre(Says("'Odd': 5 contours left out because the coordinates"),
                          Says("'Odd': 1 contour left out because they have fewer than three")));
}

TEST_F(RtStructPlanes, SaysThatContoursHoldNoVoxelCentre) {
  const auto result = read({{"1", "Small", {{dataOf(rectangle(5.1, 5.1, 5.9, 5.9, 3.0))}}}});
  EXPECT_THAT(voxels(result), ElementsAre(0));
  EXPECT_THAT(result.warnings, ElementsAre(Says("'Small': its contours hold no voxel centre")));
}

TEST_F(RtStructPlanes, KeepsNamesThatAreNotInTheDeclaredCharacterSet) {
  const std::vector<ForeignContour> contours{{dataOf(rectangle(1.5, 1.5, 5.5, 5.5, 3.0))}};
  const auto nameOf = [&](const std::string& name, const std::string& characterSet) {
    const auto result = read({{"1", name, contours}}, characterSet);
    return std::pair(result.segmentation.structures().at(0).name, result.warnings);
  };
  const auto expectRepaired = [&](const std::string& name, const std::string& characterSet) {
    const auto [text, warnings] = nameOf(name, characterSet);
    EXPECT_EQ(text,
              "H\xc3\xbc"
              "fte");
    EXPECT_THAT(warnings, ElementsAre(Is(WarningCode::TextRepaired)));
  };
  expectRepaired(
      "H\xfc"
      "fte",
      "");  // Latin-1, nothing declared
  expectRepaired(
      "H\xc3\xbc"
      "fte",
      "");  // UTF-8, nothing declared
  expectRepaired(
      "H\xfc"
      "fte",
      "ISO_IR 192");  // Latin-1, UTF-8 declared
  expectRepaired(
      "H\xfc"
      "fte",
      "ISO_IR 4711");  // an unknown set
  const auto expectKept = [&](const std::string& name, const std::string& set, const char* text) {
    const auto [kept, warnings] = nameOf(name, set);
    EXPECT_EQ(kept, text);
    EXPECT_THAT(warnings, IsEmpty());
  };
  expectKept(
      "H\xfc"
      "fte",
      "ISO_IR 100",
      "H\xc3\xbc"
      "fte");
  expectKept(
      "\xbf\xd5\xe7\xd5\xdd\xec", "ISO_IR 144", "\xd0\x9f\xd0\xb5\xd1\x87\xd0\xb5\xd0\xbd\xd1\x8c");
  // Japanese by escape sequence (PS3.5 H.3): "liver" in JIS X 0208.
  expectKept("\x1b$B4N\x1b(B", "\\ISO 2022 IR 87", "\xe8\x82\x9d");
}

}  // namespace
}  // namespace argand::dicom
