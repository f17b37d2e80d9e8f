// SPDX-License-Identifier: Apache-2.0
// Internal to the trainer.
#pragma once

#include "core/engine/run/parameters.h"
#include "core/train/optimizer.h"
#include "core/train/trainer.h"

#include <filesystem>
#include <vector>

namespace argand::train {

// Where a training stands after an epoch, in one file that is replaced as a
// whole: tensors of the weights and the optimiser as safetensors, the rest as
// JSON in its metadata. Random numbers need no state (see random.h).
struct TrainingState {
  std::vector<EpochReport> epochs;
  EpochReport best;
  Split split;
  Json recipe;  // what must be the same for the numbers to go on
};

[[nodiscard]] std::filesystem::path checkpointPath(const std::filesystem::path& out);

[[nodiscard]] Result<void> writeCheckpoint(const std::filesystem::path& path,
                                           const TrainingState& state,
                                           const engine::Parameters& parameters,
                                           const AdamW& optimizer);

struct Checkpoint {
  TrainingState state;
  engine::TensorFile tensors;
  std::int64_t steps = 0;
};

[[nodiscard]] Result<Checkpoint> readCheckpoint(const std::filesystem::path& path);

// The tensors of a checkpoint into the weights and the optimiser.
[[nodiscard]] Result<void> restore(const Checkpoint& checkpoint,
                                   engine::Parameters& parameters,
                                   AdamW& optimizer);

[[nodiscard]] Json toJson(const EpochReport& epoch);

}  // namespace argand::train
