// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/backend.h"

namespace argand::engine::cuda {

[[nodiscard]] at::ScalarType torchType(DType dtype);

// What tables and sums of a stored type are kept in.
[[nodiscard]] at::ScalarType wideType(DType dtype);

// Weights and tables of the steps that a device takes part in, in its memory.
struct DeviceTables {
  // A convolution's as Torch has it, channels-last; a transposed one's as a matrix
  // (in, tap and out). In the type that the step computes in: wide for the
  // scores that labels are chosen by.
  std::vector<StepWeights> steps;
  std::map<NodeId, NormTable> folded;   // batch norms, by their running statistics
  std::map<NodeId, NormTable> affine;   // gamma and beta of other norms, in double; or undefined
  std::map<NodeId, at::Tensor> slopes;  // of PReLUs, one per channel
};

[[nodiscard]] DeviceTables tablesOn(const at::Device& device, const BackendRequest& request);

}  // namespace argand::engine::cuda
