// SPDX-License-Identifier: Apache-2.0
#include "core/volume/volume.h"

#include "tests/support/grids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace argand {
namespace {

Volume counted(const Geometry& geometry) {
  Volume::Int16 voxels(static_cast<std::size_t>(geometry.size.voxels()));
  std::iota(voxels.begin(), voxels.end(), std::int16_t{-50});
  return Volume::create(geometry, std::move(voxels)).value();
}

SourceSeries seriesOf(std::int64_t slices) {
  SourceSeries source;
  for (std::int64_t k = 0; k < slices; ++k) {
    source.slices.push_back({"class", std::to_string(k), 0, {}});
  }
  return source;
}

TEST(Volume, RefusesBuffersOfAnotherLength) {
  const Geometry geometry = phantom::grid({3, 4, 5}, {1, 1, 1});
  EXPECT_FALSE(Volume::create(geometry, Volume::Float32(59)));
  EXPECT_TRUE(Volume::create(geometry, Volume::Float32(60)));
  Geometry flat = geometry;
  flat.lpsFromIndex.setColumn(1, {});
  EXPECT_FALSE(Volume::create(flat, Volume::Float32(60)));
}

TEST(Volume, SharesItsBufferWithCopies) {
  const auto voxels = std::make_shared<const Volume::Float32>(24, 1.0F);
  const auto volume =
      Volume::create(phantom::grid({2, 3, 4}, {1, 1, 1}), Volume::Buffer(voxels)).value();
  const Volume copy = volume;
  copy.visit([&](auto span) {
    EXPECT_EQ(static_cast<const void*>(span.data()), static_cast<const void*>(voxels->data()));
  });
  EXPECT_EQ(&volume.range(), &copy.range());
  EXPECT_EQ(volume.bytes(), 96);
}

TEST(Volume, FindsItsRangeWithoutWhatIsNotFinite) {
  Volume::Float32 voxels(10000);
  std::iota(voxels.begin(), voxels.end(), 0.0F);
  voxels[17] = std::numeric_limits<float>::quiet_NaN();
  voxels[18] = std::numeric_limits<float>::infinity();
  const auto volume =
      Volume::create(phantom::grid({100, 100, 1}, {1, 1, 1}), std::move(voxels)).value();
  EXPECT_EQ(volume.range().minimum, 0.0);
  EXPECT_EQ(volume.range().maximum, 9999.0);
  EXPECT_NEAR(volume.range().low, 10.0, 1.5);
  EXPECT_NEAR(volume.range().high, 9989.0, 1.5);
}

template <typename T>
void expectExactPercentiles(std::vector<T> values) {
  const auto volume =
      Volume::create(Geometry{{static_cast<std::int64_t>(values.size()), 1, 1}, {}, {}}, values);
  ASSERT_TRUE(volume) << volume.error().message;
  std::sort(values.begin(), values.end());
  const auto tail = static_cast<std::size_t>(0.001 * static_cast<double>(values.size()));
  const Volume::Range& range = volume->range();
  EXPECT_EQ(range.minimum, static_cast<double>(values.front()));
  EXPECT_EQ(range.maximum, static_cast<double>(values.back()));
  EXPECT_EQ(range.low, static_cast<double>(values[tail]));
  EXPECT_EQ(range.high, static_cast<double>(values[values.size() - 1 - tail]));
}

TEST(Volume, FindsPercentilesAsSortingDoes) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(20.0F, 400.0F);
  std::vector<float> floats(20011);
  std::generate(floats.begin(), floats.end(), [&] { return normal(random); });
  expectExactPercentiles(floats);
  std::vector<std::int16_t> shorts(floats.begin(), floats.end());
  shorts[7] = -32768;
  shorts[8] = 32767;
  expectExactPercentiles(shorts);
  std::vector<std::uint16_t> large(20011);
  std::generate(large.begin(), large.end(), [&] { return static_cast<std::uint16_t>(random()); });
  expectExactPercentiles(large);
  expectExactPercentiles(std::vector<float>{-1.5F, 2.0F});
}

TEST(Volume, KeepsItsPercentilesBesideAFewAbsurdVoxels) {
  std::vector<float> values(100000);
  for (std::size_t n = 0; n < values.size(); ++n) {
    values[n] = static_cast<float>(n % 1000);
  }
  values[5] = 3.4e38F;
  values[17] = -3.4e38F;
  values[99] = 1e30F;
  const auto volume = Volume::create(Geometry{{1000, 100, 1}, {}, {}}, std::move(values));
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->range().low, 0.0);
  EXPECT_EQ(volume->range().high, 999.0);
  EXPECT_EQ(volume->defaultWindow().width, 999.0);
}

TEST(Volume, FindsTheRangeOfOneValueAndOfNone) {
  const Geometry geometry = phantom::grid({2, 2, 2}, {1, 1, 1});
  const auto one = Volume::create(geometry, Volume::UInt16(8, 7)).value();
  EXPECT_EQ(one.range().low, 7.0);
  EXPECT_EQ(one.range().high, 7.0);
  EXPECT_GT(one.defaultWindow().width, 0.0);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto none = Volume::create(geometry, Volume::Float32(8, nan)).value();
  EXPECT_EQ(none.range().maximum, 0.0);
}

TEST(Volume, PrefersTheWindowOfItsSource) {
  Volume volume = counted(phantom::grid({5, 5, 5}, {1, 1, 1}));
  EXPECT_EQ(volume.defaultWindow().level, 12.0);
  volume.modality = Modality::Ct;
  EXPECT_EQ(volume.defaultWindow().level, 40.0);
  volume.windows.push_back({80.0, 35.0, "BRAIN"});
  EXPECT_EQ(volume.defaultWindow().level, 35.0);
}

TEST(Volume, KeepsEveryVoxelInItsPlaceIn48Orders) {
  const Volume volume = counted(test::oblique(phantom::grid({3, 4, 5}, {1.0, 1.5, 2.0}), 20.0));
  for (const std::string& code : test::allAxisCodes()) {
    const Volume now = reordered(volume, orderTo(volume.geometry(), code).value());
    const Affine oldFromNew = volume.geometry().indexFromLps() * now.geometry().lpsFromIndex;
    for (std::int64_t k = 0; k < now.geometry().size.k; ++k) {
      for (std::int64_t j = 0; j < now.geometry().size.j; ++j) {
        for (std::int64_t i = 0; i < now.geometry().size.i; ++i) {
          const Vec3 old = oldFromNew.apply(
              {static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
          ASSERT_EQ(now.at({i, j, k}),
                    volume.at({std::llround(old.x), std::llround(old.y), std::llround(old.z)}))
              << code;
        }
      }
    }
  }
}

TEST(Volume, KeepsItsSlicesSourceOnlyWhileTheyAreTheAcquiredOnes) {
  Volume volume = counted(phantom::grid({3, 4, 5}, {1, 1, 1}));
  volume.source = seriesOf(5);
  const Volume back = reordered(volume, AxisOrder{{0, 1, 2}, {false, false, true}});
  EXPECT_EQ(back.source->slices.front().sopInstanceUid, "4");
  EXPECT_TRUE(back.source->framesAreSlices);
  const Volume mirrored = reordered(volume, AxisOrder{{0, 1, 2}, {true, false, false}});
  EXPECT_EQ(mirrored.source->slices.size(), 5U);
  EXPECT_FALSE(mirrored.source->framesAreSlices);
  const Volume sagittal = reordered(volume, AxisOrder{{1, 2, 0}, {false, false, false}});
  EXPECT_TRUE(sagittal.source->slices.empty());
  EXPECT_FALSE(sagittal.source->framesAreSlices);
}

TEST(Volume, CutsVoxelsAndSlicesTogether) {
  Volume volume = counted(phantom::grid({3, 4, 5}, {1, 1, 1}));
  volume.source = seriesOf(5);
  volume.backgroundValue = -7.0;
  const Volume part = cropped(volume, {{1, 0, 2}, {3, 3, 4}});
  EXPECT_EQ(part.at({0, 2, 1}), volume.at({1, 2, 3}));
  ASSERT_EQ(part.source->slices.size(), 2U);
  EXPECT_EQ(part.source->slices.front().sopInstanceUid, "2");
  EXPECT_EQ(part.backgroundValue, -7.0);
}

TEST(Volume, ReadsModalityCodes) {
  for (const Modality modality : {Modality::Ct, Modality::Mr, Modality::Pet, Modality::Other}) {
    EXPECT_EQ(modalityFromCode(toString(modality)), modality);
  }
  EXPECT_EQ(modalityFromCode(""), Modality::Unknown);
  EXPECT_EQ(modalityFromCode("US"), Modality::Other);
}

}  // namespace
}  // namespace argand
