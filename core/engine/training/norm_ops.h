// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph/ops.h"
#include "core/engine/training/batch_moments.h"
#include "core/engine/training/slab_ops.h"

#include <ATen/core/Tensor.h>

namespace argand::engine::autograd {

// Mean and sum of squared deviations per sample and channel over one slab:
// (samples, channels, 2), in double.
[[nodiscard]] at::Tensor moments(const at::Tensor& slab);

struct NormParameters {
  at::Tensor weight;  // undefined: 1
  at::Tensor bias;    // undefined: 0
  // Of batch norm in evaluation, instead of the slabs' own statistics.
  at::Tensor runningMean;
  at::Tensor runningVariance;
};

// A norm with the statistics of all slabs, then y or slope * y where y is negative
// (slope 1 leaves it): one pass over each slab for both, forward and backward.
// `seen`, where given, takes what was measured.
[[nodiscard]] Slabs normed(const TeamPtr& team,
                           const Slabs& from,
                           const Op& op,
                           const NormParameters& parameters,
                           double slope,
                           BatchMoments* seen);

}  // namespace argand::engine::autograd
