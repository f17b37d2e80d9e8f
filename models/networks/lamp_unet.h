// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

#include <cstdint>

namespace argand::models {

// The U-Net of "LAMP: Large Deep Nets with Automated Model Parallelism for
// Image Segmentation" (Zhu et al., MICCAI 2020), layer for layer as in its
// published code: channels min(n 2^level, 1024), strided convolutions down,
// 2x2x2 transposed ones up.
struct LampUnetOptions {
  enum class Norm { Batch, Instance };

  std::int64_t inputChannels = 1;
  std::int64_t width = 32;  // n
  std::int64_t classes = 2;
  int depth = 4;
  Norm norm = Norm::Batch;
};

[[nodiscard]] engine::Graph lampUnet(const LampUnetOptions& options);

}  // namespace argand::models
