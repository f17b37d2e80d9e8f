// SPDX-License-Identifier: Apache-2.0
// Internal to the trainer: brings Torch in.
#pragma once

#include "core/engine/differentiable.h"
#include "core/engine/ledger.h"
#include "core/train/augment.h"
#include "core/train/trainer.h"
#include "core/train/training_case.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace argand::train {

// Gradients of a batch. Each case goes through the network by itself, in its own
// size, and gradients are averaged: no volume is padded for another's sake. On
// one device several cases may run side by side, each on its share of the
// threads and the budget; the sum is always taken in the same order.
class BatchRunner {
 public:
  // Plans every size that occurs; fails with NoPlan where one cannot fit.
  [[nodiscard]] static Result<BatchRunner> create(const engine::Graph& graph,
                                                  engine::Parameters& parameters,
                                                  const TrainOptions& options,
                                                  const infer::ModelCard& card,
                                                  std::span<const TrainingCase* const> cases);

  struct Batch {
    double loss = 0.0;  // mean of its cases
    std::map<std::string, at::Tensor> gradients;
  };

  // Fails where the loss of a case is no finite number.
  [[nodiscard]] Result<Batch> run(std::span<const TrainingCase* const> cases, int epoch);

  // Of the busiest device since the start.
  [[nodiscard]] std::int64_t peakBytes() const;

  // The plan of the largest size that occurs.
  [[nodiscard]] const engine::Plan& largestPlan() const;

 private:
  struct Worker {
    engine::Parameters parameters;  // the same storage, gradients of its own
    std::unique_ptr<engine::Ledger> ledger;
  };

  BatchRunner(const engine::Graph& graph,
              const TrainOptions& options,
              std::optional<int> mirrorAxis)
      : m_graph(graph), m_options(options), m_mirrorAxis(mirrorAxis) {}

  [[nodiscard]] Result<void> plan(std::span<const TrainingCase* const> cases, int workers);
  void addWorkers(engine::Parameters& parameters, int workers);
  [[nodiscard]] Sample sampleOf(const TrainingCase& one, int epoch) const;
  [[nodiscard]] Result<double> runCase(Worker& worker,
                                       const TrainingCase& one,
                                       int epoch,
                                       double weight);

  const engine::Graph& m_graph;
  const TrainOptions& m_options;
  std::optional<int> m_mirrorAxis;
  int m_threads = 1;                  // of a worker
  std::vector<engine::Plan> m_plans;  // one for each size
  std::vector<Worker> m_workers;
};

}  // namespace argand::train
