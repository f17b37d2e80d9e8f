// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph/graph.h"

#include <ATen/core/Tensor.h>

#include <vector>

// Operations on one slab, (samples, channels, rows, height, width) and
// channels-last in memory, with their gradients.
namespace argand::engine::autograd {

// A convolution with `paddingD` zeros before and after the rows. On the processor fp32
// goes to oneDNN forward and backward whatever the size: Torch leaves it for small inputs.
[[nodiscard]] at::Tensor convolution(const at::Tensor& input,
                                     const at::Tensor& weight,
                                     const at::Tensor& bias,
                                     const ConvOp& op,
                                     std::int64_t paddingD);

// A transposed convolution without padding along depth, with `outputPaddingD` more
// rows at the far end. Where kernels do not overlap it is, on the processor, one product per
// row of depth, into channels-last memory.
[[nodiscard]] at::Tensor transposedConvolution(const at::Tensor& input,
                                               const at::Tensor& weight,
                                               const at::Tensor& bias,
                                               const TransposedConvOp& op,
                                               std::int64_t outputPaddingD);

// Along channels; backward gives every part a gradient of its own.
[[nodiscard]] at::Tensor concatenated(const std::vector<at::Tensor>& parts);

}  // namespace argand::engine::autograd
