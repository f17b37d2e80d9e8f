// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/training_plan.h"
#include "core/engine/run/parameters_torch.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"
#include "tests/core/engine/training/plain_network.h"

#include <ATen/ATen.h>

#include <vector>

namespace argand::engine::test {

inline double relativeError(const at::Tensor& value, const at::Tensor& truth) {
  return ((value - truth).abs().max() / (truth.abs().max() + 1e-300)).item<double>();
}

inline Graph nnunet() {
  models::NnunetPlainOptions options;
  options.channels = {3, 5, 7};
  options.classes = 3;
  return models::nnunetPlain(options);
}

inline Graph lamp(models::LampUnetOptions::Norm norm) {
  models::LampUnetOptions options;
  options.width = 4;
  options.depth = 2;
  options.classes = 3;
  options.norm = norm;
  return models::lampUnet(options);
}

// Every `group` steps of a stage are one segment that is recomputed.
inline Plan recomputed(Plan plan, const Graph& graph, int group) {
  int number = 0;
  int inGroup = group;
  int stage = 0;
  for (const std::size_t n : stepsByNode(lowered(graph))) {
    StepPlan& step = plan.steps[n];
    if (inGroup == group || step.stage != stage) {
      ++number;
      inGroup = 0;
    }
    ++inGroup;
    stage = step.stage;
    step.recomputed = number;
  }
  return plan;
}

}  // namespace argand::engine::test
