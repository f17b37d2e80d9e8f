// SPDX-License-Identifier: Apache-2.0
#include "core/train/loss.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace argand::train {

namespace {

// Sums over voxels; the first three are per class.
struct Sums {
  at::Tensor both;
  at::Tensor predicted;
  at::Tensor truth;
  at::Tensor region;
};

at::Tensor labelTensor(const std::vector<LabelValue>& labels,
                       const Size3& size,
                       std::int64_t begin,
                       std::int64_t end) {
  const at::Tensor target = at::empty({1, 1, end - begin, size.j, size.i}, at::kLong);
  const std::int64_t plane = size.i * size.j;
  std::copy(labels.begin() + begin * plane,
            labels.begin() + end * plane,
            target.mutable_data_ptr<std::int64_t>());
  return target;
}

Sums sumsOf(const at::Tensor& scores, const at::Tensor& target, RegionLoss kind) {
  const std::vector<std::int64_t> voxels{0, 2, 3, 4};
  const at::Tensor logProbability = at::log_softmax(scores, 1);
  const at::Tensor probability = logProbability.exp();
  const at::Tensor truth = at::zeros_like(probability).scatter_(1, target, 1.0);
  const at::Tensor logOfTruth = logProbability.gather(1, target);
  Sums sums;
  sums.both = (probability * truth).sum(voxels);
  sums.predicted = probability.sum(voxels);
  sums.truth = truth.sum(voxels);
  sums.region = kind == RegionLoss::Focal ? -((1.0 - logOfTruth.exp()).square() * logOfTruth).sum()
                                          : -logOfTruth.sum();
  return sums;
}

}  // namespace

at::Tensor segmentationLoss(const engine::SlabScores& scores,
                            const std::vector<LabelValue>& labels,
                            const Size3& size,
                            RegionLoss kind) {
  Sums total;
  for (std::size_t n = 0; n < scores.scores.size(); ++n) {
    const std::int64_t begin = scores.rows[n].begin;
    const std::int64_t end = std::min(scores.rows[n].end, size.k);
    if (end <= begin) {
      continue;
    }
    const at::Tensor inside =
        scores.scores[n].narrow(2, 0, end - begin).narrow(3, 0, size.j).narrow(4, 0, size.i);
    const Sums sums = sumsOf(inside, labelTensor(labels, size, begin, end), kind);
    const auto add = [](at::Tensor& sum, const at::Tensor& part) {
      sum = sum.defined() ? sum + part : part;
    };
    add(total.both, sums.both);
    add(total.predicted, sums.predicted);
    add(total.truth, sums.truth);
    add(total.region, sums.region);
  }
  const at::Tensor dice = 2.0 * total.both / (total.predicted + total.truth).clamp_min(1e-6);
  at::Tensor present = (total.truth > 0.5).to(dice.scalar_type());
  present.narrow(0, 0, 1).zero_();
  const at::Tensor missing = (present * (1.0 - dice)).sum() / present.sum().clamp_min(1.0);
  return missing + total.region / static_cast<double>(size.voxels());
}

}  // namespace argand::train
