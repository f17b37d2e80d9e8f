// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"

#include <cstdint>
#include <vector>

namespace argand::models {

// MONAI's SegResNet in three dimensions (Myronenko 2018, without the
// autoencoder branch): residual blocks of group norm, ReLU and convolution in
// that order, strided convolutions down, trilinear upsampling up, skips added.
struct SegResNetOptions {
  std::int64_t inputChannels = 1;
  std::int64_t classes = 2;
  std::int64_t width = 8;  // channels of the first level, doubled at each further one
  std::int64_t groups = 8;
  std::vector<std::int64_t> down{1, 2, 2, 4};  // blocks per level
  std::vector<std::int64_t> up{1, 1, 1};       // from the deepest up, one fewer
  double dropout = 0.0;                        // behind the first convolution

  // Fails with Usage, naming what does not suit.
  [[nodiscard]] Result<void> check() const;
};

// Of options that pass their check.
[[nodiscard]] engine::Graph segResNet(const SegResNetOptions& options);

}  // namespace argand::models
