// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/networks/nnunet_stages.h"

namespace argand::models {

// nnU-Net's plain U-Net (Isensee et al., Nature Methods 2021): by default two
// 3x3x3 convolutions per stage both ways, stride 2 at the first of every stage
// but the first, affine instance norm, leaky ReLU 0.01, 2x2x2 transposed
// convolutions up, biases everywhere.
struct NnunetPlainOptions : NnunetStages {
  std::vector<std::int64_t> convs{};  // per stage of the encoder; empty: 2

  // Fails with Usage, naming what does not suit.
  [[nodiscard]] Result<void> check() const;
};

// Of options that pass their check.
[[nodiscard]] engine::Graph nnunetPlain(const NnunetPlainOptions& options);

}  // namespace argand::models
