// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/engine/plan/devices.h"
#include "core/infer/model_source.h"
#include "core/train/dataset.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// Fine-tuning and training from the start, whole volumes through the same
// executor that segments.
namespace argand::train {

enum class RegionLoss { CrossEntropy, Focal };

[[nodiscard]] std::string_view toString(RegionLoss loss);  // "cross-entropy", "focal"

struct TrainOptions {
  std::filesystem::path data;  // folder of pairs
  std::filesystem::path out;   // checkpoint, split, curves, the finished model
  std::string base;            // model id to start from
  bool fromScratch = false;    // new weights for the base's network
  std::string modelId;         // id of the result; empty: base + "-tuned"
  std::string modelName;
  int epochs = 50;
  int batch = 2;
  double learningRate = 1e-3;  // peak of the one-cycle schedule (Smith & Topin 2018)
  double weightDecay = 1e-4;   // AdamW (Loshchilov & Hutter 2019)
  double validationShare = 0.2;
  std::filesystem::path split;                 // a stored split; empty: a shuffle with `seed`
  int validateEvery = 1;                       // epochs
  RegionLoss loss = RegionLoss::CrossEntropy;  // added to softmax Dice
  bool augment = true;  // affine, intensity; left-right flips where the card is mirrorSafe
  std::uint64_t seed = 1;
  std::vector<engine::DeviceSpec> devices;
  std::string plan;     // words that bind the planner
  bool resume = false;  // go on from out/checkpoint

  [[nodiscard]] Result<void> check() const;
  // Keys as the fields, snake_case; unknown keys are refused.
  [[nodiscard]] static Result<TrainOptions> fromJson(const Json& json, TrainOptions defaults);
};

struct LabelDice {
  LabelValue value = 0;
  std::string name;
  std::optional<double> dice;  // nothing where no case has the label, nor is it found in one
};

struct EpochReport {
  int epoch = 0;  // 1-based
  int epochs = 0;
  double loss = 0.0;
  double learningRate = 0.0;
  bool validated = false;
  // Over the structures that have one, of per-case Dice on whole volumes; nothing where none has.
  std::optional<double> meanDice;
  std::vector<LabelDice> dice;
  double seconds = 0.0;
  double secondsLeft = 0.0;
  std::int64_t peakBytes = 0;  // of the busiest device
};

using EpochFn = std::function<void(const EpochReport&)>;

struct TrainResult {
  std::vector<EpochReport> epochs;  // all, those before a resume included
  EpochReport best;
  // Both are empty in a process that leaves writing to the first one.
  std::filesystem::path checkpoint;
  std::filesystem::path model;  // folder with card.json and weights.safetensors of the best epoch
  DatasetReport dataset;
  Split split;
};

// Writes a checkpoint after every epoch (weights, optimiser, schedule, random
// state, curves): a run that was stopped, or killed, resumes to the same numbers
// bit for bit on the CPU. The weights of the best validation Dice become the model.
[[nodiscard]] Result<TrainResult> train(const TrainOptions& options,
                                        const infer::ModelSource& models,
                                        const EpochFn& onEpoch = {},
                                        const std::stop_token& stop = {},
                                        const ProgressFn& progress = {});

}  // namespace argand::train
