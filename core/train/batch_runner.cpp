// SPDX-License-Identifier: Apache-2.0
#include "core/train/batch_runner.h"

#include "core/base/assert.h"
#include "core/engine/parameters_torch.h"
#include "core/engine/planner.h"
#include "core/train/loss.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
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

// Batch norms move their running statistics: case after case, in order.
bool hasBatchNorm(const engine::Graph& graph) {
  const auto& nodes = graph.nodes();
  return std::any_of(nodes.begin(), nodes.end(), [](const engine::Node& node) {
    return std::holds_alternative<engine::BatchNormOp>(node.op);
  });
}

std::vector<engine::DeviceSpec> shareOf(std::vector<engine::DeviceSpec> devices, int workers) {
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

}  // namespace

Result<BatchRunner> BatchRunner::create(const engine::Graph& graph,
                                        engine::Parameters& parameters,
                                        const TrainOptions& options,
                                        const infer::ModelCard& card,
                                        std::span<const TrainingCase* const> cases) {
  ARGAND_ASSERT(!options.devices.empty() && !cases.empty());
  BatchRunner runner(graph, options, card.mirrorSafe ? leftRightAxis(card) : std::nullopt);
  int workers = 1;
  if (options.devices.size() == 1 && !hasBatchNorm(graph)) {
    workers = std::min(options.batch, options.devices.front().threads);
  }
  for (;; --workers) {
    const auto planned = runner.plan(cases, workers);
    if (planned) {
      runner.addWorkers(parameters, workers);
      return runner;
    }
    if (workers == 1) {
      return failureOf(planned);
    }
  }
}

Result<void> BatchRunner::plan(std::span<const TrainingCase* const> cases, int workers) {
  m_plans.clear();
  for (const TrainingCase* one : cases) {
    const auto known = std::any_of(m_plans.begin(), m_plans.end(), [&](const engine::Plan& plan) {
      return plan.input.size == one->grid.padded;
    });
    if (known) {
      continue;
    }
    engine::PlanRequest request;
    request.input = {1, m_graph.inputChannels(), one->grid.padded};
    request.devices = shareOf(m_options.devices, workers);
    request.training = true;
    request.words = m_options.plan;
    ARGAND_ASSIGN(engine::Plan plan, engine::makePlan(m_graph, request));
    m_plans.push_back(std::move(plan));
  }
  std::sort(m_plans.begin(), m_plans.end(), [](const auto& a, const auto& b) {
    return a.input.size.voxels() > b.input.size.voxels();
  });
  return {};
}

void BatchRunner::addWorkers(engine::Parameters& parameters, int workers) {
  const auto devices = shareOf(m_options.devices, workers);
  std::int64_t budget = 0;
  m_threads = 0;
  for (const engine::DeviceSpec& device : devices) {
    budget += device.budgetBytes;
    m_threads = std::max(m_threads, device.threads);
  }
  for (int n = 0; n < workers; ++n) {
    m_workers.push_back(
        {aliasOf(parameters), std::make_unique<engine::Ledger>(devices.front().name, budget)});
  }
}

std::int64_t BatchRunner::peakBytes() const {
  std::int64_t bytes = 0;
  for (const Worker& worker : m_workers) {
    bytes += worker.ledger->peakBytes();
  }
  return bytes;
}

const engine::Plan& BatchRunner::largestPlan() const {
  return m_plans.front();
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

Result<double> BatchRunner::runCase(Worker& worker,
                                    const TrainingCase& one,
                                    int epoch,
                                    double weight) {
  const engine::LedgerScope scope(*worker.ledger);
  const Sample sample = sampleOf(one, epoch);
  const engine::Extent& extent = one.grid.padded;
  std::vector<float> image = padded(sample.image, sample.size, extent);
  const at::Tensor input =
      at::from_blob(image.data(), {1, 1, extent.d, extent.h, extent.w}, at::kFloat);
  const auto plan = std::find_if(m_plans.begin(), m_plans.end(), [&](const engine::Plan& known) {
    return known.input.size == extent;
  });
  ARGAND_ASSERT(plan != m_plans.end());
  ARGAND_ASSIGN(const engine::SlabScores scores,
                engine::forward(m_graph, worker.parameters, *plan, input, engine::Mode::Training));
  const at::Tensor loss = segmentationLoss(scores, sample.labels, sample.size, m_options.loss);
  const double value = loss.item<double>();
  if (!std::isfinite(value)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The loss of case '{}' is no longer a number in epoch {}: the learning "
                            "rate is too high for this network and data. Start again with a lower "
                            "one; the checkpoint of the epoch before is kept.",
                            one.id,
                            epoch));
  }
  (loss * weight).backward();
  return value;
}

Result<BatchRunner::Batch> BatchRunner::run(std::span<const TrainingCase* const> cases, int epoch) {
  const double weight = 1.0 / static_cast<double>(cases.size());
  std::vector<Result<double>> losses(cases.size(), Result<double>(0.0));
  const auto work = [&](std::size_t n) {
    at::set_num_threads(m_threads);
    for (std::size_t at = n; at < cases.size(); at += m_workers.size()) {
      losses[at] = guarded(ErrorCode::Internal, "computing gradients", [&] {
        return runCase(m_workers[n], *cases[at], epoch, weight);
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
  Batch batch;
  for (const Result<double>& loss : losses) {
    ARGAND_TRY(loss);
    batch.loss += *loss * weight;
  }
  const c10::NoGradGuard noGradients;
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
  return batch;
}

}  // namespace argand::train
