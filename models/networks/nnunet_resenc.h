// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/networks/nnunet_stages.h"

namespace argand::models {

// nnU-Net's residual-encoder U-Net ("nnU-Net Revisited", Isensee et al., MICCAI
// 2024): a stem, then stages of residual blocks whose shortcut is an average
// pool and a 1x1x1 convolution (ResNet-D); the decoder is the plain one.
struct NnunetResencOptions : NnunetStages {
  std::vector<std::int64_t> blocks{};  // per stage of the encoder; empty: 1, 3, 4, then 6

  // Fails with Usage, naming what does not suit.
  [[nodiscard]] Result<void> check() const;
};

// Of options that pass their check.
[[nodiscard]] engine::Graph nnunetResenc(const NnunetResencOptions& options);

}  // namespace argand::models
