// SPDX-License-Identifier: Apache-2.0
#include "core/volume/resample.h"

#include "core/volume/phantom.h"
#include "tests/support/grids.h"
#include "tests/support/matchers.h"

#include <gtest/gtest.h>

namespace argand {
namespace {

using test::oblique;
using test::tilted;
using test::uneven;

double ramp(const Vec3& lps) {
  return 3.0 + 2.0 * lps.x - 1.5 * lps.y + 0.75 * lps.z;
}

Volume rampOn(const Geometry& geometry) {
  Volume::Float32 voxels;
  for (std::int64_t k = 0; k < geometry.size.k; ++k) {
    for (std::int64_t j = 0; j < geometry.size.j; ++j) {
      for (std::int64_t i = 0; i < geometry.size.i; ++i) {
        voxels.push_back(static_cast<float>(
            ramp(geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k))));
      }
    }
  }
  Volume volume = Volume::create(geometry, std::move(voxels)).value();
  volume.backgroundValue = -1000.0;
  return volume;
}

// The truth, voxel by voxel: the ramp within the voxel centres of the source,
// background half a voxel beyond them.
void expectRamp(const Volume& result, const Geometry& source) {
  const Geometry& target = result.geometry();
  const SliceIndexer indexer(source);
  std::int64_t inside = 0;
  for (std::int64_t k = 0; k < target.size.k; ++k) {
    for (std::int64_t j = 0; j < target.size.j; ++j) {
      for (std::int64_t i = 0; i < target.size.i; ++i) {
        const Vec3 lps = target.sliceToLps(static_cast<double>(i), static_cast<double>(j), k);
        const Vec3 at = indexer.indexAt(lps);
        double beyond = -1.0;  // of the outermost centres, in voxels
        for (int axis = 0; axis < 3; ++axis) {
          beyond =
              std::max({beyond, -at[axis], at[axis] - static_cast<double>(source.size[axis] - 1)});
        }
        const double value = result.at({i, j, k});
        if (beyond <= 0.0) {
          ASSERT_NEAR(value, ramp(lps), 1e-3) << i << " " << j << " " << k;
          ++inside;
        } else if (beyond > 0.5 + 1e-3) {
          ASSERT_EQ(value, -1000.0) << i << " " << j << " " << k;
        } else if (beyond < 0.5 - 1e-3) {
          ASSERT_NE(value, -1000.0);
        }
      }
    }
  }
  EXPECT_GT(inside, target.size.voxels() / 10);
}

TEST(Resample, IsExactOnALinearRampForAnyTwoGrids) {
  const Geometry a = phantom::grid({20, 18, 12}, {1.0, 1.3, 2.0});
  const Geometry b = phantom::grid({23, 17, 19}, {1.1, 0.9, 1.7}, "RSA");
  const std::vector<Geometry> sources{a,
                                      oblique(a, 20.0),
                                      tilted(a, 15.0),
                                      uneven(a),
                                      uneven(tilted(oblique(a, 12.0), 8.0)),
                                      reordered(uneven(a), {{1, 0, 2}, {true, false, true}})};
  const std::vector<Geometry> targets{a, b, oblique(b, -25.0), tilted(b, 10.0), uneven(b)};
  for (const Geometry& source : sources) {
    for (const Geometry& target : targets) {
      const auto result = resampled(rampOn(source), target, Interpolation::Linear);
      ASSERT_TRUE(result) << result.error().message;
      expectRamp(*result, source);
    }
  }
}

TEST(Resample, GivesTheSameVoxelsOnTheSameGrid) {
  for (const Geometry& geometry : {phantom::grid({31, 20, 9}, {0.7, 0.8, 3.0}, "PIR"),
                                   oblique(phantom::grid({31, 20, 9}, {0.7, 0.8, 3.0}), 40.0),
                                   uneven(phantom::grid({31, 20, 9}, {0.7, 0.8, 3.0}))}) {
    const Volume volume = rampOn(geometry);
    EXPECT_THAT(resampled(volume, geometry, Interpolation::Nearest).value(),
                test::VolumeNear(volume, 0.0));
    EXPECT_THAT(resampled(volume, geometry, Interpolation::Linear).value(),
                test::VolumeNear(volume, 1e-4));
  }
}

TEST(Resample, KeepsTheTypeForNearestAndTheEdgeUpToTheFace) {
  Volume::Int16 voxels{10, 20, 30, 40};
  Volume volume = Volume::create(phantom::grid({4, 1, 1}, {2, 2, 2}), std::move(voxels)).value();
  volume.backgroundValue = -5.0;
  volume.modality = Modality::Mr;
  // Faces of the source lie at -4 and 4 mm; voxels of 1 mm from -6 to 6.
  const Geometry target = phantom::grid({12, 1, 1}, {1, 1, 1});
  const Volume nearest = resampled(volume, target, Interpolation::Nearest).value();
  ASSERT_TRUE(std::holds_alternative<std::shared_ptr<const Volume::Int16>>(nearest.buffer()));
  const std::vector<double> expected{-5, -5, 10, 10, 20, 20, 30, 30, 40, 40, -5, -5};
  const Volume linear = resampled(volume, target, Interpolation::Linear).value();
  ASSERT_TRUE(std::holds_alternative<std::shared_ptr<const Volume::Float32>>(linear.buffer()));
  const std::vector<double> ramped{-5, -5, 10, 12.5, 17.5, 22.5, 27.5, 32.5, 37.5, 40, -5, -5};
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(nearest.at({static_cast<std::int64_t>(i), 0, 0}), expected[i]) << i;
    EXPECT_NEAR(linear.at({static_cast<std::int64_t>(i), 0, 0}), ramped[i], 1e-5) << i;
  }
  EXPECT_EQ(linear.modality, Modality::Mr);
}

TEST(Resample, NeverBlendsLabels) {
  LabelMap labels{phantom::grid({9, 9, 9}, {2, 2, 2}), std::vector<LabelValue>(729)};
  for (std::size_t n = 0; n < labels.voxels.size(); ++n) {
    labels.voxels[n] = static_cast<LabelValue>(n % 2 == 0 ? 100 : 7);
  }
  const LabelMap fine =
      resampledLabels(labels, oblique(phantom::grid({50, 50, 50}, {0.5, 0.5, 0.5}), 31.0)).value();
  for (const LabelValue value : fine.voxels) {
    ASSERT_TRUE(value == 0 || value == 7 || value == 100);
  }
  // Three times finer and back is the same map.
  const Geometry third = respaced(labels.geometry, {2.0 / 3, 2.0 / 3, 2.0 / 3});
  EXPECT_THAT(resampledLabels(resampledLabels(labels, third).value(), labels.geometry).value(),
              test::LabelsEqual(labels));
}

TEST(Resample, StopsWhenAskedAndRefusesGridsWithoutVolume) {
  const Volume volume = rampOn(phantom::grid({4, 4, 4}, {1, 1, 1}));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      resampled(volume, volume.geometry(), Interpolation::Linear, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
  EXPECT_FALSE(resampled(volume, Geometry{}, Interpolation::Linear));
}

}  // namespace
}  // namespace argand
