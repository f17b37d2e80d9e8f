// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/parameters.h"
#include "core/train/process_group.h"
#include "core/train/trainer.h"
#include "core/train/training_case.h"

#include <span>
#include <vector>

namespace argand::train {

// Whole volumes through the executor as inference runs them, labels on the
// source's grid against the reference: each label's mean Dice over the cases where the
// reference has it or the network finds it; nothing where there is no such case. Of
// several processes each gives its share of the cases and gets the mean over all.
[[nodiscard]] Result<std::vector<LabelDice>> validate(const engine::Graph& graph,
                                                      const engine::Parameters& parameters,
                                                      const infer::ModelCard& card,
                                                      const TrainOptions& options,
                                                      std::span<const TrainingCase* const> cases,
                                                      ProcessGroup* group = nullptr,
                                                      const std::stop_token& stop = {},
                                                      const ProgressFn& progress = {});

}  // namespace argand::train
