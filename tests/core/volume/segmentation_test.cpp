// SPDX-License-Identifier: Apache-2.0
#include "core/volume/segmentation.h"

#include "core/volume/label_table.h"
#include "core/volume/phantom.h"
#include "tests/support/grids.h"
#include "tests/support/matchers.h"

#include <gtest/gtest.h>

namespace argand {
namespace {

Structure named(const std::string& name, int layer = 0, LabelValue label = 0) {
  Structure structure;
  structure.name = name;
  structure.layer = layer;
  structure.label = label;
  return structure;
}

Segmentation sample() {
  return Segmentation(phantom::grid({40, 20, 10}, {1.0, 2.0, 3.0}));
}

void fill(Segmentation& segmentation, StructureId id, const Box& box) {
  segmentation.assign(
      id, box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.size().voxels()), 1));
}

TEST(Segmentation, GivesIdsOnceAndTheSmallestFreeLabel) {
  Segmentation segmentation = sample();
  EXPECT_EQ(segmentation.layerCount(), 0);
  const StructureId a = segmentation.add(named("A"));
  const StructureId b = segmentation.add(named("B", 0, 7));
  const StructureId c = segmentation.add(named("C"));
  EXPECT_EQ(segmentation.find(a)->label, 1);
  EXPECT_EQ(segmentation.find(b)->label, 7);
  EXPECT_EQ(segmentation.find(c)->label, 2);
  segmentation.remove(c);
  const StructureId d = segmentation.add(named("D", 2));
  EXPECT_NE(d, c);
  EXPECT_EQ(segmentation.find(d)->label, 1);
  EXPECT_EQ(segmentation.layerCount(), 3);
  EXPECT_EQ(segmentation.positionOf(d), 2U);
  EXPECT_EQ(segmentation.findByName("B")->id, b);
  EXPECT_EQ(segmentation.findByName("C"), nullptr);
  EXPECT_EQ(segmentation.findByLabel(0, 7)->id, b);
  EXPECT_THROW(segmentation.add(named("E", 0, 7)), std::logic_error);
  EXPECT_THROW(segmentation.remove(99), std::logic_error);
  EXPECT_THROW((void)segmentation.layer(3), std::logic_error);
}

TEST(Segmentation, LetsStructuresOverlapOnlyAcrossLayers) {
  Segmentation segmentation = sample();
  const StructureId body = segmentation.add(named("BODY", 1));
  const StructureId liver = segmentation.add(named("Liver"));
  const StructureId tumour = segmentation.add(named("Tumour"));
  fill(segmentation, body, segmentation.geometry().box());
  fill(segmentation, liver, {{0, 0, 0}, {10, 10, 10}});
  fill(segmentation, tumour, {{5, 0, 0}, {15, 10, 10}});
  EXPECT_EQ(segmentation.voxelCount(body), 8000);
  EXPECT_EQ(segmentation.voxelCount(liver), 500);
  EXPECT_EQ(segmentation.voxelCount(tumour), 1000);
  EXPECT_EQ(segmentation.boundsOf(liver), (Box{{0, 0, 0}, {5, 10, 10}}));
  EXPECT_NEAR(segmentation.volumeMl(tumour), 6.0, 1e-12);
  segmentation.remove(tumour);
  EXPECT_EQ(segmentation.layer(0).count(0), 7500);
}

TEST(Segmentation, DropsLayersThatNothingUses) {
  Segmentation segmentation = sample();
  segmentation.add(named("A"));
  segmentation.addLayer();
  segmentation.layer(segmentation.addLayer()).set({1, 1, 1}, 4);
  segmentation.addLayer();
  segmentation.dropUnusedLayers();
  EXPECT_EQ(segmentation.layerCount(), 3);
  segmentation.layer(2).set({1, 1, 1}, 0);
  segmentation.dropUnusedLayers();
  EXPECT_EQ(segmentation.layerCount(), 1);
}

TEST(Segmentation, FindsCentroidsOnObliqueTiltedAndUnevenGrids) {
  const Geometry base = phantom::grid({20, 20, 12}, {1.0, 1.2, 2.0});
  for (const Geometry& geometry : {base,
                                   test::oblique(base, 30.0),
                                   test::tilted(test::oblique(base, 10.0), 20.0),
                                   test::uneven(base)}) {
    Segmentation segmentation(geometry);
    const StructureId id = segmentation.add(named("A"));
    EXPECT_FALSE(segmentation.centroidMm(id));
    fill(segmentation, id, {{2, 3, 4}, {7, 9, 6}});
    const Vec3 expected =
        (geometry.sliceToLps(4.0, 5.5, 4) + geometry.sliceToLps(4.0, 5.5, 5)) * 0.5;
    EXPECT_LE(length(*segmentation.centroidMm(id) - expected), 1e-9);
  }
}

TEST(Segmentation, WeighsVolumesByTheThicknessOfSlices) {
  Segmentation segmentation(test::uneven(phantom::grid({8, 8, 4}, {1.0, 1.0, 10.0})));
  const StructureId id = segmentation.add(named("A"));
  fill(segmentation, id, {{0, 0, 0}, {1, 1, 4}});
  EXPECT_NEAR(segmentation.volumeMl(id), 0.01 * (1.0 + 1.05 + 1.15 + 1.2), 1e-12);
}

TEST(Segmentation, BecomesOneMapWithTheLabelsOfItsOneLayer) {
  Segmentation segmentation = sample();
  const StructureId a = segmentation.add(named("A", 0, 4));
  fill(segmentation, a, {{1, 1, 1}, {3, 3, 3}});
  segmentation.layer(0).set({9, 9, 9}, 77);  // no structure's voxel
  const LabelMap map = flattened(segmentation).value();
  EXPECT_EQ(std::count(map.voxels.begin(), map.voxels.end(), 4), 8);
  EXPECT_EQ(std::count(map.voxels.begin(), map.voxels.end(), 77), 0);
}

TEST(Segmentation, NumbersStructuresOfSeveralLayersAndNamesAPairThatOverlaps) {
  Segmentation segmentation = sample();
  const StructureId a = segmentation.add(named("A", 0, 4));
  const StructureId b = segmentation.add(named("B", 1, 4));
  fill(segmentation, a, {{0, 0, 0}, {2, 2, 2}});
  fill(segmentation, b, {{2, 0, 0}, {4, 2, 2}});
  const LabelMap map = flattened(segmentation).value();
  EXPECT_EQ(map.voxels[0], 1);
  EXPECT_EQ(map.voxels[2], 2);
  fill(segmentation, b, {{1, 1, 1}, {2, 2, 2}});
  const auto overlapping = flattened(segmentation);
  ASSERT_FALSE(overlapping);
  EXPECT_THAT(overlapping.error().message, ::testing::HasSubstr("'A' and 'B' overlap"));
}

TEST(Segmentation, TakesNamesForValuesThatOccurOrAreNamed) {
  LabelMap map{phantom::grid({4, 4, 4}, {1, 1, 1}), std::vector<LabelValue>(64, 0)};
  map.voxels[5] = 3;
  LabelTable names;
  names.set(2, {"Spleen", Code{"SCT", "78961009", "Spleen"}, Color{1, 2, 3}, Side::Left});
  const Segmentation segmentation = segmentationFrom(map, names);
  ASSERT_EQ(segmentation.structures().size(), 2U);
  EXPECT_EQ(segmentation.structures()[0].name, "Spleen");
  EXPECT_EQ(segmentation.structures()[0].color, (Color{1, 2, 3}));
  EXPECT_EQ(segmentation.structures()[0].side, Side::Left);
  EXPECT_EQ(segmentation.structures()[1].name, "Label_3");
  EXPECT_THAT(flattened(segmentation).value(), test::LabelsEqual(map));
}

TEST(Segmentation, MovesToAnotherGridWithItsStructures) {
  const auto shapes = phantom::asymmetricTrio();
  const Geometry coarse = phantom::grid({34, 34, 34}, {3.0, 3.0, 3.0});
  const Segmentation segmentation = phantom::rasterized(coarse, shapes);
  for (const std::string code : {"LPS", "RAI", "SLP", "PIR"}) {
    const Geometry geometry =
        test::oblique(phantom::grid({110, 110, 110}, {1.0, 1.0, 1.0}, code), 15.0);
    const Segmentation moved = onGrid(segmentation, geometry);
    ASSERT_EQ(moved.structures(), segmentation.structures());
    for (const Structure& structure : moved.structures()) {
      EXPECT_LE(length(*moved.centroidMm(structure.id) - *segmentation.centroidMm(structure.id)),
                0.1);
      EXPECT_NEAR(moved.volumeMl(structure.id) / segmentation.volumeMl(structure.id), 1.0, 0.02);
    }
  }
  EXPECT_THAT(flattened(onGrid(segmentation, coarse)).value(),
              test::LabelsEqual(flattened(segmentation).value()));
}

}  // namespace
}  // namespace argand
