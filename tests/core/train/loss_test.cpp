// SPDX-License-Identifier: Apache-2.0
#include "core/train/loss.h"

#include "core/train/optimizer.h"
#include "tests/core/engine/training/fake_cuda.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace argand::train {

namespace {

// Three classes on a grid of 2 x 2 x 3 padded to 4 x 4 x 4.
constexpr Size3 kSize{2, 2, 3};
const std::vector<LabelValue> kLabels{0, 1, 1, 0, 2, 0, 0, 1, 0, 0, 2, 0};

at::Tensor scores() {
  at::Tensor result = at::arange(3 * 64, at::kDouble).mul_(0.37).sin_().mul_(2.0);
  return result.reshape({1, 3, 4, 4, 4}).set_requires_grad(true);
}

// Cut at these rows, a slab on each device.
engine::SlabScores inSlabs(const at::Tensor& all,
                           const std::vector<std::int64_t>& ends,
                           const engine::Placement& placement = {}) {
  engine::SlabScores slabs;
  std::vector<engine::DeviceTeam::Member> members;
  std::int64_t begin = 0;
  for (const std::int64_t end : ends) {
    slabs.devices.push_back(static_cast<int>(members.size()));
    members.push_back({slabs.devices.back(), 1, nullptr, placement});
    slabs.rows.push_back({begin, end});
    slabs.scores.push_back(all.narrow(2, begin, end - begin));
    begin = end;
  }
  slabs.team = std::make_shared<engine::DeviceTeam>(members, std::stop_token());
  return slabs;
}

// By the definition, voxel by voxel.
double byHand(const at::Tensor& all, bool focal) {
  std::array<double, 3> both{};
  std::array<double, 3> predicted{};
  std::array<double, 3> truth{};
  double region = 0.0;
  std::size_t n = 0;
  for (std::int64_t k = 0; k < kSize.k; ++k) {
    for (std::int64_t j = 0; j < kSize.j; ++j) {
      for (std::int64_t i = 0; i < kSize.i; ++i, ++n) {
        std::array<double, 3> p{};
        double sum = 0.0;
        for (std::int64_t c = 0; c < 3; ++c) {
          p[static_cast<std::size_t>(c)] = std::exp(all[0][c][k][j][i].item<double>());
          sum += p[static_cast<std::size_t>(c)];
        }
        for (std::size_t c = 0; c < 3; ++c) {
          p[c] /= sum;
          predicted[c] += p[c];
        }
        const std::size_t label = kLabels[n];
        both[label] += p[label];
        truth[label] += 1.0;
        region -= std::log(p[label]) * (focal ? std::pow(1.0 - p[label], 2.0) : 1.0);
      }
    }
  }
  double dice = 0.0;
  for (std::size_t c = 1; c < 3; ++c) {
    dice += 2.0 * both[c] / (predicted[c] + truth[c]) / 2.0;
  }
  return 1.0 - dice + region / 12.0;
}

TEST(SegmentationLoss, IsDiceAndCrossEntropyOfTheVoxelsThatAreNotPadding) {
  const at::Tensor all = scores();
  for (const RegionLoss kind : {RegionLoss::CrossEntropy, RegionLoss::Focal}) {
    const at::Tensor loss = segmentationLoss(inSlabs(all, {4}), kLabels, kSize, kind);
    EXPECT_NEAR(loss.item<double>(), byHand(all, kind == RegionLoss::Focal), 1e-12);
  }
}

TEST(SegmentationLoss, AndItsGradientAreTheSameInSlabs) {
  const at::Tensor whole = scores();
  segmentationLoss(inSlabs(whole, {4}), kLabels, kSize, RegionLoss::CrossEntropy).backward();
  const at::Tensor split = scores();
  segmentationLoss(inSlabs(split, {1, 3, 4}), kLabels, kSize, RegionLoss::CrossEntropy).backward();
  EXPECT_LT((whole.grad() - split.grad()).abs().max().item<double>(), 1e-14);
  EXPECT_GT(whole.grad().abs().max().item<double>(), 1e-3);
  EXPECT_EQ(whole.grad().narrow(2, 3, 1).abs().max().item<double>(), 0.0);
}

TEST(SegmentationLoss, AndItsGradientAreTheSameByTheCodeOfCudaDevices) {
  engine::setCudaFactory(engine::test::fakeCuda<c10::DeviceType::CPU>());
  const engine::Placement cuda =
      engine::Placement::of({"cuda:0", engine::DeviceKind::Cuda, 0, std::int64_t{1} << 30, 1})
          .value();
  for (const RegionLoss kind : {RegionLoss::CrossEntropy, RegionLoss::Focal}) {
    const at::Tensor here = scores();
    const at::Tensor truth = segmentationLoss(inSlabs(here, {1, 4}), kLabels, kSize, kind);
    truth.backward();
    const at::Tensor there = scores();
    const at::Tensor loss = segmentationLoss(inSlabs(there, {1, 4}, cuda), kLabels, kSize, kind);
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), truth.item<double>(), 1e-14);
    EXPECT_LT((here.grad() - there.grad()).abs().max().item<double>(), 1e-14);
  }
}

TEST(SegmentationLoss, HasNoDiceForAClassThatTheLabelsLack) {
  const at::Tensor all = scores();
  std::vector<LabelValue> labels(12, 0);
  const double empty =
      segmentationLoss(inSlabs(all, {4}), labels, kSize, RegionLoss::CrossEntropy).item<double>();
  const at::Tensor inside = all.narrow(2, 0, 3).narrow(3, 0, 2).narrow(4, 0, 2);
  EXPECT_NEAR(empty, -at::log_softmax(inside, 1).narrow(1, 0, 1).mean().item<double>(), 1e-12);
}

TEST(OneCycleRate, RisesToItsPeakAndFallsToNearlyNothing) {
  EXPECT_NEAR(oneCycleRate(1.0, 0, 1000), 0.04, 1e-12);
  EXPECT_NEAR(oneCycleRate(1.0, 299, 1000), 1.0, 1e-12);
  EXPECT_NEAR(oneCycleRate(1.0, 999, 1000), 4e-6, 1e-12);
  for (int step = 1; step < 1000; ++step) {
    const bool rises = oneCycleRate(1.0, step, 1000) > oneCycleRate(1.0, step - 1, 1000);
    EXPECT_EQ(rises, step <= 299) << step;
  }
  EXPECT_GT(oneCycleRate(1.0, 0, 1), 0.0);
}

}  // namespace

}  // namespace argand::train
