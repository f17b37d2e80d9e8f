// SPDX-License-Identifier: Apache-2.0
// Internal to the trainer: brings Torch in.
#pragma once

#include "core/engine/run/ledger.h"
#include "core/engine/training/training_step.h"
#include "core/train/augment.h"
#include "core/train/process_group.h"
#include "core/train/trainer.h"
#include "core/train/training_case.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace argand::train {

// Gradients of a batch. Each case goes through the network by itself, in its own
// size, and gradients are averaged: no volume is padded for another's sake. Cases
// are the micro-batches of a pipeline, where the plan is one; on one device
// several may run side by side, each on its share of the threads and the budget.
// Of several processes each takes its share of the cases. The sum is always
// taken in the same order. Batch norms normalise each case by itself; their running
// statistics move once a batch, by those of all its cases together.
class BatchRunner {
 public:
  // Plans every size that occurs; fails with NoPlan where one cannot fit.
  [[nodiscard]] static Result<BatchRunner> create(const engine::Graph& graph,
                                                  engine::Parameters& parameters,
                                                  const TrainOptions& options,
                                                  const infer::ModelCard& card,
                                                  std::span<const TrainingCase* const> cases,
                                                  ProcessGroup* group = nullptr);

  struct Batch {
    double loss = 0.0;  // mean of its cases
    std::map<std::string, at::Tensor> gradients;
  };

  // Fails where the loss of a case is no finite number, and with Cancelled within
  // an operation of a stop.
  [[nodiscard]] Result<Batch> run(std::span<const TrainingCase* const> cases,
                                  int epoch,
                                  const std::stop_token& stop = {});

  // Frees what training keeps between its steps, for what comes in between.
  void giveBack();

  // Of the busiest device since the start.
  [[nodiscard]] std::int64_t peakBytes() const;

  // The plan of the largest size that occurs.
  [[nodiscard]] const engine::Plan& largestPlan() const;

 private:
  // One side-by-side copy, or the one that has all stages.
  struct Worker {
    engine::Parameters parameters;                         // the same storage, gradients of its own
    std::vector<std::unique_ptr<engine::Ledger>> ledgers;  // by device
  };

  // What a case gives beside its gradients.
  struct CaseResult {
    double loss = 0.0;
    engine::MomentsByNode moments;
  };

  BatchRunner(const engine::Graph& graph,
              engine::Parameters& parameters,
              const TrainOptions& options,
              std::optional<int> mirrorAxis,
              ProcessGroup* group)
      : m_graph(graph),
        m_parameters(parameters),
        m_options(options),
        m_mirrorAxis(mirrorAxis),
        m_group(group) {}

  [[nodiscard]] Result<void> plan(std::span<const TrainingCase* const> cases, int workers);
  void addWorkers(int workers);
  [[nodiscard]] int ownCases() const;
  [[nodiscard]] const engine::Plan& planOf(const TrainingCase& one) const;
  [[nodiscard]] Sample sampleOf(const TrainingCase& one, int epoch) const;
  [[nodiscard]] Result<void> runCases(Worker& worker,
                                      std::span<const TrainingCase* const> cases,
                                      int epoch,
                                      double weight,
                                      const std::stop_token& stop,
                                      std::span<CaseResult> results);
  [[nodiscard]] Result<void> runOwn(std::span<const TrainingCase* const> cases,
                                    int epoch,
                                    double weight,
                                    const std::stop_token& stop,
                                    std::span<CaseResult> results);
  [[nodiscard]] Result<void> join(Batch& batch, std::vector<CaseResult>& results, Share own);

  const engine::Graph& m_graph;
  engine::Parameters& m_parameters;
  const TrainOptions& m_options;
  std::optional<int> m_mirrorAxis;
  ProcessGroup* m_group;
  std::vector<engine::Plan> m_plans;  // one for each size
  std::vector<Worker> m_workers;
  std::int64_t m_peakBytes = 0;  // before the last giveBack
};

}  // namespace argand::train
