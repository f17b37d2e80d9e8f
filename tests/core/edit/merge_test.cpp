// SPDX-License-Identifier: Apache-2.0
#include "core/edit/tools.h"
#include "core/volume/phantom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::edit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Geometry kGrid = phantom::grid({30, 30, 30}, {1, 1, 1});

void fill(Segmentation& segmentation, StructureId id, const Box& box) {
  segmentation.assign(
      id, box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.size().voxels()), 1));
}

// What a model gives: Liver (label 5) and Spleen (label 1), shifted along i.
Segmentation resultOf(const std::string& model, std::int64_t shift = 0) {
  Segmentation result(kGrid);
  Structure structure;
  structure.model = model;
  structure.origin = Origin::Automatic;
  structure.name = "Liver";
  structure.label = 5;
  fill(result, result.add(structure), {{2 + shift, 2, 2}, {12 + shift, 12, 12}});
  structure.name = "Spleen";
  structure.label = 1;
  fill(result, result.add(structure), {{14 + shift, 2, 2}, {18 + shift, 8, 8}});
  return result;
}

Segmentation merged(const Segmentation& segmentation,
                    const Segmentation& result,
                    const std::vector<std::string>& overwrite = {}) {
  Segmentation state = segmentation;
  const auto plan = mergeResult(segmentation, result, overwrite);
  EXPECT_TRUE(plan);
  EXPECT_TRUE(apply(state, plan->edit));
  Segmentation undone = state;
  EXPECT_TRUE(apply(undone, inverse(plan->edit)));
  EXPECT_EQ(undone.structures(), segmentation.structures());
  EXPECT_EQ(undone.layerCount(), segmentation.layerCount());
  return state;
}

void markEdited(Segmentation& segmentation, const std::string& name) {
  Structure structure = *segmentation.findByName(name);
  structure.edited = true;
  segmentation.update(structure);
}

TEST(Merge, AddsAFirstResultAsItIs) {
  const Segmentation state = merged(Segmentation(kGrid), resultOf("m 1"));
  ASSERT_EQ(state.structures().size(), 2U);
  EXPECT_EQ(state.layerCount(), 1);
  EXPECT_EQ(state.findByName("Liver")->label, 5);
  EXPECT_EQ(state.voxelCount(state.findByName("Liver")->id), 1000);
  EXPECT_EQ(state.voxelCount(state.findByName("Spleen")->id), 144);
}

TEST(Merge, ReplacesTheSameOrganOfTheSameModelInItsPlace) {
  Segmentation first = merged(Segmentation(kGrid), resultOf("m 1"));
  Structure liver = *first.findByName("Liver");
  liver.color = {1, 2, 3};
  liver.visible = false;
  first.update(liver);
  const Segmentation state = merged(first, resultOf("m 1", 3));
  ASSERT_EQ(state.structures().size(), 2U);
  EXPECT_EQ(state.layerCount(), 1);
  EXPECT_EQ(*state.find(liver.id), liver);
  EXPECT_EQ(state.boundsOf(liver.id), (Box{{5, 2, 2}, {15, 12, 12}}));
}

TEST(Merge, KeepsHandEditedAndLockedStructuresUnlessToldOtherwise) {
  Segmentation first = merged(Segmentation(kGrid), resultOf("m 1"));
  markEdited(first, "Liver");
  Structure spleen = *first.findByName("Spleen");
  spleen.locked = true;
  first.update(spleen);
  const auto plan = mergeResult(first, resultOf("m 1", 3));
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->kept, ElementsAre("Liver", "Spleen"));
  EXPECT_TRUE(plan->edit.empty());
  const auto some = mergeResult(first, resultOf("m 1", 3), {"Liver"});
  EXPECT_THAT(some->kept, ElementsAre("Spleen"));
  const Segmentation state = merged(first, resultOf("m 1", 3), {"Liver"});
  const Structure& liver = *state.findByName("Liver");
  EXPECT_EQ(state.boundsOf(liver.id), (Box{{5, 2, 2}, {15, 12, 12}}));
  EXPECT_FALSE(liver.edited);
  // The spleen that stayed lost no voxel to the liver that moved into it.
  EXPECT_EQ(state.voxelCount(spleen.id), 144);
  EXPECT_EQ(liver.layer, 1);
}

TEST(Merge, KeepsAReviewedOrganUnlessToldOtherwise) {
  Segmentation first = merged(Segmentation(kGrid), resultOf("m 1"));
  Structure liver = *first.findByName("Liver");
  liver.review = ReviewState::Completed;
  first.update(liver);
  EXPECT_THAT(mergeResult(first, resultOf("m 1", 3))->kept, ElementsAre("Liver"));
  Segmentation state = first;
  ASSERT_TRUE(apply(state, mergeResult(first, resultOf("m 1", 3), {"Liver"})->edit));
  EXPECT_EQ(state.find(liver.id)->review, ReviewState::NotStarted);
  EXPECT_EQ(state.boundsOf(liver.id), (Box{{5, 2, 2}, {15, 12, 12}}));
}

TEST(Merge, PutsAnotherModelsOrgansBesideAndInAnotherLayerWhereTheyOverlap) {
  Segmentation first = merged(Segmentation(kGrid), resultOf("m 1"));
  const Segmentation state = merged(first, resultOf("m 2", 1));
  ASSERT_EQ(state.structures().size(), 4U);
  EXPECT_EQ(state.layerCount(), 2);
  for (const Structure& structure : state.structures()) {
    EXPECT_EQ(state.voxelCount(structure.id), structure.name == "Liver" ? 1000 : 144);
  }
  EXPECT_THAT(mergeResult(first, resultOf("m 2", 1))->kept, IsEmpty());
}

TEST(Merge, LeavesStructuresDrawnByHandWhole) {
  Segmentation drawn(kGrid);
  Structure target;
  target.name = "Target";
  const StructureId id = drawn.add(target);
  fill(drawn, id, {{4, 4, 4}, {8, 8, 8}});
  const Segmentation state = merged(drawn, resultOf("m 1"));
  EXPECT_EQ(state.voxelCount(id), 64);
  EXPECT_EQ(state.voxelCount(state.findByName("Liver")->id), 1000);
  EXPECT_NE(state.findByName("Liver")->layer, state.findByName("Target")->layer);
}

TEST(Merge, RefusesAResultOnAnotherGrid) {
  EXPECT_FALSE(mergeResult(Segmentation(phantom::grid({30, 30, 29}, {1, 1, 1})), resultOf("m")));
}

}  // namespace
}  // namespace argand::edit
