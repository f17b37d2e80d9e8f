// SPDX-License-Identifier: Apache-2.0
#include "core/study/study.h"
#include "core/volume/phantom.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace argand::study {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Two layers on a grid of 2 x 2 x 1 voxels: "body" everywhere, "liver" in the last voxel.
fs::path overlappingFile(const fs::path& folder) {
  fs::path path = folder / "a.seg.nrrd";
  std::ofstream out(path, std::ios::binary);
  out << "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\n"
         "sizes: 2 2 2 1\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n"
         "kinds: list domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n"
         "Segment0_Color:=1 0 0\nSegment0_LabelValue:=1\nSegment0_Layer:=0\nSegment0_Name:=body\n"
         "Segment1_Color:=0 0 "
         "1\nSegment1_LabelValue:=1\nSegment1_Layer:=1\nSegment1_Name:=liver\n\n";
  out.write("\1\0\1\0\1\0\1\1", 8);
  return path;
}

Volume imageOn(const std::string& codes) {
  Geometry geometry;
  geometry.size = {2, 2, 1};
  const auto order = orderTo(geometry, codes);
  return Volume::create(reordered(geometry, *order), std::vector<std::int16_t>(4)).value();
}

TEST(Labels, OfSeveralLayersAreStructuresThatOverlap) {
  const fs::path path = overlappingFile(test::testDir());
  for (const std::string codes : {"LPS", "RAS", "PLS"}) {
    const auto loaded = loadSegmentation(path, imageOn(codes));
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_TRUE(loaded->warnings.empty()) << codes;
    const Segmentation& segmentation = loaded->segmentation;
    ASSERT_EQ(segmentation.structures().size(), 2U);
    const Structure* body = segmentation.findByName("body");
    const Structure* liver = segmentation.findByName("liver");
    ASSERT_TRUE(body != nullptr && liver != nullptr);
    EXPECT_EQ(segmentation.voxelCount(body->id), 4);
    EXPECT_EQ(segmentation.voxelCount(liver->id), 1);
    EXPECT_EQ(body->color, (Color{255, 0, 0}));
    EXPECT_EQ(liver->color, (Color{0, 0, 255}));
    EXPECT_EQ(liver->origin, Origin::Unknown);
    EXPECT_EQ(segmentation.centroidMm(liver->id), (Vec3{1, 1, 0})) << codes;
    EXPECT_EQ(segmentation.centroidMm(body->id), (Vec3{0.5, 0.5, 0})) << codes;
  }
}

TEST(Labels, OfSeveralLayersAreNoLabelMap) {
  const fs::path path = overlappingFile(test::testDir());
  const auto map = loadLabelMap(path, imageOn("LPS").geometry());
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(map.error().message, HasSubstr("(body, liver)"));
}

TEST(Labels, OverlapInARealSlicerSegmentation) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path path = data / "seg" / "slicer" / "SegmentationOverlapping.seg.nrrd";
  const auto header = io::readImageHeader(path);
  ASSERT_TRUE(header) << header.error().message;
  const auto image = Volume::create(
      header->geometry,
      std::vector<std::int16_t>(static_cast<std::size_t>(header->geometry.size.voxels())));
  ASSERT_TRUE(image) << image.error().message;
  const auto loaded = loadSegmentation(path, *image);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Segmentation& segmentation = loaded->segmentation;
  EXPECT_EQ(segmentation.layerCount(), 2);
  EXPECT_TRUE(std::all_of(segmentation.structures().begin(),
                          segmentation.structures().end(),
                          [&](const Structure& s) { return segmentation.voxelCount(s.id) > 0; }));
  EXPECT_FALSE(flattened(segmentation));  // they do overlap
}

}  // namespace
}  // namespace argand::study
