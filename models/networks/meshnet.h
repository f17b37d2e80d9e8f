// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

#include <cstdint>
#include <vector>

namespace argand::models {

// MeshNet (Fedorov et al. 2017), as brainchop has it: dilated 3x3x3
// convolutions of one width that keep the size, each with batch norm where it
// is wanted, ReLU and dropout, then a 1x1x1 convolution to the classes.
struct MeshNetOptions {
  enum class Norm { None, Batch };

  std::int64_t inputChannels = 1;
  std::int64_t classes = 3;
  std::int64_t channels = 5;
  std::vector<std::int64_t> dilations{1, 2, 4, 8, 16, 8, 4, 2, 1};
  Norm norm = Norm::Batch;
  double dropout = 0.0;
};

[[nodiscard]] engine::Graph meshNet(const MeshNetOptions& options);

}  // namespace argand::models
