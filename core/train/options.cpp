// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/train/trainer.h"

#include <set>
#include <string_view>

namespace argand::train {

namespace {

constexpr std::string_view kWhat = "the training configuration";

Failure wrong(std::string_view what) {
  return fail(ErrorCode::Usage, fmt::format("Training: {}.", what));
}

template <typename T>
Result<void> read(const Json& json, std::string_view key, T& field) {
  ARGAND_ASSIGN(field, jsonMemberOr<T>(json, key, std::move(field), kWhat));
  return {};
}

Result<void> readPath(const Json& json, std::string_view key, std::filesystem::path& field) {
  ARGAND_ASSIGN(field, jsonMemberOr<std::string>(json, key, field.string(), kWhat));
  return {};
}

Result<RegionLoss> parseLoss(const std::string& text) {
  if (text == "cross-entropy") {
    return RegionLoss::CrossEntropy;
  }
  if (text == "focal") {
    return RegionLoss::Focal;
  }
  return wrong(fmt::format("'loss' is '{}'; it must be cross-entropy or focal", text));
}

}  // namespace

std::string_view toString(RegionLoss loss) {
  return loss == RegionLoss::Focal ? "focal" : "cross-entropy";
}

Result<void> TrainOptions::check() const {
  if (data.empty() || out.empty() || base.empty()) {
    return wrong("a folder of data, a folder for the result and a base model are needed");
  }
  for (const char* part : {"", "images", "labels"}) {
    if (sameFile(out, data / part)) {
      return wrong(
          fmt::format("the result cannot go into the data's own folder {}; name another one",
                      displayed(data / part)));
    }
  }
  if (epochs < 1 || batch < 1 || validateEvery < 1) {
    return wrong("'epochs', 'batch' and 'validate_every' must be at least 1");
  }
  if (!(learningRate > 0.0 && learningRate < 1.0)) {
    return wrong("'learning_rate' must lie between 0 and 1");
  }
  if (!(weightDecay >= 0.0 && weightDecay < 1.0)) {
    return wrong("'weight_decay' must be at least 0 and less than 1");
  }
  if (!(validationShare > 0.0 && validationShare < 1.0)) {
    return wrong("'validation_share' must lie between 0 and 1");
  }
  if (devices.empty()) {
    return wrong("no device was named");
  }
  return {};
}

Result<TrainOptions> TrainOptions::fromJson(const Json& json, TrainOptions options) {
  static const std::set<std::string_view> kKeys{"data",
                                                "out",
                                                "base",
                                                "from_scratch",
                                                "model_id",
                                                "model_name",
                                                "epochs",
                                                "batch",
                                                "loss",
                                                "learning_rate",
                                                "augment",
                                                "weight_decay",
                                                "validate_every",
                                                "seed",
                                                "validation_share",
                                                "plan",
                                                "resume",
                                                "split"};
  if (!json.is_object()) {
    return wrong(fmt::format("{} is not a JSON object", kWhat));
  }
  for (const auto& [key, value] : json.items()) {
    if (!kKeys.contains(key)) {
      return wrong(fmt::format("'{}' is not a key of the configuration", key));
    }
  }
  ARGAND_TRY(readPath(json, "data", options.data));
  ARGAND_TRY(readPath(json, "out", options.out));
  ARGAND_TRY(readPath(json, "split", options.split));
  ARGAND_TRY(read(json, "base", options.base));
  ARGAND_TRY(read(json, "from_scratch", options.fromScratch));
  ARGAND_TRY(read(json, "model_id", options.modelId));
  ARGAND_TRY(read(json, "model_name", options.modelName));
  ARGAND_TRY(read(json, "epochs", options.epochs));
  ARGAND_TRY(read(json, "batch", options.batch));
  ARGAND_TRY(read(json, "learning_rate", options.learningRate));
  ARGAND_TRY(read(json, "weight_decay", options.weightDecay));
  ARGAND_TRY(read(json, "validation_share", options.validationShare));
  ARGAND_TRY(read(json, "validate_every", options.validateEvery));
  ARGAND_TRY(read(json, "augment", options.augment));
  ARGAND_TRY(read(json, "seed", options.seed));
  ARGAND_TRY(read(json, "plan", options.plan));
  ARGAND_TRY(read(json, "resume", options.resume));
  std::string loss(toString(options.loss));
  ARGAND_TRY(read(json, "loss", loss));
  ARGAND_ASSIGN(options.loss, parseLoss(loss));
  return options;
}

}  // namespace argand::train
