// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"

#include <cstdint>
#include <vector>

namespace argand::models {

// MONAI's UNet in three dimensions (Kerfoot et al. 2018): a level is a strided
// residual unit, or a plain convolution where `units` is 0, and a strided
// transposed convolution back; skips are concatenated in front. Norm, dropout,
// activation follow a convolution in this order.
struct MonaiUnetOptions {
  enum class Norm { Instance, Batch };  // instance without scale and shift, as MONAI's default
  enum class Activation { PRelu, Relu, LeakyRelu };

  std::int64_t inputChannels = 1;
  std::int64_t classes = 2;
  std::vector<std::int64_t> channels{16, 32, 64, 128};
  std::vector<std::int64_t> strides{2, 2, 2};  // one fewer
  std::int64_t kernel = 3;                     // odd; also of the transposed ones
  std::int64_t units = 2;                      // convolutions of a residual unit on the way down
  Norm norm = Norm::Instance;
  Activation activation = Activation::PRelu;  // one slope for all channels; leaky ReLU's is 0.01
  double dropout = 0.0;

  // Fails with Usage, naming what does not suit.
  [[nodiscard]] Result<void> check() const;
};

// Of options that pass their check.
[[nodiscard]] engine::Graph monaiUnet(const MonaiUnetOptions& options);

}  // namespace argand::models
