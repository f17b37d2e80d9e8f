// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/graph/program.h"

#include <ATen/core/Tensor.h>

#include <vector>

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

// A transposed convolution without padding along depth, with `outputPaddingD` more
// rows at the far end. Where kernels do not overlap it is one product per row of
// depth, into channels-last memory.
[[nodiscard]] at::Tensor transposedConvolution(const at::Tensor& input,
                                               const at::Tensor& weight,
                                               const at::Tensor& bias,
                                               const TransposedConvOp& op,
                                               std::int64_t outputPaddingD);

// Mean and sum of squared deviations per sample and channel over the slab:
// (samples, channels, 2), in double.
[[nodiscard]] at::Tensor moments(const at::Tensor& input);

// y = input * scale + shift per sample and channel (both (samples, channels) in
// double), then y or slope * y where y is negative; slope 1 leaves it.
[[nodiscard]] at::Tensor scaled(const at::Tensor& input,
                                const at::Tensor& scale,
                                const at::Tensor& shift,
                                double slope);

// Rows of a value that lies in slabs (undefined where one has none) for each of
// `wanted` (none where empty), zeros outside the volume. A slab that is asked
// for as it is comes without a copy. One function for all of them, so that each
// slab's gradient is made once.
[[nodiscard]] std::vector<at::Tensor> gathered(const std::vector<at::Tensor>& slabs,
                                               const std::vector<RowRange>& rows,
                                               const std::vector<RowRange>& wanted);

// Along channels; backward gives every part a gradient of its own.
[[nodiscard]] at::Tensor concatenated(const std::vector<at::Tensor>& parts);

}  // namespace argand::engine::autograd
