// SPDX-License-Identifier: Apache-2.0
#include "core/train/checkpoint.h"

#include "core/base/text.h"
#include "core/engine/run/parameters_torch.h"
#include "core/metrics/metrics.h"

#include <utility>

namespace argand::train {

namespace {

constexpr const char* kFormat = "argand-checkpoint-1";
constexpr const char* kWeight = "weights.";

Result<std::optional<double>> diceFromJson(const Json& json,
                                           std::string_view key,
                                           std::string_view what) {
  if (json.contains(key) && json.at(key).is_null()) {
    return std::nullopt;
  }
  return jsonMember<double>(json, key, what);
}

Result<EpochReport> epochFromJson(const Json& json, std::string_view what) {
  EpochReport epoch;
  ARGAND_ASSIGN(epoch.epoch, jsonMember<int>(json, "epoch", what));
  ARGAND_ASSIGN(epoch.epochs, jsonMember<int>(json, "epochs", what));
  ARGAND_ASSIGN(epoch.loss, jsonMember<double>(json, "loss", what));
  ARGAND_ASSIGN(epoch.learningRate, jsonMember<double>(json, "learning_rate", what));
  ARGAND_ASSIGN(epoch.seconds, jsonMember<double>(json, "seconds", what));
  ARGAND_ASSIGN(epoch.peakBytes, jsonMember<std::int64_t>(json, "peak_bytes", what));
  epoch.validated = json.contains("mean_dice");
  if (!epoch.validated) {
    return epoch;
  }
  ARGAND_ASSIGN(epoch.meanDice, diceFromJson(json, "mean_dice", what));
  ARGAND_ASSIGN(const Json labels, jsonMember<Json>(json, "dice", what));
  for (const Json& label : labels) {
    LabelDice dice;
    ARGAND_ASSIGN(dice.value, jsonMember<LabelValue>(label, "value", what));
    ARGAND_ASSIGN(dice.name, jsonMember<std::string>(label, "name", what));
    ARGAND_ASSIGN(dice.dice, diceFromJson(label, "dice", what));
    epoch.dice.push_back(std::move(dice));
  }
  return epoch;
}

}  // namespace

std::filesystem::path checkpointPath(const std::filesystem::path& out) {
  return out / "checkpoint.safetensors";
}

Json toJson(const EpochReport& epoch) {
  Json json{{"epoch", epoch.epoch},
            {"epochs", epoch.epochs},
            {"loss", epoch.loss},
            {"learning_rate", epoch.learningRate},
            {"seconds", epoch.seconds},
            {"peak_bytes", epoch.peakBytes}};
  if (epoch.validated) {
    json["mean_dice"] = metrics::jsonOrNull(epoch.meanDice);
    json["dice"] = Json::array();
    for (const LabelDice& label : epoch.dice) {
      json["dice"].push_back({{"value", label.value},
                              {"name", label.name},
                              {"dice", metrics::jsonOrNull(label.dice)}});
    }
  }
  return json;
}

Result<void> writeCheckpoint(const std::filesystem::path& path,
                             const TrainingState& state,
                             const engine::Parameters& parameters,
                             const AdamW& optimizer) {
  Json json{{"steps", optimizer.steps()},
            {"recipe", state.recipe},
            {"split", toJson(state.split)},
            {"best", toJson(state.best)}};
  json["epochs"] = Json::array();
  for (const EpochReport& epoch : state.epochs) {
    json["epochs"].push_back(toJson(epoch));
  }
  engine::TensorFile file;
  file.metadata["format"] = kFormat;
  file.metadata["state"] = dumped(json);
  for (const auto& [name, tensor] : parameters.tensors().byName) {
    file.tensors.push_back(storedTensor(kWeight + name, tensor));
  }
  optimizer.store(file);
  return engine::writeTensorFile(path, file);
}

Result<Checkpoint> readCheckpoint(const std::filesystem::path& path) {
  Checkpoint checkpoint;
  ARGAND_ASSIGN(checkpoint.tensors, engine::readTensorFile(path));
  const auto format = checkpoint.tensors.metadata.find("format");
  const auto state = checkpoint.tensors.metadata.find("state");
  if (format == checkpoint.tensors.metadata.end() || format->second != kFormat ||
      state == checkpoint.tensors.metadata.end()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is no checkpoint of a training.", displayed(path)));
  }
  const std::string what = displayed(path);
  using Ids = std::vector<std::string>;
  ARGAND_ASSIGN(const Json json, parseJson(state->second, what));
  ARGAND_ASSIGN(checkpoint.steps, jsonMember<std::int64_t>(json, "steps", what));
  ARGAND_ASSIGN(checkpoint.state.recipe, jsonMember<Json>(json, "recipe", what));
  ARGAND_ASSIGN(const Json split, jsonMember<Json>(json, "split", what));
  ARGAND_ASSIGN(checkpoint.state.split.training, jsonMember<Ids>(split, "training", what));
  ARGAND_ASSIGN(checkpoint.state.split.validation, jsonMember<Ids>(split, "validation", what));
  ARGAND_ASSIGN(const Json best, jsonMember<Json>(json, "best", what));
  ARGAND_ASSIGN(checkpoint.state.best, epochFromJson(best, what));
  ARGAND_ASSIGN(const Json epochs, jsonMember<Json>(json, "epochs", what));
  for (const Json& entry : epochs) {
    ARGAND_ASSIGN(EpochReport epoch, epochFromJson(entry, what));
    checkpoint.state.epochs.push_back(std::move(epoch));
  }
  return checkpoint;
}

Result<void> restore(const Checkpoint& checkpoint,
                     engine::Parameters& parameters,
                     AdamW& optimizer) {
  for (auto& [name, tensor] : parameters.tensors().byName) {
    ARGAND_TRY(restoreTensor(checkpoint.tensors, kWeight + name, tensor));
  }
  return optimizer.restore(checkpoint.tensors, checkpoint.steps);
}

}  // namespace argand::train
