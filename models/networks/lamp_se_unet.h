// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

#include <cstdint>

namespace argand::models {

// LAMP's squeeze-excitation U-Net: its U-Net (lamp_unet.h) where the double
// convolution of every level, down and up, is a squeeze-excitation block as in
// AnatomyNet (Zhu et al., Medical Physics 2019): the double convolution, scaled
// per channel by global pool, linear to 1/reduction, ReLU, linear, sigmoid; its
// input added, by a 1x1x1 convolution and norm as both differ in shape; an
// activation. The published text does not print the reduction: 2 by default.
struct LampSeUnetOptions {
  enum class Norm { Batch, Instance };

  std::int64_t inputChannels = 1;
  std::int64_t width = 32;  // n
  std::int64_t classes = 2;
  int depth = 4;
  std::int64_t reduction = 2;
  Norm norm = Norm::Batch;
};

[[nodiscard]] engine::Graph lampSeUnet(const LampSeUnetOptions& options);

}  // namespace argand::models
