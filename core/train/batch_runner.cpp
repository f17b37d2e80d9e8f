// SPDX-License-Identifier: Apache-2.0
#include "core/train/batch_runner.h"

#include "core/base/assert.h"
#include "core/engine/plan/planner.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/training_plan.h"
#include "core/engine/run/parameters_torch.h"
#include "core/train/loss.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <thread>
#include <variant>

namespace argand::train {

namespace {

// The network's axis that runs from one side of the patient to the other.
std::optional<int> leftRightAxis(const infer::ModelCard& card) {
  const std::size_t at = card.axisCodes.find_first_of("LR");
  return at == std::string::npos ? std::nullopt : std::optional(static_cast<int>(at));
}

std::vector<engine::DeviceSpec> partOf(std::vector<engine::DeviceSpec> devices, int workers) {
  for (engine::DeviceSpec& device : devices) {
    device.budgetBytes /= workers;
    device.threads = std::max(1, device.threads / workers);
  }
  return devices;
}

// The same numbers with a place of their own for gradients.
engine::Parameters aliasOf(const engine::Parameters& parameters) {
  engine::Parameters alias;
  alias.tensors().trainable = parameters.tensors().trainable;
  for (const auto& [name, tensor] : parameters.tensors().byName) {
    alias.tensors().byName[name] = tensor.detach();
  }
  for (const std::string& name : alias.tensors().trainable) {
    alias.tensors().byName[name].set_requires_grad(true);
  }
  return alias;
}

// Every process's statistics, one entry each, in all of them.
Result<void> gatherMoments(ProcessGroup& group,
                           const engine::Graph& graph,
                           engine::MomentsByNode& moments) {
  for (engine::NodeId id = 0; id < graph.size(); ++id) {
    if (!std::holds_alternative<engine::BatchNormOp>(graph.node(id).op)) {
      continue;
    }
    const std::int64_t channels = graph.node(id).channels;
    at::Tensor all = at::zeros({group.size(), 1 + 2 * channels}, at::kDouble);
    if (moments.contains(id)) {
      const engine::BatchMoments own = engine::joined(moments.at(id));
      all[group.rank()].copy_(
          at::cat({at::full({1}, own.voxels, at::kDouble), own.mean.cpu(), own.variance.cpu()}));
    }
    ARGAND_TRY(group.sum(all));
    moments[id].clear();
    for (int n = 0; n < group.size(); ++n) {
      moments[id].push_back({all[n][0].item<double>(),
                             all[n].narrow(0, 1, channels).clone(),
                             all[n].narrow(0, 1 + channels, channels).clone()});
    }
  }
  return {};
}

}  // namespace

Result<BatchRunner> BatchRunner::create(const engine::Graph& graph,
                                        engine::Parameters& parameters,
                                        const TrainOptions& options,
                                        const infer::ModelCard& card,
                                        std::span<const TrainingCase* const> cases,
                                        ProcessGroup* group) {
  ARGAND_ASSERT(!options.devices.empty() && !cases.empty());
  BatchRunner runner(
      graph, parameters, options, card.mirrorSafe ? leftRightAxis(card) : std::nullopt, group);
  int workers = 1;
  if (options.devices.size() == 1 && options.devices.front().kind == engine::DeviceKind::Cpu) {
    workers = std::min(runner.ownCases(), options.devices.front().threads);
  }
  for (;; --workers) {
    const auto planned = runner.plan(cases, workers);
    if (planned) {
      ARGAND_TRY(engine::placeParameters(graph, parameters, runner.largestPlan()));
      runner.addWorkers(workers);
      return runner;
    }
    if (workers == 1) {
      return failureOf(planned);
    }
  }
}

Result<void> BatchRunner::plan(std::span<const TrainingCase* const> cases, int workers) {
  m_plans.clear();
  std::vector<engine::Extent> sizes;
  for (const TrainingCase* one : cases) {
    if (std::find(sizes.begin(), sizes.end(), one->grid.padded) == sizes.end()) {
      sizes.push_back(one->grid.padded);
    }
  }
  std::stable_sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) {
    return a.voxels() > b.voxels();
  });
  for (const engine::Extent& size : sizes) {
    // Over several devices the cases of a batch may go through a pipeline; what
    // is right for the largest size is taken for all.
    const bool mayPipeline =
        m_plans.empty() ? m_options.devices.size() > 1 : engine::stageCount(m_plans.front()) > 1;
    const int together = mayPipeline ? ownCases() : 1;
    engine::PlanRequest request;
    request.input = {together, m_graph.inputChannels(), size};
    request.microBatches = together;
    request.devices = partOf(m_options.devices, workers);
    request.training = true;
    request.words = m_options.plan;
    if (!m_plans.empty() && mayPipeline) {
      request.words += ",pipeline";
    }
    ARGAND_ASSIGN(engine::Plan plan, engine::makePlan(m_graph, request));
    m_plans.push_back(std::move(plan));
  }
  return {};
}

// Of a batch, the most that this process has.
int BatchRunner::ownCases() const {
  return m_group == nullptr ? m_options.batch
                            : (m_options.batch + m_group->size() - 1) / m_group->size();
}

void BatchRunner::addWorkers(int workers) {
  const engine::Plan& plan = m_plans.front();
  const std::vector<std::int64_t> kept = engine::bytesBetweenSteps(plan, m_graph);
  for (int n = 0; n < workers; ++n) {
    Worker worker{aliasOf(m_parameters), {}};
    for (std::size_t m = 0; m < plan.devices.size(); ++m) {
      const engine::DeviceSpec& device = plan.devices[m].device;
      worker.ledgers.push_back(
          std::make_unique<engine::Ledger>(device.name, device.budgetBytes, device.kind));
      worker.ledgers.back()->charge(kept[m]);
    }
    m_workers.push_back(std::move(worker));
  }
}

std::int64_t BatchRunner::peakBytes() const {
  std::int64_t bytes = 0;
  for (const Worker& worker : m_workers) {
    std::int64_t busiest = 0;
    for (const auto& ledger : worker.ledgers) {
      busiest = std::max(busiest, ledger->peakBytes());
    }
    bytes += busiest;
  }
  return std::max(bytes, m_peakBytes);
}

void BatchRunner::giveBack() {
  m_peakBytes = peakBytes();
  for (const Worker& worker : m_workers) {
    for (const auto& ledger : worker.ledgers) {
      ledger->reset();
    }
  }
}

const engine::Plan& BatchRunner::largestPlan() const {
  return m_plans.front();
}

const engine::Plan& BatchRunner::planOf(const TrainingCase& one) const {
  const auto plan = std::find_if(m_plans.begin(), m_plans.end(), [&](const engine::Plan& known) {
    return known.input.size == one.grid.padded;
  });
  ARGAND_ASSERT(plan != m_plans.end());
  return *plan;
}

Sample BatchRunner::sampleOf(const TrainingCase& one, int epoch) const {
  if (!m_options.augment) {
    return {one.grid.size, one.image, one.labels};
  }
  CounterRandom random{
      m_options.seed, static_cast<std::uint64_t>(epoch), std::hash<std::string>{}(one.id)};
  const Affine sourceFromResult =
      randomAffine(one.grid.size, one.grid.spacingMm, m_mirrorAxis, random);
  Sample sample = transformed(one.image, one.labels, one.grid.size, sourceFromResult);
  changeIntensities(sample.image, random);
  return sample;
}

// Together: the micro-batches of one step.
Result<void> BatchRunner::runCases(Worker& worker,
                                   std::span<const TrainingCase* const> cases,
                                   int epoch,
                                   double weight,
                                   const std::stop_token& stop,
                                   std::span<CaseResult> results) {
  std::vector<Sample> samples;
  std::vector<std::vector<float>> images;
  std::vector<engine::MicroBatch> parts;
  for (const TrainingCase* one : cases) {
    const engine::Extent& extent = one->grid.padded;
    samples.push_back(sampleOf(*one, epoch));
    images.push_back(padded(samples.back().image, samples.back().size, extent));
    parts.push_back(
        {at::from_blob(images.back().data(), {1, 1, extent.d, extent.h, extent.w}, at::kFloat),
         &planOf(*one),
         0});
  }
  engine::TrainingStepOptions options;
  options.stop = stop;
  options.dropoutSeed = CounterRandom{m_options.seed,
                                      static_cast<std::uint64_t>(epoch),
                                      std::hash<std::string>{}(cases.front()->id)}
                            .next();
  for (const auto& ledger : worker.ledgers) {
    options.ledgers.push_back(ledger.get());
  }
  options.moments = &results.front().moments;
  return engine::trainingStep(
      m_graph,
      worker.parameters,
      parts,
      [&](const engine::SlabScores& scores, std::size_t n) -> Result<at::Tensor> {
        const at::Tensor loss =
            segmentationLoss(scores, samples[n].labels, samples[n].size, m_options.loss);
        results[n].loss = loss.item<double>();
        if (!std::isfinite(results[n].loss)) {
          return fail(
              ErrorCode::InputRefused,
              fmt::format("The loss of case '{}' is no longer a number in epoch {}: the learning "
                          "rate is too high for this network and data. Start again with a lower "
                          "one; the checkpoint of the epoch before is kept.",
                          cases[n]->id,
                          epoch));
        }
        return loss * weight;
      },
      options);
}

// This process's cases: in one step where the plan has stages, else one by one,
// side by side where there are several workers.
Result<void> BatchRunner::runOwn(std::span<const TrainingCase* const> cases,
                                 int epoch,
                                 double weight,
                                 const std::stop_token& stop,
                                 std::span<CaseResult> results) {
  if (cases.empty()) {
    return {};
  }
  if (engine::stageCount(m_plans.front()) > 1) {
    return runCases(m_workers.front(), cases, epoch, weight, stop, results);
  }
  std::vector<Result<void>> done(m_workers.size());
  const auto work = [&](std::size_t n) {
    for (std::size_t at = n; at < cases.size() && done[n]; at += m_workers.size()) {
      done[n] = guarded(ErrorCode::Internal, "computing gradients", [&] {
        return runCases(
            m_workers[n], cases.subspan(at, 1), epoch, weight, stop, results.subspan(at, 1));
      });
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t n = 1; n < std::min(m_workers.size(), cases.size()); ++n) {
      threads.emplace_back(work, n);
    }
    work(0);
  }
  for (const Result<void>& one : done) {
    ARGAND_TRY(one);
  }
  return {};
}

// Sums over the processes: gradients and losses, and the moments of every case.
Result<void> BatchRunner::join(Batch& batch, std::vector<CaseResult>& results, Share own) {
  std::vector<at::Tensor> flat;
  std::vector<at::Tensor> sources;
  for (const std::string& name : m_parameters.tensors().trainable) {
    at::Tensor& gradient = batch.gradients[name];
    if (!gradient.defined()) {
      gradient = at::zeros_like(m_parameters.tensors().byName.at(name));
    }
    gradient = gradient.contiguous();
    sources.push_back(gradient);
    flat.push_back(gradient.flatten().to(sources.front().device()));
  }
  at::Tensor all = at::cat(flat);
  ARGAND_TRY(m_group->sum(all));
  std::int64_t begin = 0;
  for (at::Tensor& gradient : sources) {
    gradient.copy_(all.narrow(0, begin, gradient.numel()).view_as(gradient));
    begin += gradient.numel();
  }
  at::Tensor losses = at::zeros({static_cast<std::int64_t>(results.size())}, at::kDouble);
  for (std::size_t n = own.begin; n < own.end; ++n) {
    losses[static_cast<std::int64_t>(n)] = results[n].loss;
  }
  ARGAND_TRY(m_group->sum(losses));
  for (std::size_t n = 0; n < results.size(); ++n) {
    results[n].loss = losses[static_cast<std::int64_t>(n)].item<double>();
  }
  return {};
}

Result<BatchRunner::Batch> BatchRunner::run(std::span<const TrainingCase* const> cases,
                                            int epoch,
                                            const std::stop_token& stop) {
  const double weight = 1.0 / static_cast<double>(cases.size());
  const Share own = m_group == nullptr ? Share{0, cases.size()}
                                       : shareOf(cases.size(), m_group->rank(), m_group->size());
  std::vector<CaseResult> results(cases.size());
  const Result<void> ran = runOwn(cases.subspan(own.begin, own.end - own.begin),
                                  epoch,
                                  weight,
                                  stop,
                                  std::span(results).subspan(own.begin, own.end - own.begin));
  ARGAND_TRY(m_group == nullptr ? ran : m_group->agree(ran));
  return guarded(ErrorCode::Internal, "joining gradients", [&]() -> Result<Batch> {
    const c10::NoGradGuard noGradients;
    Batch batch;
    for (Worker& worker : m_workers) {
      for (const std::string& name : worker.parameters.tensors().trainable) {
        at::Tensor& gradient = worker.parameters.tensors().byName.at(name).mutable_grad();
        if (!gradient.defined()) {
          continue;
        }
        at::Tensor& sum = batch.gradients[name];
        sum = sum.defined() ? sum.add_(gradient) : gradient;
        gradient = at::Tensor();
      }
    }
    if (m_group != nullptr) {
      ARGAND_TRY(join(batch, results, own));
    }
    engine::MomentsByNode moments;
    for (const CaseResult& result : results) {
      batch.loss += result.loss * weight;
      engine::append(moments, result.moments);
    }
    if (m_group != nullptr) {
      ARGAND_TRY(gatherMoments(*m_group, m_graph, moments));
    }
    engine::moveRunningStatistics(m_graph, m_parameters, moments);
    return batch;
  });
}

}  // namespace argand::train
