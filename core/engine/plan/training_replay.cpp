// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_replay.h"

#include "core/engine/plan/step_bytes.h"

#include <algorithm>

namespace argand::engine {

namespace {

bool savesInputs(const Op& op) {
  return !std::holds_alternative<AddOp>(op) && !std::holds_alternative<ConcatOp>(op) &&
         !std::holds_alternative<SigmoidOp>(op) && !std::holds_alternative<SoftmaxOp>(op) &&
         !std::holds_alternative<ArgmaxOp>(op) && !std::holds_alternative<DropoutOp>(op) &&
         !std::holds_alternative<UpsampleOp>(op);
}

bool activates(const Graph& graph, NodeId id) {
  return std::holds_alternative<LeakyReluOp>(graph.node(id).op);
}

}  // namespace

TrainingFacts::TrainingFacts(const Plan& plan,
                             const Graph& graph,
                             const Program& program,
                             const std::vector<Shape>& shapes)
    : m_graph(&graph),
      m_numberBytes(bytesOf(plan.dtype)),
      m_nodes(static_cast<std::size_t>(graph.size())) {
  const auto at = [this](NodeId id) -> NodeFacts& { return m_nodes[static_cast<std::size_t>(id)]; };
  std::vector<int> readers(m_nodes.size(), 0);
  for (NodeId id = 0; id < graph.size(); ++id) {
    at(id).lastReader = graph.size();
    for (const NodeId input : graph.node(id).inputs) {
      at(input).lastReader = id;
      ++readers[static_cast<std::size_t>(input)];
    }
  }
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Op& op = graph.node(id).op;
    const Shape& shape = shapes[static_cast<std::size_t>(id)];
    NodeFacts& node = at(id);
    node.depth = shape.size.d;
    node.rowBytes =
        microBatchSamples(plan) * shape.channels * shape.size.h * shape.size.w * m_numberBytes;
    node.pools = std::holds_alternative<GlobalPoolOp>(op);
    node.norm = graph.needsGlobalReduction(id) && !node.pools;
    node.left = node.norm && readers[static_cast<std::size_t>(id)] == 1 &&
                activates(graph, node.lastReader);
    node.finishes = activates(graph, id) && at(graph.node(id).inputs[0]).left;
    node.convolves =
        std::holds_alternative<ConvOp>(op) || std::holds_alternative<TransposedConvOp>(op);
    node.reorders =
        std::holds_alternative<ConvOp>(op) && graph.node(graph.node(id).inputs[0]).channels == 1;
    node.passes = std::holds_alternative<AddOp>(op) || node.left;
    node.savesInputs = savesInputs(op);
    for (const ParameterSpec& spec : graph.parametersOf(id)) {
      const std::int64_t bytes = spec.elements() * m_numberBytes;
      node.parameterBytes += bytes;
      node.weightBytes += spec.trainable() ? bytes : 0;
    }
  }
  for (std::size_t n = 0; n < program.steps.size(); ++n) {
    NodeFacts& node = at(program.steps[n].node);
    if (program.steps[n].kind != Step::Kind::RowMeans && !node.norm && !node.finishes) {
      node.step = static_cast<StepId>(n);
    }
  }
}

std::int64_t parameterBytes(const TrainingFacts& facts,
                            const Placement& placement,
                            NodeId begin,
                            NodeId end,
                            int device,
                            std::int64_t copies) {
  std::int64_t bytes = 0;
  for (NodeId id = begin; id < end; ++id) {
    const auto& bounds = *placement[static_cast<std::size_t>(id)];
    const auto n = static_cast<std::size_t>(device);
    if (bounds[n + 1] > bounds[n]) {
      bytes += facts.of(id).parameterBytes * (bounds[n] == 0 ? copies : 1);
    }
  }
  return bytes;
}

RowRange TrainingReplay::rowsOf(NodeId id, int device) const {
  const auto& bounds = *m_placement[static_cast<std::size_t>(id)];
  const auto n = static_cast<std::size_t>(device);
  return {bounds[n], bounds[n + 1]};
}

// Rows that a device reads of `source` for `id`; undivided where it makes all of it.
RowRange TrainingReplay::readOf(NodeId id, NodeId source, int device) const {
  const Node& node = m_facts.graph().node(id);
  const RowRange rows = rowsOf(id, device);
  const std::int64_t depth = m_facts.of(source).depth;
  if (m_facts.of(id).pools) {
    return rowsOf(source, device);
  }
  if ((std::holds_alternative<ScaleOp>(node.op) && source == node.inputs[1]) ||
      rows.count() == m_facts.of(id).depth) {
    return {0, depth};
  }
  const RowRange read = inputRows(node.op, rows);
  const bool grows = std::holds_alternative<TransposedConvOp>(node.op) ||
                     std::holds_alternative<UpsampleOp>(node.op);
  return grows ? clamped(read, depth) : read;
}

// No other device reads of what this one has of `source`.
bool TrainingReplay::readsAlone(NodeId id, NodeId source) const {
  const int devices = static_cast<int>(m_placement[static_cast<std::size_t>(id)]->size()) - 1;
  for (int device = 0; device < devices; ++device) {
    if (device != m_device && rowsOf(id, device).count() > 0 &&
        intersection(readOf(id, source, device), rowsOf(source)).count() > 0) {
      return false;
    }
  }
  return true;
}

// The rows in one tensor: the slab itself, or a copy.
TrainingReplay::Id TrainingReplay::gather(Tape& tape, NodeId id, NodeId source) {
  const RowRange read = readOf(id, source, m_device);
  return read == rowsOf(source) ? bytes.hold(tape.values[source])
                                : bytes.make(read.count() * m_facts.of(source).rowBytes);
}

// Each device pools its own rows.
bool TrainingReplay::takesPart(NodeId id) const {
  return rowsOf(id).count() > 0 ||
         (m_facts.of(id).pools && rowsOf(m_facts.graph().node(id).inputs[0]).count() > 0);
}

// oneDNN's copies of weights in its own layouts, and sums per thread.
std::int64_t TrainingReplay::convolutionScratch(NodeId id, bool backward) const {
  const NodeFacts& facts = m_facts.of(id);
  return facts.weightBytes * (backward ? 3 + m_threads : 3) + kOneDnnReserve +
         (facts.reorders ? (backward ? 2 : 1) * valueBytes(id) : 0);
}

void TrainingReplay::compute(Tape& tape, NodeId id, bool keeps) {
  bytes.doing(id);
  const Node& node = m_facts.graph().node(id);
  const NodeFacts& facts = m_facts.of(id);
  if (takesPart(id)) {
    std::vector<Id> read;
    if (facts.left) {
      tape.values[id] = bytes.hold(tape.values[node.inputs[0]]);
    } else {
      for (const NodeId input : node.inputs) {
        read.push_back(gather(tape, id, input));
      }
      bytes.note(facts.convolves ? convolutionScratch(id, false) : 0);
      tape.values[id] = bytes.make(valueBytes(id));
      bytes.note(facts.convolves ? convolutionScratch(id, false) : 0);
    }
    if (keeps) {
      saveBeside(tape, id);
    }
    for (Id& one : read) {
      if (keeps && facts.savesInputs) {
        tape.saved[id].push_back(bytes.hold(one));
      }
      bytes.drop(one);
    }
  }
  for (const NodeId input : node.inputs) {
    if (m_facts.of(input).lastReader == id) {
      bytes.drop(tape.values[input]);
    }
  }
}

// What backward needs beside inputs: the output, where a maximum was, what was dropped.
void TrainingReplay::saveBeside(Tape& tape, NodeId id) {
  const Op& op = m_facts.graph().node(id).op;
  if (std::holds_alternative<SigmoidOp>(op) || std::holds_alternative<SoftmaxOp>(op)) {
    tape.saved[id].push_back(bytes.hold(tape.values[id]));
  } else if (std::holds_alternative<DropoutOp>(op)) {
    tape.saved[id].push_back(bytes.make(valueBytes(id)));
  } else if (const auto* pool = std::get_if<PoolOp>(&op);
             pool != nullptr && pool->kind == PoolOp::Kind::Max) {
    constexpr std::int64_t kIndexBytes = 8;
    tape.saved[id].push_back(bytes.make(valueBytes(id) / m_facts.numberBytes() * kIndexBytes));
  }
}

void TrainingReplay::forward(Tape& tape, const TrainingSegment& segment) {
  if (!segment.recomputed) {
    for (NodeId id = segment.begin; id < segment.end; ++id) {
      compute(tape, id, true);
    }
    return;
  }
  Tape inner;
  for (const NodeId id : segment.reads) {
    inner.values[id] = bytes.hold(tape.values[id]);
    tape.saved[segment.begin].push_back(bytes.hold(tape.values[id]));
  }
  for (NodeId id = segment.begin; id < segment.end; ++id) {
    compute(inner, id, false);
  }
  for (const NodeId id : segment.writes) {
    tape.values[id] = bytes.hold(inner.values[id]);
  }
  clear(inner.values);
  for (const NodeId id : segment.reads) {
    if (m_facts.of(id).lastReader < segment.end) {
      bytes.drop(tape.values[id]);
    }
  }
}

void TrainingReplay::clear(std::map<NodeId, Id>& ids) {
  for (auto& [node, id] : ids) {
    bytes.drop(id);
  }
  ids.clear();
}

void TrainingReplay::release(Tape& tape, NodeId id) {
  for (Id& one : tape.saved[id]) {
    bytes.drop(one);
  }
  tape.saved[id].clear();
}

void TrainingReplay::accumulate(Tape& tape, NodeId id, Id gradient) {
  Id& sum = tape.gradients[id];
  if (sum.tensor < 0) {
    sum = gradient;
    return;
  }
  // In place where nothing else has the memory of one of both.
  if (bytes.isAlone(gradient)) {
    std::swap(sum, gradient);
  }
  if (!bytes.isAlone(sum)) {
    const Id both = bytes.make(valueBytes(id));
    bytes.drop(sum);
    sum = both;
  }
  bytes.drop(gradient);
}

void TrainingReplay::backward(Tape& tape, NodeId id) {
  bytes.doing(id);
  const Node& node = m_facts.graph().node(id);
  const NodeFacts& facts = m_facts.of(id);
  Id gradient = tape.gradients[id];
  tape.gradients.erase(id);
  std::vector<Id> toInputs;
  for (const NodeId input : node.inputs) {
    const std::int64_t rows = takesPart(id) ? readOf(id, input, m_device).count() : 0;
    if (input == 0) {
      toInputs.emplace_back();
    } else {
      toInputs.push_back(facts.passes ? bytes.hold(gradient)
                                      : bytes.make(rows * m_facts.of(input).rowBytes));
    }
  }
  if (facts.convolves && rowsOf(id).count() > 0) {
    bytes.note(convolutionScratch(id, true) + facts.weightBytes);
  }
  bytes.drop(gradient);
  if ((facts.norm && !facts.left) || facts.finishes) {
    // Sums for scale and shift, for pieces of it.
    bytes.note(valueBytes(id) / 512);
  }
  release(tape, id);
  for (std::size_t n = 0; n < node.inputs.size(); ++n) {
    const NodeId input = node.inputs[n];
    if (input == 0) {
      continue;
    }
    const bool whole = takesPart(id) && readOf(id, input, m_device) == rowsOf(input) &&
                       (facts.passes || readsAlone(id, input));
    if (whole) {
      accumulate(tape, input, toInputs[n]);
    } else {
      const Id slab = bytes.make(valueBytes(input));
      bytes.drop(toInputs[n]);
      accumulate(tape, input, slab);
    }
  }
}

void TrainingReplay::backward(Tape& tape, const TrainingSegment& segment) {
  if (!segment.recomputed) {
    for (NodeId id = segment.end; id-- > segment.begin;) {
      backward(tape, id);
    }
    return;
  }
  Tape inner;
  std::size_t read = 0;
  for (const NodeId id : segment.reads) {
    inner.values[id] = bytes.hold(tape.saved[segment.begin][read++]);
  }
  for (NodeId id = segment.begin; id < segment.end; ++id) {
    compute(inner, id, true);
  }
  for (const NodeId id : segment.writes) {
    inner.gradients[id] = bytes.hold(tape.gradients[id]);
  }
  clear(inner.values);
  for (NodeId id = segment.end; id-- > segment.begin;) {
    backward(inner, id);
  }
  for (const NodeId id : segment.writes) {
    bytes.drop(tape.gradients[id]);
    tape.gradients.erase(id);
  }
  release(tape, segment.begin);
  for (const NodeId id : segment.reads) {
    if (inner.gradients.contains(id)) {
      accumulate(tape, id, inner.gradients[id]);
    }
  }
}

}  // namespace argand::engine
