// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/training_step.h"

#include "core/base/assert.h"
#include "core/base/progress.h"
#include "core/engine/run/worker_group.h"
#include "core/engine/training/slab_pass.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>

namespace argand::engine {

namespace {

using Calls = std::vector<std::shared_ptr<const PassCall>>;  // by micro-batch

// What stages hand to each other, and where they wait for it. Closed, nobody
// waits any more.
class Mailbox {
 public:
  enum class Kind { Value, Gradient };

  struct Key {
    Kind kind = Kind::Value;
    std::size_t microBatch = 0;
    NodeId node = 0;
    int from = 0;
    int to = 0;
    auto operator<=>(const Key&) const = default;
  };

  void put(const Key& key, at::Tensor tensor) {
    const std::lock_guard lock(m_mutex);
    m_tensors[key] = std::move(tensor);
    m_changed.notify_all();
  }

  // None once the mailbox is closed.
  std::optional<at::Tensor> take(const Key& key) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_closed || m_tensors.contains(key); });
    if (m_closed) {
      return std::nullopt;
    }
    auto found = m_tensors.extract(key);
    return std::move(found.mapped());
  }

  void close() {
    const std::lock_guard lock(m_mutex);
    m_closed = true;
    m_changed.notify_all();
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::map<Key, at::Tensor> m_tensors;
  bool m_closed = false;
};

// What one stage has of one micro-batch between forward and backward.
struct Tape {
  std::map<NodeId, at::Tensor> leaves;  // what came from other stages
  Values outputs;                       // with the graph
  at::Tensor loss;
};

void backwardFrom(std::vector<at::Tensor>& outputs, std::vector<at::Tensor>& gradients) {
  torch::autograd::edge_list edges;
  torch::autograd::variable_list roots;
  for (std::size_t n = 0; n < outputs.size(); ++n) {
    if (outputs[n].requires_grad()) {
      edges.push_back(torch::autograd::impl::gradient_edge(outputs[n]));
      roots.push_back(std::move(gradients[n]));
    }
  }
  // The graph alone holds what it needs from here on.
  outputs.clear();
  gradients.clear();
  torch::autograd::Engine::get_default_engine().execute(edges, roots, false, false, true, {});
}

// One stage of one training step; all of it on one thread.
class StageWorker {
 public:
  StageWorker(const Calls& calls,
              std::span<const MicroBatch> microBatches,
              const LossFn& loss,
              int stage,
              Mailbox& mailbox)
      : m_calls(calls),
        m_microBatches(microBatches),
        m_loss(loss),
        m_stage(stage),
        m_mailbox(mailbox),
        m_tapes(microBatches.size()),
        m_isLast(stage + 1 == stageCount(calls.front()->plan)) {
    for (const TrainingSegment& segment : calls.front()->segments) {
      for (const NodeId id : segment.reads) {
        const int from = stageOf(id);
        if (segment.stage == stage && from < stage && id > 0) {
          m_reads.emplace(id, from);
        }
        if (segment.stage > stage && from == stage) {
          m_writes.emplace(id, segment.stage);
        }
      }
    }
  }

  // False: the mailbox was closed.
  Result<bool> forward(std::size_t n) {
    Tape& tape = m_tapes[n];
    Values given;
    const Plan& plan = m_calls[n]->plan;
    for (const auto& [id, from] : m_reads) {
      std::optional<at::Tensor> value =
          m_mailbox.take({Mailbox::Kind::Value, n, id, from, m_stage});
      if (!value) {
        return false;
      }
      tape.leaves[id] = value->clone().set_requires_grad(true);
      given[id] = onFirstDevice(plan, m_stage, tape.leaves[id]);
    }
    given[0] = onFirstDevice(plan, m_stage, m_microBatches[n].input);
    Values made = runStage(m_calls[n], m_stage, std::move(given), &moments);
    if (m_isLast) {
      const SlabScores scores = scoresOf(made.at(m_calls[n]->graph.output()));
      ARGAND_ASSIGN(tape.loss, m_loss(scores, n));
    }
    for (const auto& [id, to] : m_writes) {
      m_mailbox.put({Mailbox::Kind::Value, n, id, m_stage, to}, wholeOf(made.at(id)).detach());
    }
    for (const auto& [id, to] : m_writes) {
      tape.outputs.emplace(id, made.at(id));
    }
    return true;
  }

  Result<bool> backward(std::size_t n) {
    Tape tape = std::exchange(m_tapes[n], Tape{});
    std::vector<at::Tensor> outputs;
    std::vector<at::Tensor> gradients;
    std::map<NodeId, at::Tensor> sums;
    for (const auto& [id, to] : m_writes) {
      std::optional<at::Tensor> gradient =
          m_mailbox.take({Mailbox::Kind::Gradient, n, id, to, m_stage});
      if (!gradient) {
        return false;
      }
      at::Tensor& sum = sums[id];
      sum = sum.defined() ? sum.add_(*gradient) : gradient->clone();
    }
    for (const auto& [id, sum] : sums) {
      const Slabs& slabs = tape.outputs.at(id);
      for (std::size_t m = 0; m < slabs.rows.size(); ++m) {
        if (slabs.rows[m].count() > 0) {
          outputs.push_back(slabs.values[m]);
          gradients.push_back(sum.narrow(2, slabs.rows[m].begin, slabs.rows[m].count()));
        }
      }
    }
    sums.clear();
    tape.outputs.clear();
    if (tape.loss.defined()) {
      outputs.push_back(std::exchange(tape.loss, {}));
      gradients.push_back(at::ones({}, outputs.back().options()));
    }
    backwardFrom(outputs, gradients);
    for (const auto& [id, from] : m_reads) {
      at::Tensor gradient = tape.leaves.at(id).grad();
      m_mailbox.put({Mailbox::Kind::Gradient, n, id, m_stage, from},
                    gradient.defined() ? gradient : at::zeros_like(tape.leaves.at(id)));
    }
    return true;
  }

  MomentsByNode moments;

 private:
  int stageOf(NodeId id) const {
    for (const TrainingSegment& segment : m_calls.front()->segments) {
      if (id >= segment.begin && id < segment.end) {
        return segment.stage;
      }
    }
    return 0;
  }

  // Handed on undivided: the stage behind has other devices.
  static at::Tensor wholeOf(const Slabs& slabs) {
    std::vector<at::Tensor> parts;
    for (const at::Tensor& value : slabs.values) {
      if (value.defined()) {
        parts.push_back(value.detach());
      }
    }
    return parts.size() == 1 ? parts[0] : at::cat(parts, 2);
  }

  const Calls& m_calls;
  const std::span<const MicroBatch> m_microBatches;
  const LossFn& m_loss;
  const int m_stage;
  Mailbox& m_mailbox;
  std::vector<Tape> m_tapes;
  const bool m_isLast;
  std::set<std::pair<NodeId, int>> m_reads;   // and the stage that has it
  std::set<std::pair<NodeId, int>> m_writes;  // and each stage that reads it
};

int threadsOf(const Plan& plan, int stage) {
  int threads = 0;
  for (const int m : devicesOf(plan, stage)) {
    threads += plan.devices[static_cast<std::size_t>(m)].device.threads;
  }
  return threads;
}

Result<void> runInTurn(StageWorker& worker, std::size_t count, const std::stop_token& stop) {
  for (std::size_t n = 0; n < count; ++n) {
    ARGAND_TRY(checkStop(stop));
    ARGAND_TRY(guardedPass(stop, [&] { return worker.forward(n); }));
    ARGAND_TRY(guardedPass(stop, [&] { return worker.backward(n); }));
  }
  return {};
}

Result<void> runPipeline(std::vector<StageWorker>& workers,
                         const Plan& plan,
                         std::size_t count,
                         const TrainingStepOptions& options,
                         Mailbox& mailbox) {
  const int stages = static_cast<int>(workers.size());
  const auto actions = pipelineActions(plan.schedule, stages, static_cast<int>(count));
  const std::stop_callback closes(options.stop, [&] { mailbox.close(); });
  WorkerGroup group(stages);
  const Result<void> done = group.run([&](int stage) -> Result<void> {
    const auto s = static_cast<std::size_t>(stage);
    at::set_num_threads(threadsOf(plan, stage));
    std::optional<LedgerScope> scope;
    if (!options.ledgers.empty()) {
      scope.emplace(*options.ledgers[s]);
    }
    for (const PipelineAction& action : actions[s]) {
      const auto n = static_cast<std::size_t>(action.microBatch);
      const Result<bool> ran = guardedPass(options.stop, [&] {
        return action.kind == PipelineAction::Kind::Forward ? workers[s].forward(n)
                                                            : workers[s].backward(n);
      });
      if (!ran) {
        mailbox.close();
        return failureOf(ran);
      }
      if (!*ran) {
        break;
      }
    }
    return {};
  });
  ARGAND_TRY(done);
  return checkStop(options.stop);
}

}  // namespace

Result<void> trainingStep(const Graph& graph,
                          Parameters& parameters,
                          std::span<const MicroBatch> microBatches,
                          const LossFn& loss,
                          const TrainingStepOptions& options) {
  ARGAND_ASSERT(!microBatches.empty());
  const int stages = stageCount(*microBatches.front().plan);
  ARGAND_ASSERT(options.ledgers.empty() ||
                options.ledgers.size() == static_cast<std::size_t>(stages));
  Calls calls;
  for (const MicroBatch& one : microBatches) {
    ARGAND_TRY(validate(*one.plan, graph));
    ARGAND_ASSERT(stageCount(*one.plan) == stages);
    ForwardOptions forwardOptions;
    forwardOptions.dropoutSeed = options.dropoutSeed;
    forwardOptions.firstSample = one.firstSample;
    forwardOptions.stop = options.stop;
    calls.push_back(passCall(graph, parameters, *one.plan, forwardOptions));
  }
  Mailbox mailbox;
  std::vector<StageWorker> workers;
  workers.reserve(static_cast<std::size_t>(stages));
  for (int stage = 0; stage < stages; ++stage) {
    workers.emplace_back(calls, microBatches, loss, stage, mailbox);
  }
  if (stages == 1) {
    std::optional<LedgerScope> scope;
    if (!options.ledgers.empty()) {
      scope.emplace(*options.ledgers.front());
    }
    ARGAND_TRY(runInTurn(workers.front(), microBatches.size(), options.stop));
  } else {
    ARGAND_TRY(
        runPipeline(workers, *microBatches.front().plan, microBatches.size(), options, mailbox));
  }
  MomentsByNode moments;
  for (StageWorker& worker : workers) {
    moments.merge(worker.moments);
  }
  if (options.moments != nullptr) {
    append(*options.moments, moments);
  } else {
    moveRunningStatistics(graph, parameters, moments);
  }
  return {};
}

std::vector<MicroBatch> microBatchesOf(const at::Tensor& batch, const Plan& plan) {
  std::vector<MicroBatch> parts;
  const std::int64_t samples = batch.size(0);
  for (std::int64_t n = 0; n < plan.microBatches; ++n) {
    const std::int64_t begin = samples * n / plan.microBatches;
    const std::int64_t end = samples * (n + 1) / plan.microBatches;
    parts.push_back({batch.narrow(0, begin, end - begin), &plan, begin});
  }
  return parts;
}

}  // namespace argand::engine
