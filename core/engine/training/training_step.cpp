// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/training_step.h"

#include "core/base/assert.h"
#include "core/base/progress.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/run/worker_group.h"
#include "core/engine/training/inner_graph.h"
#include "core/engine/training/slab_pass.h"

#include <ATen/ATen.h>

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

  void put(const Key& key, Tensors tensors) {
    const std::lock_guard lock(m_mutex);
    m_tensors[key] = std::move(tensors);
    m_changed.notify_all();
  }

  // None once the mailbox is closed.
  std::optional<Tensors> take(const Key& key) {
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
  std::map<Key, Tensors> m_tensors;
  bool m_closed = false;
};

// What one stage has of one micro-batch between forward and backward.
struct Tape {
  std::map<NodeId, autograd::Start> starts;  // of what came from other stages
  Values outputs;                            // with the graph
  at::Tensor loss;
};

// One stage of one training step, led by one thread.
class StageWorker {
 public:
  StageWorker(const Calls& calls,
              std::span<const MicroBatch> microBatches,
              const LossFn& loss,
              int stage,
              TeamPtr team,
              Mailbox& mailbox)
      : m_calls(calls),
        m_microBatches(microBatches),
        m_loss(loss),
        m_stage(stage),
        m_first(devicesOf(calls.front()->plan, stage).front()),
        m_team(std::move(team)),
        m_mailbox(mailbox),
        m_tapes(microBatches.size()),
        m_isLast(stage + 1 == stageCount(calls.front()->plan)) {
    for (const TrainingSegment& segment : calls.front()->segments) {
      for (const NodeId id : segment.reads) {
        if (id == 0) {
          continue;  // every stage has the input
        }
        const int from = stageOf(id);
        if (segment.stage == stage && from < stage) {
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
      std::optional<Tensors> slabs = m_mailbox.take({Mailbox::Kind::Value, n, id, from, m_stage});
      if (!slabs) {
        return false;
      }
      for (at::Tensor& slab : *slabs) {
        slab = slab.to(m_team->where(m_first));
      }
      given[id] = onFirstDevice(
          plan, m_stage, m_team, tape.starts[id].cut(at::cat(*slabs, 2).set_requires_grad(true)));
    }
    given[0] = onFirstDevice(plan, m_stage, m_team, m_microBatches[n].input);
    Values made = runStage(m_calls[n], m_stage, m_team, std::move(given), &moments);
    if (m_isLast) {
      const SlabScores scores = scoresOf(made.at(m_calls[n]->graph.output()), m_team);
      ARGAND_ASSIGN(tape.loss, m_loss(scores, n));
    }
    for (const auto& [id, to] : m_writes) {
      m_mailbox.put({Mailbox::Kind::Value, n, id, m_stage, to}, slabsOf(made.at(id)));
    }
    for (const auto& [id, to] : m_writes) {
      tape.outputs.emplace(id, made.at(id));
    }
    return true;
  }

  Result<bool> backward(std::size_t n) {
    Tape tape = std::exchange(m_tapes[n], Tape{});
    std::vector<torch::autograd::Edge> ends;
    Tensors gradients;
    std::map<NodeId, Slabs> sums;
    for (const auto& [id, to] : m_writes) {
      const std::optional<Tensors> gradient =
          m_mailbox.take({Mailbox::Kind::Gradient, n, id, to, m_stage});
      if (!gradient) {
        return false;
      }
      const std::vector<RowRange>& rows = tape.outputs.at(id).rows;
      addSlabs(gradient->front(), sums.try_emplace(id, rows, Tensors(rows.size())).first->second);
    }
    for (const auto& [id, sum] : sums) {
      const Slabs& slabs = tape.outputs.at(id);
      for (const int device : devicesWith(slabs.rows)) {
        const auto m = static_cast<std::size_t>(device);
        ends.push_back(autograd::endOf(slabs.values[m]));
        gradients.push_back(sum.values[m]);
      }
    }
    sums.clear();
    // The graph alone holds what it needs from here on.
    tape.outputs.clear();
    if (tape.loss.defined()) {
      ends.push_back(autograd::endOf(tape.loss));
      gradients.push_back(at::ones({}, tape.loss.options()));
      tape.loss = at::Tensor();
    }
    autograd::runBackward(ends, gradients);
    for (const auto& [id, from] : m_reads) {
      m_mailbox.put({Mailbox::Kind::Gradient, n, id, m_stage, from}, {tape.starts.at(id).take()});
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

  // Each device takes its rows, or adds them to what it has.
  void addSlabs(const at::Tensor& whole, Slabs& sum) const {
    if (!whole.defined()) {
      return;
    }
    const std::vector<int> devices = devicesWith(sum.rows);
    m_team->each(devices, [&](std::size_t n) {
      const auto m = static_cast<std::size_t>(devices[n]);
      const at::Tensor own =
          whole.narrow(2, sum.rows[m].begin, sum.rows[m].count()).to(m_team->where(devices[n]));
      sum.values[m] = sum.values[m].defined() ? sum.values[m].add_(own) : own.clone();
    });
  }

  static Tensors slabsOf(const Slabs& value) {
    Tensors slabs;
    for (const int device : devicesWith(value.rows)) {
      slabs.push_back(value.values[static_cast<std::size_t>(device)].detach());
    }
    return slabs;
  }

  const Calls& m_calls;
  const std::span<const MicroBatch> m_microBatches;
  const LossFn& m_loss;
  const int m_stage;
  const int m_first;  // its first device
  const TeamPtr m_team;
  Mailbox& m_mailbox;
  std::vector<Tape> m_tapes;
  const bool m_isLast;
  std::set<std::pair<NodeId, int>> m_reads;   // and the stage that has it
  std::set<std::pair<NodeId, int>> m_writes;  // and each stage that reads it
};

// The actions of one stage, on its thread.
Result<void> runActions(StageWorker& worker,
                        const std::vector<PipelineAction>& actions,
                        const DeviceScope& scope,
                        const std::stop_token& stop) {
  for (const PipelineAction& action : actions) {
    ARGAND_TRY(checkStop(stop));
    const auto n = static_cast<std::size_t>(action.microBatch);
    ARGAND_ASSIGN(const bool goesOn, guardedPass(stop, [&] {
                    auto done = action.kind == PipelineAction::Kind::Forward ? worker.forward(n)
                                                                             : worker.backward(n);
                    scope.check();
                    return done;
                  }));
    if (!goesOn) {
      break;
    }
  }
  return {};
}

}  // namespace

Result<void> trainingStep(const Graph& graph,
                          Parameters& parameters,
                          std::span<const MicroBatch> microBatches,
                          const LossFn& loss,
                          const TrainingStepOptions& options) {
  ARGAND_ASSERT(!microBatches.empty());
  const Plan& plan = *microBatches.front().plan;
  const int stages = stageCount(plan);
  ARGAND_ASSERT(options.ledgers.empty() || options.ledgers.size() == plan.devices.size());
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
  ARGAND_ASSIGN(const std::vector<Placement> placements, placementsOf(plan));
  const auto actions =
      pipelineActions(plan.schedule, stages, static_cast<int>(microBatches.size()));
  std::vector<MomentsByNode> seen(static_cast<std::size_t>(stages));
  Mailbox mailbox;
  const std::stop_callback closes(options.stop, [&] { mailbox.close(); });
  WorkerGroup group(stages);
  ARGAND_TRY(group.run([&](int stage) {
    const auto s = static_cast<std::size_t>(stage);
    const std::vector<int> devices = devicesOf(plan, stage);
    const auto first = static_cast<std::size_t>(devices.front());
    useThreads(plan.devices[first].device.threads);
    const auto scope =
        placements[first].enter(options.ledgers.empty() ? nullptr : options.ledgers[first]);
    StageWorker worker(calls,
                       microBatches,
                       loss,
                       stage,
                       teamOf(plan, devices, placements, options.ledgers, options.stop),
                       mailbox);
    const Result<void> done = runActions(worker, actions[s], *scope, options.stop);
    if (!done) {
      mailbox.close();
    }
    seen[s] = std::move(worker.moments);
    return done;
  }));
  ARGAND_TRY(checkStop(options.stop));
  MomentsByNode moments;
  for (MomentsByNode& one : seen) {
    moments.merge(one);
  }
  if (options.moments != nullptr) {
    append(*options.moments, moments);
  } else {
    moveRunningStatistics(graph, parameters, moments);
  }
  return {};
}

Result<void> placeParameters(const Graph& graph, Parameters& parameters, const Plan& plan) {
  ARGAND_ASSIGN(const std::vector<Placement> placements, placementsOf(plan));
  std::map<std::string, const StepPlan*> steps;
  for (const StepPlan& step : plan.steps) {
    steps.emplace(step.step, &step);
  }
  return guarded(ErrorCode::NoPlan, "placing the weights on the devices", [&] {
    for (NodeId id = 0; id < graph.size(); ++id) {
      // What the plan does not name lies where its input lies.
      NodeId named = id;
      while (named > 0 && !steps.contains(graph.node(named).name)) {
        named = graph.node(named).inputs[0];
      }
      std::size_t first = 0;
      while (named > 0 &&
             steps.at(graph.node(named).name)->rows(static_cast<int>(first)).count() == 0) {
        ++first;
      }
      for (const ParameterSpec& spec : graph.parametersOf(id)) {
        at::Tensor& tensor = parameters.tensors().byName.at(spec.name);
        if (tensor.device() != placements[first].where()) {
          const bool learns = tensor.requires_grad();
          tensor = tensor.detach().to(placements[first].where()).set_requires_grad(learns);
        }
      }
    }
  });
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
