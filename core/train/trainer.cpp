// SPDX-License-Identifier: Apache-2.0
#include "core/train/trainer.h"

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/engine/run/parameters_torch.h"
#include "core/infer/weights_hash.h"
#include "core/metrics/metrics.h"
#include "core/train/batch_runner.h"
#include "core/train/checkpoint.h"
#include "core/train/process_group.h"
#include "core/train/validation.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace argand::train {

namespace {

namespace fs = std::filesystem;

using CaseList = std::vector<const TrainingCase*>;

// One training from its data to its model.
class Training {
 public:
  Training(const TrainOptions& options,
           const infer::ModelSource& models,
           const EpochFn& onEpoch,
           const std::stop_token& stop,
           const ProgressFn& progress)
      : m_options(options),
        m_models(models),
        m_onEpoch(onEpoch),
        m_stop(stop),
        m_progress(progress) {}

  Result<TrainResult> run() {
    ARGAND_TRY(m_options.check());
    ARGAND_TRY(joinOthers());
    ARGAND_TRY(together(prepare()));
    auto created =
        BatchRunner::create(m_graph, m_parameters, m_options, m_card, m_training, m_group.get());
    ARGAND_TRY(together(created ? Result<void>() : failureOf(created)));
    BatchRunner runner = std::move(*created);
    AdamW optimizer(m_parameters, m_options.weightDecay);
    if (m_options.resume) {
      ARGAND_TRY(together(resume(optimizer)));
    }
    ARGAND_TRY(takeWeightsOfTheFirst());
    for (int epoch = static_cast<int>(m_state.epochs.size()) + 1; epoch <= m_options.epochs;
         ++epoch) {
      ARGAND_TRY(runEpoch(epoch, runner, optimizer));
    }
    return TrainResult{m_state.epochs,
                       m_state.best,
                       writes() ? checkpointPath(m_options.out) : fs::path(),
                       writes() ? modelFolder() : fs::path(),
                       std::move(m_dataset),
                       m_state.split};
  }

 private:
  [[nodiscard]] fs::path modelFolder() const { return m_options.out / "model"; }

  // One process of several; the first of them, or the only one, writes.
  [[nodiscard]] bool writes() const { return m_group == nullptr || m_group->rank() == 0; }

  Result<void> together(const Result<void>& own) {
    return m_group == nullptr ? own : m_group->agree(own);
  }

  Result<void> prepare() {
    ARGAND_TRY(prepareModel());
    ARGAND_TRY(prepareOut());
    return prepareData();
  }

  Result<void> joinOthers();
  Result<void> takeWeightsOfTheFirst();
  Result<void> prepareModel();
  Result<void> prepareOut();
  Result<void> prepareData();
  Result<void> loadCases(const std::vector<std::string>& ids, CaseList& list);
  Result<void> resume(AdamW& optimizer);
  Result<void> runEpoch(int epoch, BatchRunner& runner, AdamW& optimizer);
  Result<double> runSteps(int epoch, BatchRunner& runner, AdamW& optimizer, double& rate);
  Result<void> validateInto(EpochReport& report);
  Result<void> saveModel(const EpochReport& report);
  Result<void> writeEpoch(const EpochReport& report, bool best, const AdamW& optimizer);
  [[nodiscard]] Json recipe() const;

  TrainOptions m_options;  // with the devices of this process
  const infer::ModelSource& m_models;
  const EpochFn& m_onEpoch;
  const std::stop_token& m_stop;
  const ProgressFn& m_progress;

  std::unique_ptr<ProcessGroup> m_group;  // none: this process alone
  infer::ModelCard m_base;
  infer::ModelCard m_card;  // of the result
  engine::Graph m_graph;
  engine::Parameters m_parameters;
  DatasetReport m_dataset;
  std::vector<std::unique_ptr<TrainingCase>> m_cases;
  CaseList m_training;
  CaseList m_validation;
  TrainingState m_state;
};

Result<void> Training::joinOthers() {
  ARGAND_ASSIGN(const std::optional<Rank> rank, rankFromEnvironment(processEnvironment()));
  if (!rank) {
    return {};
  }
  if (m_options.batch < rank->size) {
    return fail(ErrorCode::Usage,
                fmt::format("A batch of {} cannot be shared by {} processes: each takes at least "
                            "one case of it.",
                            m_options.batch,
                            rank->size));
  }
  log::info("Training as process {} of {}.", rank->rank, rank->size);
  ARGAND_ASSIGN(m_options.devices, devicesOfProcess(m_options.devices, *rank));
  ARGAND_ASSIGN(ProcessGroup group, ProcessGroup::join(*rank, m_options.devices.front()));
  m_group = std::make_unique<ProcessGroup>(std::move(group));
  return {};
}

// Whatever the others began with: all begin with the same.
Result<void> Training::takeWeightsOfTheFirst() {
  if (m_group == nullptr) {
    return {};
  }
  return guarded(ErrorCode::Internal, "sharing the weights", [&]() -> Result<void> {
    const c10::NoGradGuard noGradients;
    for (auto& [name, tensor] : m_parameters.tensors().byName) {
      at::Tensor values = writes() ? tensor.detach().clone() : at::zeros_like(tensor);
      ARGAND_TRY(m_group->sum(values));
      tensor.copy_(values);
    }
    return {};
  });
}

Result<void> Training::prepareModel() {
  ARGAND_ASSIGN(m_base, m_models.card(m_options.base));
  if (m_base.inputs.size() != 1) {
    return fail(ErrorCode::InputRefused,
                fmt::format("Model '{}' takes {} volumes a case; only models of one input can be "
                            "trained on a folder of pairs.",
                            m_base.id,
                            m_base.inputs.size()));
  }
  if (m_options.fromScratch) {
    ARGAND_ASSIGN(m_graph, m_models.network(m_base.network));
    ARGAND_TRY(infer::checkNetwork(m_base, m_graph));
    ARGAND_ASSIGN(m_parameters, engine::Parameters::initialised(m_graph, m_options.seed));
  } else {
    ARGAND_ASSIGN(infer::LoadedModel loaded, m_models.load(m_options.base));
    m_graph = std::move(loaded.graph);
    ARGAND_ASSIGN(m_parameters, engine::Parameters::load(m_graph, loaded.weights));
  }
  m_card = m_base;
  m_card.id = m_options.modelId.empty() ? m_base.id + "-tuned" : m_options.modelId;
  m_card.name = m_options.modelName.empty() ? m_base.name + ", fine-tuned" : m_options.modelName;
  m_card.weightsFile = "weights.safetensors";
  m_card.parent = m_options.fromScratch ? std::string() : m_base.id + " " + m_base.weightsSha256;
  // Refused now, not after hours: the id must be one that can be installed.
  m_card.weightsSha256 = std::string(64, '0');
  ARGAND_TRY(infer::ModelCard::fromJson(m_card.toJson(), "the card of the new model"));
  return {};
}

Result<void> Training::prepareOut() {
  const fs::path checkpoint = checkpointPath(m_options.out);
  std::error_code error;
  const bool begun = fs::exists(checkpoint, error);
  if (m_options.resume != begun) {
    return fail(ErrorCode::Usage,
                begun ? fmt::format("{} holds a training already: resume it, or choose another "
                                    "folder.",
                                    displayed(m_options.out))
                      : fmt::format("There is nothing to resume in {}.", displayed(m_options.out)));
  }
  if (!writes()) {
    return {};
  }
  return guarded(ErrorCode::OutputFailed, "making " + displayed(modelFolder()), [&] {
    fs::create_directories(modelFolder());
  });
}

Result<void> Training::prepareData() {
  ARGAND_ASSIGN(m_dataset, checkDataset(m_options.data, m_base, m_stop, m_progress));
  for (const Finding& finding : m_dataset.findings) {
    log::warning("{}{}", finding.refuses ? "Left out: " : "", finding.text);
  }
  if (m_options.split.empty()) {
    ARGAND_ASSIGN(m_state.split,
                  splitCases(m_dataset.cases, m_options.validationShare, m_options.seed));
  } else {
    ARGAND_ASSIGN(m_state.split, readSplit(m_options.split, m_dataset.cases));
  }
  ARGAND_TRY(loadCases(m_state.split.training, m_training));
  ARGAND_TRY(loadCases(m_state.split.validation, m_validation));
  m_state.recipe = recipe();
  for (int axis = 0; axis < 3; ++axis) {
    const double base = m_options.fromScratch ? 0.0 : m_base.trainedExtentMm[axis];
    m_card.trainedExtentMm[axis] = std::max(base, m_dataset.largestExtentMm[axis]);
  }
  return writes() ? writeJsonFile(m_options.out / "split.json", toJson(m_state.split))
                  : Result<void>();
}

Result<void> Training::loadCases(const std::vector<std::string>& ids, CaseList& list) {
  for (const std::string& id : ids) {
    ARGAND_TRY(checkStop(m_stop));
    const auto found = std::find_if(m_dataset.cases.begin(),
                                    m_dataset.cases.end(),
                                    [&](const Case& one) { return one.id == id; });
    report(m_progress,
           "Loading cases",
           static_cast<double>(m_cases.size()) / static_cast<double>(m_dataset.cases.size()));
    ARGAND_ASSIGN(TrainingCase loaded, loadCase(*found, m_base, m_graph.alignment(), m_stop));
    m_cases.push_back(std::make_unique<TrainingCase>(std::move(loaded)));
    list.push_back(m_cases.back().get());
  }
  return {};
}

// What decides the numbers: a run resumed with another recipe would be neither.
Json Training::recipe() const {
  return Json{{"from_scratch", m_options.fromScratch},
              {"base", m_base.id},
              {"base_sha256", m_options.fromScratch ? std::string() : m_base.weightsSha256},
              {"network", m_base.network},
              {"epochs", m_options.epochs},
              {"batch", m_options.batch},
              {"learning_rate", m_options.learningRate},
              {"schedule", "one cycle"},
              {"optimizer", "AdamW"},
              {"weight_decay", m_options.weightDecay},
              {"loss", fmt::format("Dice + {}", toString(m_options.loss))},
              {"augment", m_options.augment},
              {"mirror", m_options.augment && m_base.mirrorSafe},
              {"seed", m_options.seed}};
}

Result<void> Training::resume(AdamW& optimizer) {
  const fs::path path = checkpointPath(m_options.out);
  ARGAND_ASSIGN(Checkpoint checkpoint, readCheckpoint(path));
  for (const auto& [key, value] : m_state.recipe.items()) {
    if (checkpoint.state.recipe.value(key, Json()) != value) {
      return fail(ErrorCode::Usage,
                  fmt::format("{} was made with {} {}, not {}; resume with the same settings.",
                              displayed(path),
                              key,
                              dumped(checkpoint.state.recipe.value(key, Json())),
                              dumped(value)));
    }
  }
  if (checkpoint.state.split.training != m_state.split.training ||
      checkpoint.state.split.validation != m_state.split.validation) {
    return fail(ErrorCode::Usage,
                fmt::format("{} was made with other cases than {} has now.",
                            displayed(path),
                            displayed(m_options.data)));
  }
  ARGAND_TRY(restore(checkpoint, m_parameters, optimizer));
  m_state = std::move(checkpoint.state);
  return {};
}

// The mean loss of an epoch's steps; `rate` becomes that of the last one.
Result<double> Training::runSteps(int epoch, BatchRunner& runner, AdamW& optimizer, double& rate) {
  CaseList order = m_training;
  constexpr std::uint64_t kOrder = 1;  // apart from the numbers of the cases
  CounterRandom random{m_options.seed, static_cast<std::uint64_t>(epoch), kOrder};
  for (std::size_t n = order.size() - 1; n > 0; --n) {
    std::swap(order[n], order[random.below(n + 1)]);
  }
  const auto batch = static_cast<std::size_t>(m_options.batch);
  const std::size_t steps = (order.size() + batch - 1) / batch;
  double loss = 0.0;
  for (std::size_t step = 0; step < steps; ++step) {
    ARGAND_TRY(checkStop(m_stop));
    report(m_progress,
           "Training",
           static_cast<double>(step) / static_cast<double>(steps),
           fmt::format("epoch {} of {}, step {} of {}", epoch, m_options.epochs, step + 1, steps));
    const std::size_t begin = step * batch;
    const std::size_t count = std::min(batch, order.size() - begin);
    ARGAND_ASSIGN(BatchRunner::Batch result,
                  runner.run(std::span(order).subspan(begin, count), epoch, m_stop));
    rate = oneCycleRate(m_options.learningRate,
                        optimizer.steps(),
                        static_cast<std::int64_t>(steps) * m_options.epochs);
    optimizer.step(result.gradients, rate);
    loss += result.loss * static_cast<double>(count);
  }
  return loss / static_cast<double>(order.size());
}

Result<void> Training::runEpoch(int epoch, BatchRunner& runner, AdamW& optimizer) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  EpochReport epochReport;
  epochReport.epoch = epoch;
  epochReport.epochs = m_options.epochs;
  ARGAND_ASSIGN(epochReport.loss, runSteps(epoch, runner, optimizer, epochReport.learningRate));
  if (epoch % m_options.validateEvery == 0 || epoch == m_options.epochs) {
    runner.giveBack();
    ARGAND_TRY(validateInto(epochReport));
  }
  epochReport.peakBytes = runner.peakBytes();
  epochReport.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const bool best = epochReport.validated &&
                    (!m_state.best.validated || epochReport.meanDice > m_state.best.meanDice);
  if (best) {
    m_state.best = epochReport;
  }
  m_state.epochs.push_back(epochReport);
  ARGAND_TRY(together(writes() ? writeEpoch(epochReport, best, optimizer) : Result<void>()));
  double seconds = 0.0;
  for (const EpochReport& one : m_state.epochs) {
    seconds += one.seconds;
  }
  epochReport.secondsLeft = seconds / epoch * (m_options.epochs - epoch);
  if (m_onEpoch && writes()) {
    m_onEpoch(epochReport);
  }
  return {};
}

Result<void> Training::writeEpoch(const EpochReport& epochReport,
                                  bool best,
                                  const AdamW& optimizer) {
  if (best) {
    ARGAND_TRY(saveModel(epochReport));
  }
  ARGAND_TRY(writeCheckpoint(checkpointPath(m_options.out), m_state, m_parameters, optimizer));
  Json curves = Json::array();
  for (const EpochReport& one : m_state.epochs) {
    curves.push_back(toJson(one));
  }
  return writeJsonFile(m_options.out / "curves.json", curves);
}

Result<void> Training::validateInto(EpochReport& epochReport) {
  ARGAND_ASSIGN(epochReport.dice,
                validate(m_graph,
                         m_parameters,
                         m_card,
                         m_options,
                         m_validation,
                         m_group.get(),
                         m_stop,
                         m_progress));
  epochReport.validated = true;
  double sum = 0.0;
  int labels = 0;
  for (const LabelDice& label : epochReport.dice) {
    sum += label.dice.value_or(0.0);
    labels += label.dice ? 1 : 0;
  }
  if (labels > 0) {
    epochReport.meanDice = sum / labels;
  }
  return {};
}

// The model as it is now: weights, and a card that says how it came about.
Result<void> Training::saveModel(const EpochReport& epochReport) {
  const fs::path weights = modelFolder() / m_card.weightsFile;
  ARGAND_TRY(m_parameters.save(weights));
  ARGAND_ASSIGN(m_card.weightsSha256, infer::sha256OfFile(weights));
  m_card.training = m_state.recipe;
  m_card.training["epoch"] = epochReport.epoch;
  m_card.training["training_cases"] = m_state.split.training.size();
  m_card.training["validation_cases"] = m_state.split.validation;
  Json dice = Json::object();
  for (const LabelDice& label : epochReport.dice) {
    dice[label.name] = metrics::jsonOrNull(label.dice);
  }
  m_card.metrics = Json{{"measured_on", "the validation cases, whole volumes"},
                        {"validation_dice", dice},
                        {"mean_dice", metrics::jsonOrNull(epochReport.meanDice)}};
  return writeJsonFile(modelFolder() / "card.json", m_card.toJson());
}

}  // namespace

Result<TrainResult> train(const TrainOptions& options,
                          const infer::ModelSource& models,
                          const EpochFn& onEpoch,
                          const std::stop_token& stop,
                          const ProgressFn& progress) {
  return Training(options, models, onEpoch, stop, progress).run();
}

}  // namespace argand::train
