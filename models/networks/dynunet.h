// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"

#include <cstdint>
#include <vector>

namespace argand::models {

// MONAI's DynUNet in three dimensions, nnU-Net's network with free kernels and
// strides: blocks of two convolutions without bias, affine instance norm and
// leaky ReLU 0.01, plain or residual on the way down, transposed convolutions
// of the stride's size up. Heads for deep supervision are not part of it.
struct DynUnetOptions {
  std::int64_t inputChannels = 1;
  std::int64_t classes = 2;
  std::vector<std::int64_t> channels{32, 64, 128, 256};  // per level, three or more
  std::vector<engine::Extent> kernels;                   // per level; empty: 3x3x3
  std::vector<engine::Extent> strides;                   // per level; empty: 1, then 2
  bool residual = false;
  bool transposedBias = false;

  // Fails with Usage, naming what does not suit.
  [[nodiscard]] Result<void> check() const;
};

// Of options that pass their check.
[[nodiscard]] engine::Graph dynUnet(const DynUnetOptions& options);

}  // namespace argand::models
