// SPDX-License-Identifier: Apache-2.0
#include "core/edit/edit.h"

#include "core/volume/phantom.h"
#include "tests/support/matchers.h"

#include <gtest/gtest.h>

#include <random>

namespace argand::edit {
namespace {

Structure named(const std::string& name, int layer = 0) {
  Structure structure;
  structure.name = name;
  structure.layer = layer;
  return structure;
}

void fill(Segmentation& segmentation, StructureId id, const Box& box) {
  segmentation.assign(
      id, box, std::vector<std::uint8_t>(static_cast<std::size_t>(box.size().voxels()), 1));
}

// Liver and Spleen in one layer, BODY around them in another.
Segmentation sample() {
  Segmentation segmentation(phantom::grid({60, 50, 40}, {1.0, 1.5, 2.0}));
  fill(segmentation, segmentation.add(named("Liver")), {{5, 5, 5}, {30, 40, 30}});
  fill(segmentation, segmentation.add(named("Spleen")), {{40, 5, 5}, {50, 20, 20}});
  fill(segmentation, segmentation.add(named("BODY", 1)), {{2, 2, 2}, {58, 48, 38}});
  return segmentation;
}

// Equal in everything an edit speaks of.
void expectSame(const Segmentation& a, const Segmentation& b) {
  EXPECT_EQ(a.structures(), b.structures());
  ASSERT_EQ(a.layerCount(), b.layerCount());
  for (int n = 0; n < a.layerCount(); ++n) {
    EXPECT_TRUE(a.layer(n).differingBoxes(b.layer(n)).empty()) << n;
  }
}

// Some change of every kind that the program makes.
void changeSomething(Segmentation& segmentation, std::mt19937& random) {
  const auto& structures = segmentation.structures();
  const Structure* any = structures.empty() ? nullptr : &structures[random() % structures.size()];
  switch (random() % 6) {
    case 0:
      segmentation.add(
          named("New " + std::to_string(random() % 1000), static_cast<int>(random() % 3)));
      break;
    case 1:
      if (any != nullptr) {
        segmentation.remove(any->id);
      }
      break;
    case 2:
      if (any != nullptr) {
        Structure changed = *any;
        changed.name += "'";
        changed.color.green ^= 0x55;
        changed.code = Code{"SCT", "1", "one"};
        changed.category = Code{"SCT", "2", "two"};
        changed.review = ReviewState::Flagged;
        segmentation.update(changed);
      }
      break;
    default:
      if (any != nullptr) {
        Box box;
        for (int axis = 0; axis < 3; ++axis) {
          box.begin[axis] = static_cast<std::int64_t>(random() % 30);
          box.end[axis] = box.begin[axis] + 1 + static_cast<std::int64_t>(random() % 9);
        }
        fill(segmentation, any->id, box);
      }
  }
}

Edit someEdit() {
  std::mt19937 random(5);
  const Segmentation before = sample();
  Segmentation after = before;
  for (int n = 0; n < 8; ++n) {
    changeSomething(after, random);
  }
  return difference(before, after, "Some change");
}

TEST(Edit, LeadsFromOneStateToTheOtherAndBack) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const Segmentation before = sample();
    Segmentation after = before;
    for (int n = 0; n < 6; ++n) {
      changeSomething(after, random);
    }
    after.dropUnusedLayers();
    const Edit edit = difference(before, after, "Change");
    Segmentation state = before;
    ASSERT_TRUE(apply(state, edit));
    expectSame(state, after);
    ASSERT_TRUE(apply(state, inverse(edit)));
    expectSame(state, before);
    EXPECT_EQ(inverse(inverse(edit)), edit);
  }
}

TEST(Edit, IsEmptyBetweenEqualStates) {
  const Segmentation segmentation = sample();
  EXPECT_TRUE(difference(segmentation, segmentation, "Nothing").empty());
}

TEST(Edit, HoldsNoMoreThanTheBoxThatChanged) {
  const Segmentation before = sample();
  Segmentation after = before;
  after.layer(0).set({10, 20, 30}, 0);
  after.layer(0).set({12, 21, 29}, 0);
  const Edit edit = difference(before, after, "Erase");
  ASSERT_EQ(edit.patches.size(), 1U);
  EXPECT_EQ(edit.patches[0].box, (Box{{12, 21, 29}, {13, 22, 30}}));
}

TEST(Edit, KeepsChangesFarApartInBoxesOfTheirOwn) {
  const Segmentation before(phantom::grid({64, 64, 128}, {1, 1, 1}));
  Segmentation after = before;
  const StructureId id = after.add(named("A"));
  fill(after, id, {{1, 2, 3}, {4, 5, 6}});
  fill(after, id, {{60, 60, 120}, {61, 62, 121}});
  const Edit edit = difference(before, after, "Two dots");
  ASSERT_EQ(edit.patches.size(), 2U);
  EXPECT_EQ(edit.patches[0].box, (Box{{1, 2, 3}, {4, 5, 6}}));
  EXPECT_EQ(edit.patches[1].box, (Box{{60, 60, 120}, {61, 62, 121}}));
  EXPECT_LT(edit.bytes(), 2000U);
}

TEST(Edit, RefusesAStateItDoesNotStartFromAndChangesNothing) {
  const Segmentation before = sample();
  Segmentation after = before;
  fill(after, 1, {{0, 0, 0}, {3, 3, 3}});
  after.add(named("New"));
  const Edit edit = difference(before, after, "Paint Liver");
  Segmentation state = before;
  state.layer(0).set({1, 1, 1}, 2);
  const Segmentation kept = state;
  const auto applied = apply(state, edit);
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, ::testing::HasSubstr("'Paint Liver'"));
  expectSame(state, kept);
  state = after;
  EXPECT_FALSE(apply(state, edit));
  expectSame(state, after);
}

TEST(Edit, IsNotDisturbedByHidingAStructure) {
  const Segmentation before = sample();
  Segmentation after = before;
  Structure liver = after.structures().front();
  liver.edited = true;
  after.update(liver);
  Segmentation state = before;
  Structure hidden = state.structures().front();
  hidden.visible = false;
  state.update(hidden);
  ASSERT_TRUE(apply(state, difference(before, after, "Mark")));
  EXPECT_TRUE(state.structures().front().edited);
  EXPECT_FALSE(state.structures().front().visible);
}

// A structure of `sample` that is reviewed, and what a neighbour's voxels do to it.
TEST(Edit, EndsTheReviewOfAStructureWhoseVoxelsItChangesForwardsAndBackwards) {
  Segmentation before = sample();
  const StructureId liver = before.structures()[0].id;
  const StructureId other = before.structures()[1].id;
  fill(before, liver, {{0, 0, 0}, {3, 3, 3}});
  for (const StructureId id : {liver, other}) {
    Structure reviewed = *before.find(id);
    reviewed.review = ReviewState::Completed;
    before.update(reviewed);
  }
  Segmentation after = before;
  ASSERT_EQ(before.find(liver)->layer, before.find(other)->layer);
  fill(after, other, {{1, 1, 1}, {2, 2, 2}});
  EXPECT_EQ(changedVoxels(before, after), (std::set<StructureId>{liver, other}));
  const Edit edit = difference(before, after, "Paint");
  History history;
  Segmentation state = before;
  ASSERT_TRUE(history.push(state, edit));
  EXPECT_EQ(state.find(liver)->review, ReviewState::InProgress);
  EXPECT_EQ(state.find(other)->review, ReviewState::InProgress);
  Structure again = *state.find(liver);
  again.review = ReviewState::Completed;
  state.update(again);  // a review is no part of what an edit starts from
  ASSERT_TRUE(history.undo(state));
  EXPECT_EQ(state.find(liver)->review, ReviewState::InProgress);
  ASSERT_TRUE(history.redo(state));
  EXPECT_EQ(state.find(other)->review, ReviewState::InProgress);

  // One that changes no voxel of it leaves it.
  Segmentation renamed = before;
  Structure name = *renamed.find(liver);
  name.name = "Hepar";
  renamed.update(name);
  EXPECT_TRUE(changedVoxels(before, renamed).empty());
  state = before;
  ASSERT_TRUE(apply(state, difference(before, renamed, "Rename")));
  EXPECT_EQ(state.find(liver)->review, ReviewState::Completed);
}

TEST(Edit, MovesStructuresInTheListAndBackWithTheirVoxels) {
  const Segmentation before = sample();
  Segmentation after = before;
  auto list = after.structures();
  std::rotate(list.begin(), list.begin() + 1, list.end());
  after.setStructures(list);
  Segmentation state = before;
  const Edit edit = difference(before, after, "Reorder");
  ASSERT_TRUE(apply(state, edit));
  expectSame(state, after);
  ASSERT_TRUE(apply(state, inverse(edit)));
  expectSame(state, before);
}

TEST(Edit, ReadsBackEqualFromItsBytes) {
  const Edit edit = someEdit();
  ASSERT_FALSE(edit.structures.empty());
  ASSERT_FALSE(edit.patches.empty());
  const auto back = deserialize(serialize(edit));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, edit);
  EXPECT_EQ(deserialize(serialize(Edit{})).value(), Edit{});
}

TEST(Edit, RefusesDamagedBytes) {
  const auto bytes = serialize(someEdit());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(deserialize({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}));
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(deserialize(longer));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    auto flipped = bytes;
    flipped[n] ^= std::byte{0x10};
    EXPECT_FALSE(deserialize(flipped)) << n;
  }
}

TEST(Edit, SurvivesAnyBytesUnderAValidHash) {
  // Damage with the hash made right again, so that it reaches the reader and apply().
  const auto hashOf = [](const std::vector<std::byte>& bytes) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (std::size_t n = 16; n + 8 < bytes.size(); ++n) {
      hash = (hash ^ std::to_integer<std::uint64_t>(bytes[n])) * 1099511628211ULL;
    }
    return hash;
  };
  const auto bytes = serialize(someEdit());
  std::mt19937 random(11);
  int understood = 0;
  for (int round = 0; round < 20000; ++round) {
    auto damaged = bytes;
    for (int n = 0; n < 1 + round % 3; ++n) {
      damaged[16 + random() % (bytes.size() - 24)] = static_cast<std::byte>(random() & 0xFFU);
    }
    const std::uint64_t hash = hashOf(damaged);
    for (std::size_t n = 0; n < 8; ++n) {
      damaged[damaged.size() - 8 + n] = static_cast<std::byte>(hash >> (8 * n) & 0xFFU);
    }
    if (const auto edit = deserialize(damaged)) {
      Segmentation state = sample();
      understood += apply(state, *edit) ? 1 : 0;
    }
  }
  EXPECT_LT(understood, 20000);
}

TEST(History, UndoesAndRedoesManySteps) {
  std::mt19937 random(7);
  History history;
  Segmentation state = sample();
  std::vector<Segmentation> states{state};
  for (int n = 0; n < 120; ++n) {
    Segmentation next = state;
    changeSomething(next, random);
    next.dropUnusedLayers();
    Edit edit = difference(state, next, "Step " + std::to_string(n));
    if (edit.empty()) {
      continue;
    }
    ASSERT_TRUE(history.push(state, std::move(edit)));
    states.push_back(state);
  }
  ASSERT_GT(states.size(), 60U);
  for (std::size_t n = states.size() - 1; n-- > 0;) {
    ASSERT_TRUE(history.undo(state));
    expectSame(state, states[n]);
  }
  EXPECT_EQ(history.nextUndo(), nullptr);
  EXPECT_FALSE(history.undo(state));
  for (std::size_t n = 1; n < states.size(); ++n) {
    ASSERT_TRUE(history.redo(state));
    expectSame(state, states[n]);
  }
  EXPECT_FALSE(history.redo(state));
}

TEST(History, ForgetsWhatWasUndoneAndTheOldest) {
  History history(3, std::size_t{1} << 20U);
  Segmentation state = sample();
  const auto step = [&](std::int64_t i) {
    Segmentation next = state;
    next.layer(0).set({i, 0, 0}, 1);
    ASSERT_TRUE(history.push(state, difference(state, next, std::to_string(i))));
  };
  for (std::int64_t i = 0; i < 5; ++i) {
    step(i);
  }
  for (int n = 0; n < 3; ++n) {
    ASSERT_TRUE(history.undo(state));
  }
  EXPECT_FALSE(history.undo(state));
  EXPECT_EQ(state.layer(0).at({1, 0, 0}), 1);
  EXPECT_EQ(history.nextRedo()->title, "2");
  step(9);
  EXPECT_EQ(history.nextRedo(), nullptr);
  EXPECT_EQ(history.nextUndo()->title, "9");
  history.clear();
  EXPECT_EQ(history.nextUndo(), nullptr);
}

TEST(History, KeepsTheLastEditHoweverLargeItIs) {
  History history(200, 1);
  Segmentation state = sample();
  for (std::int64_t i = 0; i < 3; ++i) {
    Segmentation next = state;
    next.layer(0).set({i, 0, 0}, 1);
    ASSERT_TRUE(history.push(state, difference(state, next, "Dot")));
  }
  EXPECT_TRUE(history.undo(state));
  EXPECT_FALSE(history.undo(state));
}

}  // namespace
}  // namespace argand::edit
