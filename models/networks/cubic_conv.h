// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/ops.h"

#include <cstdint>

namespace argand::models {

// A convolution of one extent along all axes, padded so that stride 1 keeps the size.
[[nodiscard]] inline engine::ConvOp cubicConv(std::int64_t channels,
                                              std::int64_t kernel,
                                              std::int64_t stride,
                                              bool bias) {
  engine::ConvOp op;
  op.channels = channels;
  op.kernel = {kernel, kernel, kernel};
  op.stride = {stride, stride, stride};
  op.padding = {kernel / 2, kernel / 2, kernel / 2};
  op.bias = bias;
  return op;
}

}  // namespace argand::models
