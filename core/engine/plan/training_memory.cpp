// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_memory.h"

#include "core/engine/plan/live_bytes.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/training_plan.h"
#include "core/engine/plan/training_replay.h"

#include <algorithm>

namespace argand::engine {

namespace {

using Id = LiveBytes::Id;

// One stage of a plan: its segments, and how values lie as the pass over it has them.
class Stage {
 public:
  Stage(const Plan& plan,
        const TrainingFacts& facts,
        const std::vector<TrainingSegment>& segments,
        int stage)
      : m_plan(plan), m_facts(facts) {
    for (const TrainingSegment& segment : segments) {
      if (segment.stage == stage) {
        m_segments.push_back(segment);
      }
    }
    place(stage);
    for (const TrainingSegment& segment : m_segments) {
      for (const NodeId id : segment.reads) {
        if (id > 0 && id < begin() &&
            std::find(m_incoming.begin(), m_incoming.end(), id) == m_incoming.end()) {
          m_incoming.push_back(id);
        }
      }
    }
    std::sort(m_incoming.begin(), m_incoming.end());
    const Graph& graph = facts.graph();
    for (NodeId id = begin(); id < end(); ++id) {
      if (id == graph.output() ||
          (facts.of(id).lastReader < graph.size() && facts.of(id).lastReader >= end())) {
        m_outgoing.push_back(id);
      }
    }
  }

  [[nodiscard]] std::int64_t parameters(int device, std::int64_t copies) const {
    return parameterBytes(m_facts, m_placement, begin(), end(), device, copies);
  }

  // `stageOf` by node.
  [[nodiscard]] StageBytes microBatch(int device, const std::vector<int>& stageOf) const {
    TrainingReplay replay(
        m_facts, m_placement, m_plan.devices[static_cast<std::size_t>(device)].device, device);
    StageBytes need;
    TrainingReplay::Tape tape;
    for (const NodeId id : m_incoming) {
      tape.values[id] = replay.bytes.make(replay.valueBytes(id));
    }
    for (const TrainingSegment& segment : m_segments) {
      replay.forward(tape, segment);
    }
    need.forwardPeak = replay.bytes.peak() + kSmallTensorsInFlight;
    need.forwardNode = replay.bytes.where();
    need.held = replay.bytes.live() + kSmallTensorsInFlight;
    replay.bytes.restart();
    for (const NodeId id : m_outgoing) {
      replay.accumulate(tape, id, replay.bytes.make(replay.valueBytes(id)));
      // Those of other stages are roots of the graph, which holds them to the end.
      if (id != m_facts.graph().output()) {
        (void)replay.bytes.hold(tape.gradients[id]);
      }
    }
    replay.clear(tape.values);
    for (auto segment = m_segments.rbegin(); segment != m_segments.rend(); ++segment) {
      replay.backward(tape, *segment);
    }
    need.backwardPeak = replay.bytes.peak() + kSmallTensorsInFlight;
    need.backwardNode = replay.bytes.where();
    std::map<int, StageBytes::Sent> sent;  // by tensor
    for (const NodeId id : m_incoming) {
      const Id gradient = tape.gradients[id];
      if (gradient.tensor >= 0) {
        sent[gradient.tensor].bytes = replay.bytes.bytesOf(gradient);
        sent[gradient.tensor].to.push_back(stageOf[static_cast<std::size_t>(id)]);
      }
    }
    for (auto& [tensor, one] : sent) {
      need.sent.push_back(std::move(one));
    }
    return need;
  }

 private:
  [[nodiscard]] NodeId begin() const { return m_segments.front().begin; }

  [[nodiscard]] NodeId end() const { return m_segments.back().end; }

  // What comes from outside is on the stage's first device.
  void place(int stage) {
    const std::vector<int> devices = devicesOf(m_plan, stage);
    const Graph& graph = m_facts.graph();
    m_outside.reserve(static_cast<std::size_t>(begin()));
    for (NodeId id = 0; id < graph.size(); ++id) {
      const NodeFacts& node = m_facts.of(id);
      if (id < begin()) {
        m_outside.push_back(boundsOn(devices.front(), m_plan.devices.size(), node.depth));
        m_placement.push_back(&m_outside.back());
      } else if (node.step >= 0) {
        m_placement.push_back(&m_plan.steps[static_cast<std::size_t>(node.step)].bounds);
      } else {
        m_placement.push_back(m_placement[static_cast<std::size_t>(graph.node(id).inputs[0])]);
      }
    }
  }

  const Plan& m_plan;
  const TrainingFacts& m_facts;
  std::vector<TrainingSegment> m_segments;
  std::vector<std::vector<std::int64_t>> m_outside;
  Placement m_placement;
  std::vector<NodeId> m_incoming;
  std::vector<NodeId> m_outgoing;
};

// A stage with these actions takes the gradient of one micro-batch before it goes
// forward with the other; so what comes of that shows that the gradient was taken.
bool isBehind(const std::vector<PipelineAction>& actions, int forward, int backward) {
  const auto at = [&](PipelineAction::Kind kind, int microBatch) {
    return std::find(actions.begin(), actions.end(), PipelineAction{kind, microBatch});
  };
  return at(PipelineAction::Kind::Backward, backward) < at(PipelineAction::Kind::Forward, forward);
}

}  // namespace

StagePeak stagePeak(const StageBytes& one,
                    const std::vector<std::vector<PipelineAction>>& actions,
                    int stage) {
  struct Waiting {
    int to = 0;
    int microBatch = 0;
    Id gradient;
  };

  LiveBytes bytes;
  std::vector<Waiting> waiting;
  std::vector<Id> held(actions.front().size());
  for (const PipelineAction& action : actions[static_cast<std::size_t>(stage)]) {
    Id& own = held[static_cast<std::size_t>(action.microBatch)];
    if (action.kind == PipelineAction::Kind::Forward) {
      std::erase_if(waiting, [&](Waiting& w) {
        const bool taken =
            isBehind(actions[static_cast<std::size_t>(w.to)], action.microBatch, w.microBatch);
        if (taken) {
          bytes.drop(w.gradient);
        }
        return taken;
      });
      bytes.doing(one.forwardNode);
      bytes.note(one.forwardPeak);
      own = bytes.make(one.held);
    } else {
      bytes.drop(own);
      bytes.doing(one.backwardNode);
      bytes.note(one.backwardPeak);
      for (const StageBytes::Sent& sent : one.sent) {
        Id gradient = bytes.make(sent.bytes);
        for (const int to : sent.to) {
          waiting.push_back({to, action.microBatch, bytes.hold(gradient)});
        }
        bytes.drop(gradient);
      }
    }
  }
  return {bytes.peak(), bytes.where()};
}

std::vector<TrainingMemory> trainingMemory(const Plan& plan,
                                           const Graph& graph,
                                           const Program& program,
                                           const std::vector<Shape>& shapes) {
  const TrainingFacts facts(plan, graph, program, shapes);
  const std::vector<TrainingSegment> segments = trainingSegments(plan, graph, program);
  std::vector<int> stageOf(static_cast<std::size_t>(graph.size()), 0);
  for (const TrainingSegment& segment : segments) {
    std::fill(stageOf.begin() + segment.begin, stageOf.begin() + segment.end, segment.stage);
  }
  const int stages = stageCount(plan);
  const auto actions = pipelineActions(plan.schedule, stages, stages == 1 ? 1 : plan.microBatches);
  std::vector<TrainingMemory> all(plan.devices.size());
  for (int n = 0; n < stages; ++n) {
    const Stage stage(plan, facts, segments, n);
    for (const int device : devicesOf(plan, n)) {
      TrainingMemory& memory = all[static_cast<std::size_t>(device)];
      memory.weightBytes = stage.parameters(device, kCopiesPerWeight);
      memory.bytesBetweenSteps = stage.parameters(device, kCopiesPerWeight - 1);
      const StagePeak peak = stagePeak(stage.microBatch(device, stageOf), actions, n);
      memory.peakBytes = memory.weightBytes + peak.bytes + kSmallTensors;
      memory.peakNode = peak.node;
    }
  }
  return all;
}

}  // namespace argand::engine
