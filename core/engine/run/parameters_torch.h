// SPDX-License-Identifier: Apache-2.0
// Internal to what runs or trains networks: brings Torch in.
#pragma once

#include "core/engine/run/parameters.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace argand::engine {

struct Parameters::Tensors {
  std::map<std::string, at::Tensor> byName;  // as Graph::parameters() lists them
  std::vector<std::string> trainable;        // names, in the order of the graph

  [[nodiscard]] at::Tensor get(const std::string& name) const;  // undefined where absent
  [[nodiscard]] std::vector<at::Tensor> trainableTensors() const;
};

}  // namespace argand::engine
