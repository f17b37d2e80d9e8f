// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks: brings Torch in.
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/run/parameters.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <vector>

namespace argand::engine {

// What one batch norm has seen in one pass: voxels of all samples, their mean
// and biased variance per channel, in double.
struct BatchMoments {
  double voxels = 0.0;
  at::Tensor mean;
  at::Tensor variance;
};

// By batch norm, one entry for each pass in their order.
using MomentsByNode = std::map<NodeId, std::vector<BatchMoments>>;

// All parts as one.
[[nodiscard]] BatchMoments joined(const std::vector<BatchMoments>& parts);

// Those of `later` passes behind those that there are.
void append(MomentsByNode& moments, const MomentsByNode& later);

// Moves the running statistics of every batch norm once, towards mean and
// unbiased variance of all passes together (as PyTorch for one batch). A batch
// that went through in parts is normalised part by part, as torchgpipe's
// deferred batch norm does, but counts as the one batch that it is.
void moveRunningStatistics(const Graph& graph,
                           Parameters& parameters,
                           const MomentsByNode& moments);

}  // namespace argand::engine
