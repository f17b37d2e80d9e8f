// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/plan/plan.h"
#include "core/engine/run/parameters.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace argand::gpu_check {

template <typename T>
T valueOf(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().message);
  }
  return std::move(*result);
}

inline void valueOf(const Result<void>& result) {
  if (!result) {
    throw std::runtime_error(result.error().message);
  }
}

struct NetworkCase {
  std::string name;
  engine::Graph graph;
  engine::Shape input;
};

// Networks that have, all together, every operation there is.
[[nodiscard]] std::vector<NetworkCase> networkCases();

// The same steps on GPUs, with what is predicted of these.
[[nodiscard]] engine::Plan onGpus(engine::Plan plan, const engine::Graph& graph, int gpus);

// Weights by Kaiming's rule with noise on all that is trained, and the running
// statistics that noise as an input has.
[[nodiscard]] engine::Parameters randomParameters(const NetworkCase& network);

}  // namespace argand::gpu_check
