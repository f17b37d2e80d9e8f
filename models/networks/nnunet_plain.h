// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph.h"

#include <cstdint>
#include <vector>

namespace argand::models {

// nnU-Net's plain U-Net (Isensee et al., Nature Methods 2021): two 3x3x3
// convolutions per stage both ways, stride 2 at the first of every stage but
// the first, affine instance norm, leaky ReLU 0.01, 2x2x2 transposed
// convolutions up, biases everywhere.
struct NnunetPlainOptions {
  std::int64_t inputChannels = 1;
  std::vector<std::int64_t> channels{16, 32, 64, 128};  // per stage
  std::int64_t classes = 2;
};

[[nodiscard]] engine::Graph nnunetPlain(const NnunetPlainOptions& options);

}  // namespace argand::models
