// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/base/text.h"
#include "core/metrics/metrics.h"
#include "core/train/trainer.h"

#include <cstdio>

namespace argand::app {

namespace {

namespace fs = std::filesystem;

struct TrainCommand {
  train::TrainOptions options;
  fs::path config;
  std::optional<int> epochs;
  std::optional<int> batch;
  std::optional<std::string> plan;
  DeviceOptions devices;
};

Json toJson(const train::EpochReport& epoch) {
  Json json = {{"epoch", epoch.epoch},
               {"mean_dice", metrics::jsonOrNull(epoch.meanDice)},
               {"dice", Json::object()}};
  for (const train::LabelDice& label : epoch.dice) {
    json["dice"][label.name] = metrics::jsonOrNull(label.dice);
  }
  return json;
}

std::string epochText(const train::EpochReport& epoch) {
  std::string text = fmt::format("epoch {}/{}  loss {:.4f}  lr {:.2e}",
                                 epoch.epoch,
                                 epoch.epochs,
                                 epoch.loss,
                                 epoch.learningRate);
  if (epoch.validated) {
    const auto figure = [](const std::optional<double>& dice) {
      return dice ? fmt::format("{:.4f}", *dice) : std::string("-");
    };
    text += fmt::format("  Dice {} (", figure(epoch.meanDice));
    for (std::size_t n = 0; n < epoch.dice.size(); ++n) {
      text +=
          fmt::format("{}{} {}", n > 0 ? ", " : "", epoch.dice[n].name, figure(epoch.dice[n].dice));
    }
    text += ")";
  }
  return text + fmt::format("  {:.1f} s, {:.0f} s left", epoch.seconds, epoch.secondsLeft);
}

Result<Outcome> run(TrainCommand command, const Context& context) {
  if (!command.config.empty()) {
    ARGAND_ASSIGN(const Json json, readJsonFile(command.config));
    ARGAND_ASSIGN(command.options, train::TrainOptions::fromJson(json, command.options));
  }
  command.options.epochs = command.epochs.value_or(command.options.epochs);
  command.options.batch = command.batch.value_or(command.options.batch);
  command.options.plan = command.plan.value_or(command.options.plan);
  ARGAND_ASSIGN(engine::DeviceChoice choice, command.devices.parse());
  command.options.devices = std::move(choice.devices);
  const auto onEpoch = [](const train::EpochReport& epoch) {
    fmt::print(stderr, "{}\n", epochText(epoch));
  };
  ARGAND_ASSIGN(
      const train::TrainResult result,
      train::train(command.options, context.models, onEpoch, context.stop, context.progress));
  Outcome outcome;
  outcome.json = {{"epochs", result.epochs.size()},
                  {"best", toJson(result.best)},
                  {"checkpoint", displayed(result.checkpoint)},
                  {"model", displayed(result.model)},
                  {"training", result.split.training},
                  {"validation", result.split.validation},
                  {"findings", Json::array()}};
  for (const train::Finding& finding : result.dataset.findings) {
    outcome.json["findings"].push_back({{"case", finding.caseId}, {"text", finding.text}});
    outcome.text += fmt::format("{}\n", finding.text);
  }
  if (!result.model.empty()) {
    outcome.text +=
        fmt::format("Best: {}\nModel: {}\n", epochText(result.best), displayed(result.model));
  }
  return outcome;
}

}  // namespace

Action addTrain(CLI::App& verb) {
  auto command = std::make_shared<TrainCommand>();
  train::TrainOptions& options = command->options;
  verb.add_option("--data", options.data, "A folder with images/ and labels/")->required();
  verb.add_option("--base", options.base, "The model to start from")->required();
  verb.add_option("--out", options.out, "Where checkpoint, curves and model go")->required();
  verb.add_option("--config", command->config, "JSON with any of the recipe's settings");
  verb.add_option("--epochs", command->epochs, "Passes over the training cases")
      ->check(CLI::PositiveNumber);
  verb.add_option("--batch",
                  command->batch,
                  "Cases of a step: the micro-batches of a pipeline, shared by the processes that "
                  "torchrun, mpirun or srun have started")
      ->check(CLI::PositiveNumber);
  verb.add_option("--plan",
                  command->plan,
                  "Words that bind the planner: single, slabs or pipeline (gpipe for that "
                  "schedule), and stored to recompute nothing in backward");
  verb.add_flag("--resume", options.resume, "Go on from the checkpoint in --out");
  command->devices.addTo(verb);
  return [command](Context& context) { return run(*command, context); };
}

}  // namespace argand::app
