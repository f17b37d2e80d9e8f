// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/batch_moments.h"

#include "core/engine/run/parameters_torch.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace argand::engine {

BatchMoments joined(const std::vector<BatchMoments>& parts) {
  BatchMoments all{0.0, at::zeros_like(parts[0].mean), at::zeros_like(parts[0].variance)};
  for (const BatchMoments& part : parts) {
    all.voxels += part.voxels;
    all.mean += part.mean.to(all.mean.device()) * part.voxels;
  }
  all.mean /= all.voxels;
  for (const BatchMoments& part : parts) {
    const at::Tensor difference = part.mean.to(all.mean.device()) - all.mean;
    all.variance += (part.variance.to(all.mean.device()) + difference * difference) * part.voxels;
  }
  all.variance /= all.voxels;
  return all;
}

void append(MomentsByNode& moments, const MomentsByNode& later) {
  for (const auto& [id, parts] : later) {
    auto& all = moments[id];
    all.insert(all.end(), parts.begin(), parts.end());
  }
}

void moveRunningStatistics(const Graph& graph,
                           Parameters& parameters,
                           const MomentsByNode& moments) {
  const c10::NoGradGuard noGradients;
  for (const auto& [id, parts] : moments) {
    const Node& node = graph.node(id);
    const double momentum = std::get<BatchNormOp>(node.op).momentum;
    const BatchMoments all = joined(parts);
    const double unbiased = all.voxels > 1.0 ? all.voxels / (all.voxels - 1.0) : 1.0;
    at::Tensor mean = parameters.tensors().get(node.name + ".running_mean");
    at::Tensor variance = parameters.tensors().get(node.name + ".running_var");
    mean.mul_(1.0 - momentum).add_(all.mean.to(mean.options()), momentum);
    variance.mul_(1.0 - momentum).add_((all.variance * unbiased).to(variance.options()), momentum);
  }
}

}  // namespace argand::engine
