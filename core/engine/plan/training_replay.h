// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/live_bytes.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/training_plan.h"

#include <cstdint>
#include <map>
#include <vector>

// One device through forward and backward of a training step, operation by operation, as
// the differentiable forward allocates. The prediction of a whole plan runs all of its
// segments, the search for a plan one at a time.
namespace argand::engine {

// What the replay asks about a node again and again; bytes are for a micro-batch.
struct NodeFacts {
  NodeId lastReader = 0;  // the graph's size where there is none
  StepId step = -1;       // that says where it lies; else it lies where its first input does
  std::int64_t depth = 1;
  std::int64_t rowBytes = 0;
  std::int64_t weightBytes = 0;     // of what is trained
  std::int64_t parameterBytes = 0;  // running statistics too
  bool pools = false;               // globally: each device its own rows
  bool norm = false;
  bool left = false;      // a norm whose one reader, an activation, does it
  bool finishes = false;  // such an activation
  bool convolves = false;
  bool reorders = false;  // a convolution of one channel, which oneDNN does in a layout of its own
  bool passes = false;    // its gradient is its inputs' as it is
  bool savesInputs = false;
};

class TrainingFacts {
 public:
  // `plan` gives numbers and the size of a micro-batch; its steps are not looked at. The
  // graph outlives this.
  TrainingFacts(const Plan& plan,
                const Graph& graph,
                const Program& program,
                const std::vector<Shape>& shapes);

  [[nodiscard]] const NodeFacts& of(NodeId id) const {
    return m_nodes[static_cast<std::size_t>(id)];
  }

  [[nodiscard]] const Graph& graph() const { return *m_graph; }

  [[nodiscard]] std::int64_t numberBytes() const { return m_numberBytes; }

 private:
  const Graph* m_graph;
  std::int64_t m_numberBytes;
  std::vector<NodeFacts> m_nodes;
};

// By node, the bounds of its rows over the devices.
using Placement = std::vector<const std::vector<std::int64_t>*>;

// Bytes of the trained numbers and running statistics of nodes begin..end that a device
// has: `copies` of those that it is the first to compute with, one of others.
[[nodiscard]] std::int64_t parameterBytes(const TrainingFacts& facts,
                                          const Placement& placement,
                                          NodeId begin,
                                          NodeId end,
                                          int device,
                                          std::int64_t copies);

class TrainingReplay {
 public:
  using Id = LiveBytes::Id;

  // What a micro-batch has left behind.
  struct Tape {
    std::map<NodeId, Id> values;
    std::map<NodeId, std::vector<Id>> saved;  // by node, for its backward
    std::map<NodeId, Id> gradients;           // of values
  };

  // All given outlives it; nodes that are read or computed are placed.
  TrainingReplay(const TrainingFacts& facts,
                 const Placement& placement,
                 const DeviceSpec& spec,
                 int device)
      : m_facts(facts), m_placement(placement), m_threads(spec.threads), m_device(device) {}

  void forward(Tape& tape, const TrainingSegment& segment);
  void backward(Tape& tape, const TrainingSegment& segment);

  // Adds `gradient`, and takes it, to what there is for a value already.
  void accumulate(Tape& tape, NodeId id, Id gradient);

  void clear(std::map<NodeId, Id>& ids);

  [[nodiscard]] std::int64_t valueBytes(NodeId id) const {
    return rowsOf(id).count() * m_facts.of(id).rowBytes;
  }

  LiveBytes bytes;

 private:
  [[nodiscard]] RowRange rowsOf(NodeId id, int device) const;

  [[nodiscard]] RowRange rowsOf(NodeId id) const { return rowsOf(id, m_device); }

  [[nodiscard]] RowRange readOf(NodeId id, NodeId source, int device) const;
  [[nodiscard]] bool readsAlone(NodeId id, NodeId source) const;
  [[nodiscard]] bool takesPart(NodeId id) const;
  [[nodiscard]] std::int64_t convolutionScratch(NodeId id, bool backward) const;
  Id gather(Tape& tape, NodeId id, NodeId source);
  void compute(Tape& tape, NodeId id, bool keeps);
  void saveBeside(Tape& tape, NodeId id);
  void release(Tape& tape, NodeId id);
  void backward(Tape& tape, NodeId id);

  const TrainingFacts& m_facts;
  const Placement& m_placement;
  const std::int64_t m_threads;
  const int m_device;
};

}  // namespace argand::engine
