// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/ops.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// A network as a graph of operations with shapes. Spatial sizes are free: a
// Graph fixes channels, kernels and strides, and answers for any input size.
namespace argand::engine {

using NodeId = int;

struct Node {
  std::string name;  // snake_case with dots; the key of its parameters
  Op op;
  std::vector<NodeId> inputs;
  std::int64_t channels = 0;  // of its output
  bool operator==(const Node&) const = default;
};

enum class ParameterRole { Weight, Bias, Scale, Shift, Slope, RunningMean, RunningVariance };

// One tensor of a checkpoint, keyed by layer and never by plan.
struct ParameterSpec {
  std::string name;  // "<node>.weight", ".bias", ".running_mean", ".running_var"
  std::vector<std::int64_t> shape;
  ParameterRole role = ParameterRole::Weight;
  NodeId node = 0;

  [[nodiscard]] std::int64_t elements() const;

  [[nodiscard]] bool trainable() const {
    return role != ParameterRole::RunningMean && role != ParameterRole::RunningVariance;
  }
};

class Graph {
 public:
  // Appends an operation on nodes that exist already, so that ids are a
  // topological order. The first node is the one InputOp; the last node added
  // is the output. What breaks the operation's rules is a builder's bug.
  NodeId add(std::string name, Op op, std::vector<NodeId> inputs = {});

  // The same for operations from outside: fails with a sentence that names the
  // operation and the rule, and leaves the graph as it was.
  Result<NodeId> tryAdd(std::string name, Op op, std::vector<NodeId> inputs = {});

  [[nodiscard]] const std::vector<Node>& nodes() const { return m_nodes; }

  [[nodiscard]] const Node& node(NodeId id) const { return m_nodes[static_cast<std::size_t>(id)]; }

  [[nodiscard]] int size() const { return static_cast<int>(m_nodes.size()); }

  [[nodiscard]] NodeId output() const { return size() - 1; }

  [[nodiscard]] std::int64_t inputChannels() const { return node(0).channels; }

  // Classes of a segmentation network.
  [[nodiscard]] std::int64_t outputChannels() const { return node(output()).channels; }

  // The output shape of every node. Fails, naming the operation, where a size
  // becomes empty, the inputs of an add or a concat differ, or what takes one
  // value per channel (linear, the gate of a scale) gets more.
  [[nodiscard]] Result<std::vector<Shape>> shapes(const Shape& input) const;

  // Input sizes must be multiples of this along each axis for skips to meet.
  [[nodiscard]] Extent alignment() const;

  // Input voxels that one output voxel sees along each axis; what it sees
  // through norms, and through gates of a scale, is left aside.
  [[nodiscard]] Extent receptiveField() const;

  // True for operations with statistics over the whole volume.
  [[nodiscard]] bool needsGlobalReduction(NodeId id) const;

  [[nodiscard]] std::vector<ParameterSpec> parameters() const;
  [[nodiscard]] std::vector<ParameterSpec> parametersOf(NodeId id) const;
  [[nodiscard]] std::int64_t parameterCount() const;  // trainable ones

  // One line per node; parseGraph reads it back.
  [[nodiscard]] std::string toText() const;

  bool operator==(const Graph&) const = default;

 private:
  std::vector<Node> m_nodes;
};

// Refuses, naming line, operation and rule, what is no graph.
[[nodiscard]] Result<Graph> parseGraph(std::string_view text);

// For Graphviz: one box per operation with its kind and attributes, and the
// shape of its output where `shapes` (of Graph::shapes) are given.
[[nodiscard]] std::string toDot(const Graph& graph, const std::vector<Shape>& shapes = {});

}  // namespace argand::engine
