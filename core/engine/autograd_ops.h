// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph.h"

#include <ATen/core/Tensor.h>

// Operations on one slab, (samples, channels, rows, height, width) and
// channels-last in memory, with their gradients.
namespace argand::engine::autograd {

// A convolution with `paddingD` zeros before and after the rows. fp32 goes to
// oneDNN forward and backward whatever the size: Torch leaves it for small inputs.
[[nodiscard]] at::Tensor convolution(const at::Tensor& input,
                                     const at::Tensor& weight,
                                     const at::Tensor& bias,
                                     const ConvOp& op,
                                     std::int64_t paddingD);

// Mean and sum of squared deviations per sample and channel over the slab:
// (samples, channels, 2), in double.
[[nodiscard]] at::Tensor moments(const at::Tensor& input);

// y = input * scale + shift per sample and channel (both (samples, channels) in
// double), then y or slope * y where y is negative; slope 1 leaves it.
[[nodiscard]] at::Tensor scaled(const at::Tensor& input,
                                const at::Tensor& scale,
                                const at::Tensor& shift,
                                double slope);

}  // namespace argand::engine::autograd
