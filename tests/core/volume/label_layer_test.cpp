// SPDX-License-Identifier: Apache-2.0
#include "core/volume/label_layer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

namespace argand {
namespace {

// The same operations on a plain array, to compare with.
struct Dense {
  Size3 size;
  std::vector<LabelValue> voxels;

  explicit Dense(const Size3& of) : size(of), voxels(static_cast<std::size_t>(of.voxels())) {}

  LabelValue& at(const Index3& index) {
    return voxels[static_cast<std::size_t>((index.k * size.j + index.j) * size.i + index.i)];
  }
};

Box randomBox(const Size3& size, std::mt19937& random) {
  Box box;
  for (int axis = 0; axis < 3; ++axis) {
    std::uniform_int_distribution<std::int64_t> pick(0, size[axis]);
    const auto [low, high] = std::minmax({pick(random), pick(random)});
    box.begin[axis] = std::min(low, size[axis] - 1);
    box.end[axis] = std::max(high, box.begin[axis] + 1);
  }
  return box;
}

template <typename Visitor>
void forEachVoxel(const Box& box, Visitor&& visitor) {
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
      for (std::int64_t i = box.begin.i; i < box.end.i; ++i) {
        visitor(Index3{i, j, k});
      }
    }
  }
}

Box boundsOf(Dense& dense, LabelValue value) {
  Box box;
  forEachVoxel({{}, dense.size}, [&](const Index3& at) {
    if (dense.at(at) == value) {
      box = united(box, {at, {at.i + 1, at.j + 1, at.k + 1}});
    }
  });
  return box;
}

TEST(LabelLayer, DoesWhatAPlainArrayDoes) {
  std::mt19937 random(1);
  const Size3 size{70, 33, 41};
  LabelLayer layer(size);
  Dense dense(size);
  for (int step = 0; step < 60; ++step) {
    const Box box = randomBox(size, random);
    std::vector<LabelValue> values(static_cast<std::size_t>(box.size().voxels()));
    const bool noise = step % 3 != 0;
    for (LabelValue& value : values) {
      value = static_cast<LabelValue>(noise ? random() % 4 : step % 5);
    }
    layer.write(box, values);
    std::size_t n = 0;
    forEachVoxel(box, [&](const Index3& at) { dense.at(at) = values[n++]; });
    const Box looked = randomBox(size, random);
    const auto read = layer.read(looked);
    n = 0;
    bool same = true;
    forEachVoxel(looked, [&](const Index3& at) { same = same && dense.at(at) == read[n++]; });
    ASSERT_TRUE(same) << step;
    const auto value = static_cast<LabelValue>(random() % 5);
    ASSERT_EQ(layer.boundsOf(value), boundsOf(dense, value));
    ASSERT_EQ(layer.count(value), std::count(dense.voxels.begin(), dense.voxels.end(), value));
    const auto histogram = layer.histogram();
    for (std::size_t v = 0; v < histogram.size(); ++v) {
      ASSERT_EQ(histogram[v], layer.count(static_cast<LabelValue>(v)));
    }
    if (step % 10 == 9) {
      layer.erase(2);
      std::replace(dense.voxels.begin(), dense.voxels.end(), LabelValue{2}, LabelValue{0});
      ASSERT_EQ(layer.count(2), 0);
    }
  }
}

TEST(LabelLayer, KeepsSnapshotsAsTheyWere) {
  LabelLayer layer({64, 64, 64});
  layer.set({40, 40, 40}, 9);
  const LabelLayer snapshot = layer;
  layer.set({40, 40, 40}, 3);
  layer.set({0, 0, 0}, 1);
  layer.erase(3);
  EXPECT_EQ(snapshot.at({40, 40, 40}), 9);
  EXPECT_EQ(snapshot.at({0, 0, 0}), 0);
  EXPECT_EQ(layer.at({40, 40, 40}), 0);
}

TEST(LabelLayer, SharesBlocksAmongCopies) {
  LabelLayer layer({128, 128, 128});
  layer.write(layer.box(), std::vector<LabelValue>(128 * 128 * 128, 5));
  // Were blocks copied, these would need 80 GB.
  std::vector<LabelLayer> copies(20000, layer);
  copies.front().set({1, 2, 3}, 6);
  EXPECT_EQ(copies.back().at({1, 2, 3}), 5);
  EXPECT_EQ(copies.front().count(6), 1);
}

TEST(LabelLayer, FindsWhereTwoStatesDiffer) {
  std::mt19937 random(2);
  const Size3 size{50, 40, 100};
  LabelLayer before(size);
  before.write({{3, 3, 3}, {43, 33, 90}}, std::vector<LabelValue>(40 * 30 * 87, 1));
  EXPECT_TRUE(before.differingBoxes(before).empty());
  for (int round = 0; round < 30; ++round) {
    LabelLayer after = before;
    std::vector<Index3> changed;
    for (int n = 0; n < 4; ++n) {
      const Index3 at = randomBox(size, random).begin;
      after.set(at, static_cast<LabelValue>(after.at(at) + 7));
      changed.push_back(at);
    }
    Box all;
    for (const Box& box : before.differingBoxes(after)) {
      EXPECT_EQ(box.begin.k / 32, (box.end.k - 1) / 32);
      Box held;  // of the changed voxels in it
      for (const Index3& at : changed) {
        if (box.contains(at)) {
          held = united(held, {at, {at.i + 1, at.j + 1, at.k + 1}});
        }
      }
      EXPECT_EQ(held, box);
      all = united(all, box);
    }
    for (const Index3& at : changed) {
      EXPECT_TRUE(all.contains(at));
    }
  }
}

TEST(LabelLayer, TakesNothingForWhatIsEmptyAgain) {
  LabelLayer layer({40, 40, 40});
  EXPECT_TRUE(layer.empty());
  layer.write(layer.box(), std::vector<LabelValue>(64000, 4));
  EXPECT_EQ(layer.count(0), 0);
  layer.erase(4);
  EXPECT_TRUE(layer.empty());
  EXPECT_TRUE(LabelLayer({40, 40, 40}).differingBoxes(layer).empty());
}

TEST(LabelLayer, LetsOtherThreadsReadAndDropTheirCopies) {
  LabelLayer layer({64, 64, 32});
  std::atomic<bool> consistent{true};
  for (LabelValue value = 1; value <= 40; ++value) {
    layer.write(layer.box(), std::vector<LabelValue>(64 * 64 * 32, value));
    std::jthread reader([copy = layer, value, &consistent] {
      consistent = consistent && copy.count(value) == copy.size().voxels();
    });
    for (std::int64_t i = 0; i < 64; ++i) {
      layer.set({i, i, i / 2}, static_cast<LabelValue>(value + 1));
    }
  }
  EXPECT_TRUE(consistent);
}

TEST(LabelLayer, RefusesIndicesOutsideTheGrid) {
  LabelLayer layer({10, 10, 10});
  EXPECT_THROW((void)layer.at({10, 0, 0}), std::logic_error);
  EXPECT_THROW(layer.set({0, -1, 0}, 1), std::logic_error);
  EXPECT_THROW((void)layer.read({{0, 0, 0}, {11, 1, 1}}), std::logic_error);
}

}  // namespace
}  // namespace argand
