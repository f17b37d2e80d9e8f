// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_memory.h"

#include "core/engine/plan/live_bytes.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/plan/training_plan.h"

#include <algorithm>
#include <map>

namespace argand::engine {

namespace {

// Statistics, scales and shifts, and the bookkeeping of the allocator: once, and
// for every micro-batch in flight.
constexpr std::int64_t kSmallTensors = 128 << 10;
constexpr std::int64_t kSmallTensorsInFlight = 128 << 10;

using Id = LiveBytes::Id;

// One device through forward and backward, as differentiable.cpp does it.
class Replay {
 public:
  Replay(const Plan& plan,
         const Graph& graph,
         const Program& program,
         const std::vector<Shape>& shapes,
         std::size_t device)
      : m_plan(plan),
        m_graph(graph),
        m_shapes(shapes),
        m_segments(trainingSegments(plan, graph, program)),
        m_device(device),
        m_samples(microBatchSamples(plan)),
        m_lastReader(static_cast<std::size_t>(graph.size()), graph.size()),
        m_readers(static_cast<std::size_t>(graph.size()), 0) {
    for (const StepPlan& step : plan.steps) {
      if (step.rows(static_cast<int>(device)).count() > 0) {
        m_stage = step.stage;
        m_used = true;
      }
    }
    place(program);
    for (NodeId id = 0; id < graph.size(); ++id) {
      for (const NodeId input : graph.node(id).inputs) {
        m_lastReader[static_cast<std::size_t>(input)] = id;
        ++m_readers[static_cast<std::size_t>(input)];
      }
    }
  }

  [[nodiscard]] bool used() const { return m_used; }

  // The stage's actions in their order; micro-batches of a plan of one stage are all alike.
  void run() {
    const int stages = stageCount(m_plan);
    const int count = stages == 1 ? 1 : m_plan.microBatches;
    const auto actions = pipelineActions(m_plan.schedule, stages, count);
    std::vector<Tape> tapes(static_cast<std::size_t>(count));
    std::vector<Sent> sent;
    for (const PipelineAction& action : actions[static_cast<std::size_t>(m_stage)]) {
      Tape& tape = tapes[static_cast<std::size_t>(action.microBatch)];
      if (action.kind == PipelineAction::Kind::Forward) {
        std::erase_if(sent, [&](Sent& one) {
          const bool taken = isBehind(
              actions[static_cast<std::size_t>(one.to)], action.microBatch, one.microBatch);
          if (taken) {
            m_bytes.drop(one.gradient);
          }
          return taken;
        });
        tape.small = m_bytes.make(kSmallTensorsInFlight);
        forward(tape);
      } else {
        backward(tape);
        m_bytes.drop(tape.small);
        for (const NodeId id : readFromOtherStages()) {
          sent.push_back({stageOf(id), action.microBatch, tape.gradients[id]});
        }
      }
    }
  }

  [[nodiscard]] std::int64_t peak() const { return m_bytes.peak(); }

  [[nodiscard]] NodeId peakNode() const { return m_bytes.where(); }

  // Trained numbers and running statistics of what this device computes: `copies` of
  // those that it holds, being the first to compute with them, one of others.
  [[nodiscard]] std::int64_t parameterBytes(std::int64_t copies) const {
    std::int64_t bytes = 0;
    for (const TrainingSegment& segment : m_segments) {
      for (NodeId id = segment.begin; segment.stage == m_stage && id < segment.end; ++id) {
        if (rowsOf(id).count() == 0) {
          continue;
        }
        for (const ParameterSpec& spec : m_graph.parametersOf(id)) {
          bytes += spec.elements() * bytesOf(m_plan.dtype) * (rowsOf(id).begin == 0 ? copies : 1);
        }
      }
    }
    return bytes;
  }

 private:
  // What a micro-batch has left behind.
  struct Tape {
    std::map<NodeId, Id> values;
    std::map<NodeId, std::vector<Id>> saved;  // by node, for its backward
    std::map<NodeId, Id> gradients;           // of values
    Id small;
  };

  // A gradient that waits for the stage which made the value.
  struct Sent {
    int to = 0;
    int microBatch = 0;
    Id gradient;
  };

  // A stage with these actions takes the gradient of one micro-batch before it goes
  // forward with the other; so what comes of that shows that the gradient was taken.
  static bool isBehind(const std::vector<PipelineAction>& actions, int forward, int backward) {
    const auto at = [&](PipelineAction::Kind kind, int microBatch) {
      return std::find(actions.begin(), actions.end(), PipelineAction{kind, microBatch});
    };
    return at(PipelineAction::Kind::Backward, backward) <
           at(PipelineAction::Kind::Forward, forward);
  }

  int stageOf(NodeId id) const {
    const auto found =
        std::find_if(m_segments.begin(), m_segments.end(), [&](const TrainingSegment& segment) {
          return id >= segment.begin && id < segment.end;
        });
    return found->stage;
  }

  // The rows of every node, as the pass over this stage has them: what comes
  // from outside is on its first device.
  void place(const Program& program) {
    std::map<NodeId, const StepPlan*> steps;
    std::size_t first = m_plan.devices.size();
    for (std::size_t n = 0; n < program.steps.size(); ++n) {
      const StepPlan& step = m_plan.steps[n];
      if (program.steps[n].kind != Step::Kind::RowMeans) {
        steps.emplace(program.steps[n].node, &step);
      }
      for (std::size_t m = 0; m < first && step.stage == m_stage; ++m) {
        first = step.rows(static_cast<int>(m)).count() > 0 ? m : first;
      }
    }
    NodeId begin = m_graph.size();
    for (const TrainingSegment& segment : m_segments) {
      begin = segment.stage == m_stage ? std::min(begin, segment.begin) : begin;
    }
    for (NodeId id = 0; id < m_graph.size(); ++id) {
      const auto step = steps.find(id);
      if (id < begin) {
        std::vector<std::int64_t> bounds(m_plan.devices.size() + 1, shapeOf(id).size.d);
        std::fill_n(bounds.begin(), std::min(first + 1, bounds.size()), 0);
        m_bounds.push_back(std::move(bounds));
      } else if (step != steps.end() && !staysPut(id)) {
        m_bounds.push_back(step->second->bounds);
      } else {
        m_bounds.push_back(m_bounds[static_cast<std::size_t>(m_graph.node(id).inputs[0])]);
      }
    }
  }

  RowRange rowsOf(NodeId id) const { return rowsOf(id, m_device); }

  RowRange rowsOf(NodeId id, std::size_t device) const {
    const auto& bounds = m_bounds[static_cast<std::size_t>(id)];
    return {bounds[device], bounds[device + 1]};
  }

  const Shape& shapeOf(NodeId id) const { return m_shapes[static_cast<std::size_t>(id)]; }

  std::int64_t bytesOfRows(NodeId id, std::int64_t rows) const {
    const Shape& shape = shapeOf(id);
    return m_samples * shape.channels * rows * shape.size.h * shape.size.w * bytesOf(m_plan.dtype);
  }

  std::int64_t bytesOfValue(NodeId id) const { return bytesOfRows(id, rowsOf(id).count()); }

  RowRange readOf(NodeId id, NodeId source) const { return readOf(id, source, m_device); }

  // Rows that a device reads of `source` for `id`; undivided where it makes all of it.
  RowRange readOf(NodeId id, NodeId source, std::size_t device) const {
    const RowRange rows = rowsOf(id, device);
    const std::int64_t depth = shapeOf(source).size.d;
    if (pools(id)) {
      return rowsOf(source, device);
    }
    if (std::holds_alternative<ScaleOp>(m_graph.node(id).op) &&
        source == m_graph.node(id).inputs[1]) {
      return {0, depth};
    }
    if (rows.count() == shapeOf(id).size.d) {
      return {0, depth};
    }
    RowRange read = inputRows(m_graph.node(id).op, rows);
    if (std::holds_alternative<TransposedConvOp>(m_graph.node(id).op) ||
        std::holds_alternative<UpsampleOp>(m_graph.node(id).op)) {
      read = clamped(read, depth);
    }
    return read;
  }

  // No other device reads of what this one has of `source`.
  bool readsAlone(NodeId id, NodeId source) const {
    for (std::size_t device = 0; device < m_plan.devices.size(); ++device) {
      if (device != m_device && rowsOf(id, device).count() > 0 &&
          intersection(readOf(id, source, device), rowsOf(source)).count() > 0) {
        return false;
      }
    }
    return true;
  }

  // The rows in one tensor: the slab itself, or a copy.
  Id gather(Tape& tape, NodeId id, NodeId source) {
    const RowRange read = readOf(id, source);
    return read == rowsOf(source) ? m_bytes.hold(tape.values[source])
                                  : m_bytes.make(bytesOfRows(source, read.count()));
  }

  bool pools(NodeId id) const { return std::holds_alternative<GlobalPoolOp>(m_graph.node(id).op); }

  bool isNorm(NodeId id) const { return m_graph.needsGlobalReduction(id) && !pools(id); }

  // Lies where its input lies, whatever inference stores of it.
  bool staysPut(NodeId id) const {
    return isNorm(id) || std::holds_alternative<LeakyReluOp>(m_graph.node(id).op);
  }

  // Each device pools its own rows.
  bool takesPart(NodeId id) const {
    return rowsOf(id).count() > 0 || (pools(id) && rowsOf(m_graph.node(id).inputs[0]).count() > 0);
  }

  std::int64_t weightBytes(NodeId id) const {
    std::int64_t elements = 0;
    for (const ParameterSpec& spec : m_graph.parametersOf(id)) {
      elements += spec.trainable() ? spec.elements() : 0;
    }
    return elements * bytesOf(m_plan.dtype);
  }

  std::int64_t threads() const { return m_plan.devices[m_device].device.threads; }

  // A norm whose one reader is an activation is done with it.
  bool isLeft(NodeId id) const {
    return isNorm(id) && m_readers[static_cast<std::size_t>(id)] == 1 &&
           std::holds_alternative<LeakyReluOp>(
               m_graph.node(m_lastReader[static_cast<std::size_t>(id)]).op);
  }

  void compute(Tape& tape, NodeId id, bool keeps) {
    m_bytes.doing(id);
    const Node& node = m_graph.node(id);
    if (takesPart(id)) {
      std::vector<Id> read;
      const bool convolves = std::holds_alternative<ConvOp>(node.op) ||
                             std::holds_alternative<TransposedConvOp>(node.op);
      if (isLeft(id)) {
        tape.values[id] = m_bytes.hold(tape.values[node.inputs[0]]);
      } else {
        for (const NodeId input : node.inputs) {
          read.push_back(gather(tape, id, input));
        }
        m_bytes.note(convolves ? convolutionScratch(id, false) : 0);
        tape.values[id] = m_bytes.make(bytesOfValue(id));
        m_bytes.note(convolves ? convolutionScratch(id, false) : 0);
      }
      if (keeps) {
        saveBeside(tape, id);
      }
      const bool saves = savesInputs(node.op);
      for (Id& one : read) {
        if (keeps && saves) {
          tape.saved[id].push_back(m_bytes.hold(one));
        }
        m_bytes.drop(one);
      }
    }
    for (const NodeId input : node.inputs) {
      if (m_lastReader[static_cast<std::size_t>(input)] == id) {
        m_bytes.drop(tape.values[input]);
      }
    }
  }

  static bool savesInputs(const Op& op) {
    return !std::holds_alternative<AddOp>(op) && !std::holds_alternative<ConcatOp>(op) &&
           !std::holds_alternative<SigmoidOp>(op) && !std::holds_alternative<SoftmaxOp>(op) &&
           !std::holds_alternative<ArgmaxOp>(op) && !std::holds_alternative<DropoutOp>(op) &&
           !std::holds_alternative<UpsampleOp>(op);
  }

  // What backward needs beside inputs: the output, where a maximum was, what was dropped.
  void saveBeside(Tape& tape, NodeId id) {
    const Op& op = m_graph.node(id).op;
    if (std::holds_alternative<SigmoidOp>(op) || std::holds_alternative<SoftmaxOp>(op)) {
      tape.saved[id].push_back(m_bytes.hold(tape.values[id]));
    } else if (std::holds_alternative<DropoutOp>(op)) {
      tape.saved[id].push_back(m_bytes.make(bytesOfValue(id)));
    } else if (const auto* pool = std::get_if<PoolOp>(&op);
               pool != nullptr && pool->kind == PoolOp::Kind::Max) {
      constexpr std::int64_t kIndexBytes = 8;
      tape.saved[id].push_back(
          m_bytes.make(bytesOfValue(id) / bytesOf(m_plan.dtype) * kIndexBytes));
    }
  }

  // oneDNN's copies of weights in its own layouts, and sums per thread.
  std::int64_t convolutionScratch(NodeId id, bool backward) const {
    // With one input channel it works in a layout of its own.
    const bool reorders = std::holds_alternative<ConvOp>(m_graph.node(id).op) &&
                          m_graph.node(m_graph.node(id).inputs[0]).channels == 1;
    return weightBytes(id) * (backward ? 3 + threads() : 3) + kOneDnnReserve +
           (reorders ? (backward ? 2 : 1) * bytesOfValue(id) : 0);
  }

  void forward(Tape& tape) {
    for (const NodeId id : readFromOtherStages()) {
      tape.values[id] = m_bytes.make(bytesOfValue(id));
    }
    for (const TrainingSegment& segment : m_segments) {
      if (segment.stage != m_stage) {
        continue;
      }
      if (!segment.recomputed) {
        for (NodeId id = segment.begin; id < segment.end; ++id) {
          compute(tape, id, true);
        }
        continue;
      }
      Tape inner;
      for (const NodeId id : segment.reads) {
        inner.values[id] = m_bytes.hold(tape.values[id]);
        tape.saved[segment.begin].push_back(m_bytes.hold(tape.values[id]));
      }
      for (NodeId id = segment.begin; id < segment.end; ++id) {
        compute(inner, id, false);
      }
      for (const NodeId id : segment.writes) {
        tape.values[id] = m_bytes.hold(inner.values[id]);
      }
      clear(inner.values);
      for (const NodeId id : segment.reads) {
        if (m_lastReader[static_cast<std::size_t>(id)] < segment.end) {
          m_bytes.drop(tape.values[id]);
        }
      }
    }
  }

  void clear(std::map<NodeId, Id>& ids) {
    for (auto& [node, id] : ids) {
      m_bytes.drop(id);
    }
    ids.clear();
  }

  void release(Tape& tape, NodeId id) {
    for (Id& one : tape.saved[id]) {
      m_bytes.drop(one);
    }
    tape.saved[id].clear();
  }

  // Adds `gradient`, and takes it, to what there is for a value already.
  void accumulate(Tape& tape, NodeId id, Id gradient) {
    Id& sum = tape.gradients[id];
    if (sum.tensor < 0) {
      sum = gradient;
      return;
    }
    // In place where nothing else has the memory of one of both.
    if (m_bytes.isAlone(gradient)) {
      std::swap(sum, gradient);
    }
    if (!m_bytes.isAlone(sum)) {
      const Id both = m_bytes.make(bytesOfValue(id));
      m_bytes.drop(sum);
      sum = both;
    }
    m_bytes.drop(gradient);
  }

  void backward(Tape& tape, NodeId id) {
    m_bytes.doing(id);
    const Node& node = m_graph.node(id);
    Id gradient = tape.gradients[id];
    tape.gradients.erase(id);
    std::vector<Id> toInputs;
    const bool norm = isNorm(id) && !isLeft(id);
    const bool passes = std::holds_alternative<AddOp>(node.op) || isLeft(id);
    const bool convolves = std::holds_alternative<ConvOp>(node.op) ||
                           std::holds_alternative<TransposedConvOp>(node.op);
    for (const NodeId input : node.inputs) {
      const std::int64_t rows = takesPart(id) ? readOf(id, input).count() : 0;
      if (input == 0) {
        toInputs.emplace_back();
      } else {
        toInputs.push_back(passes ? m_bytes.hold(gradient)
                                  : m_bytes.make(bytesOfRows(input, rows)));
      }
    }
    if (convolves && rowsOf(id).count() > 0) {
      m_bytes.note(convolutionScratch(id, true) + weightBytes(id));
    }
    m_bytes.drop(gradient);
    const bool activates = std::holds_alternative<LeakyReluOp>(node.op) && isLeft(node.inputs[0]);
    if (norm || activates) {
      // Sums for scale and shift, for pieces of it.
      m_bytes.note(rowsOf(id).count() > 0 ? bytesOfValue(id) / 512 : 0);
    }
    release(tape, id);
    for (std::size_t n = 0; n < node.inputs.size(); ++n) {
      const NodeId input = node.inputs[n];
      if (input == 0) {
        continue;
      }
      const bool whole =
          takesPart(id) && readOf(id, input) == rowsOf(input) && (passes || readsAlone(id, input));
      if (whole) {
        accumulate(tape, input, toInputs[n]);
      } else {
        const Id slab = m_bytes.make(bytesOfValue(input));
        m_bytes.drop(toInputs[n]);
        accumulate(tape, input, slab);
      }
    }
  }

  void backward(Tape& tape) {
    std::vector<Id> roots;
    for (const NodeId id : writtenForOthers()) {
      accumulate(tape, id, m_bytes.make(bytesOfValue(id)));
      // Those of other stages are roots of the graph, which holds them to the end.
      if (id != m_graph.output()) {
        roots.push_back(m_bytes.hold(tape.gradients[id]));
      }
    }
    clear(tape.values);
    for (auto segment = m_segments.rbegin(); segment != m_segments.rend(); ++segment) {
      if (segment->stage != m_stage) {
        continue;
      }
      if (!segment->recomputed) {
        for (NodeId id = segment->end; id-- > segment->begin;) {
          backward(tape, id);
        }
        continue;
      }
      Tape inner;
      std::size_t read = 0;
      for (const NodeId id : segment->reads) {
        inner.values[id] = m_bytes.hold(tape.saved[segment->begin][read++]);
      }
      for (NodeId id = segment->begin; id < segment->end; ++id) {
        compute(inner, id, true);
      }
      for (const NodeId id : segment->writes) {
        inner.gradients[id] = m_bytes.hold(tape.gradients[id]);
      }
      clear(inner.values);
      for (NodeId id = segment->end; id-- > segment->begin;) {
        backward(inner, id);
      }
      for (const NodeId id : segment->writes) {
        m_bytes.drop(tape.gradients[id]);
        tape.gradients.erase(id);
      }
      release(tape, segment->begin);
      for (const NodeId id : segment->reads) {
        if (inner.gradients.contains(id)) {
          accumulate(tape, id, inner.gradients[id]);
        }
      }
    }
    for (Id& root : roots) {
      m_bytes.drop(root);
    }
  }

  // The scores, and what later stages read: their gradients arrive from there.
  std::vector<NodeId> writtenForOthers() const {
    std::vector<NodeId> found;
    for (const TrainingSegment& segment : m_segments) {
      for (const NodeId id : segment.writes) {
        const bool leaves =
            segment.stage == m_stage &&
            (id == m_graph.output() ||
             std::any_of(m_segments.begin(), m_segments.end(), [&](const auto& s) {
               return s.stage > m_stage &&
                      std::find(s.reads.begin(), s.reads.end(), id) != s.reads.end();
             }));
        if (leaves) {
          found.push_back(id);
        }
      }
    }
    return found;
  }

  std::vector<NodeId> readFromOtherStages() const {
    std::vector<NodeId> found;
    NodeId begin = m_graph.size();
    for (const TrainingSegment& segment : m_segments) {
      if (segment.stage == m_stage) {
        begin = std::min(begin, segment.begin);
        for (const NodeId id : segment.reads) {
          if (id > 0 && id < begin && std::find(found.begin(), found.end(), id) == found.end()) {
            found.push_back(id);
          }
        }
      }
    }
    return found;
  }

  const Plan& m_plan;
  const Graph& m_graph;
  const std::vector<Shape>& m_shapes;
  const std::vector<TrainingSegment> m_segments;
  const std::size_t m_device;
  const std::int64_t m_samples;
  std::vector<NodeId> m_lastReader;
  std::vector<int> m_readers;
  std::vector<std::vector<std::int64_t>> m_bounds;  // per node
  int m_stage = 0;
  bool m_used = false;
  LiveBytes m_bytes;
};

}  // namespace

TrainingMemory trainingMemory(const Plan& plan,
                              const Graph& graph,
                              const Program& program,
                              const std::vector<Shape>& shapes,
                              std::size_t device) {
  TrainingMemory memory;
  Replay replay(plan, graph, program, shapes, device);
  if (replay.used()) {
    memory.weightBytes = replay.parameterBytes(kCopiesPerWeight);
    memory.bytesBetweenSteps = replay.parameterBytes(kCopiesPerWeight - 1);
    replay.run();
    memory.peakBytes = memory.weightBytes + replay.peak() + kSmallTensors;
    memory.peakNode = replay.peakNode();
  }
  return memory;
}

}  // namespace argand::engine
