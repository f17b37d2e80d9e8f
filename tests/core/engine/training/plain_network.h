// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/run/parameters_torch.h"

#include <ATen/ATen.h>

// Test support for what is compared with Torch's own operations.
namespace argand::engine::test {

// The graph from Torch's operations on whole tensors, with autograd.
[[nodiscard]] at::Tensor plainNetwork(const Graph& graph,
                                      const Parameters& parameters,
                                      const at::Tensor& input,
                                      bool training);

// All parameters in double with gradients; those that begin as 0 or 1 off these
// values, so that each has an effect.
[[nodiscard]] Parameters doubleParameters(const Graph& graph);

[[nodiscard]] at::Tensor doubleNoise(const Shape& shape);

}  // namespace argand::engine::test
