// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// A network as a graph of operations with shapes. Spatial sizes are free: a
// Graph fixes channels, kernels and strides, and answers for any input size.
namespace argand::engine {

// Voxels along depth, height and width; also kernels, strides and paddings.
// Depth is the slowest axis in memory and the one that slabs divide.
struct Extent {
  std::int64_t d = 1;
  std::int64_t h = 1;
  std::int64_t w = 1;

  [[nodiscard]] std::int64_t voxels() const { return d * h * w; }

  [[nodiscard]] std::int64_t operator[](int axis) const {
    return axis == 0 ? d : (axis == 1 ? h : w);
  }

  std::int64_t& operator[](int axis) { return axis == 0 ? d : (axis == 1 ? h : w); }

  bool operator==(const Extent&) const = default;
};

struct Shape {
  std::int64_t samples = 1;
  std::int64_t channels = 1;
  Extent size;

  [[nodiscard]] std::int64_t elements() const { return samples * channels * size.voxels(); }

  bool operator==(const Shape&) const = default;
};

[[nodiscard]] std::string toString(const Extent& extent);  // "192x320x256"

struct InputOp {
  std::int64_t channels = 1;
  bool operator==(const InputOp&) const = default;
};

// Weight (channels, in / groups, kernel), bias (channels); padding is with zeros.
struct ConvOp {
  std::int64_t channels = 1;
  Extent kernel{3, 3, 3};
  Extent stride{1, 1, 1};
  Extent padding{1, 1, 1};
  Extent dilation{1, 1, 1};
  std::int64_t groups = 1;
  bool bias = true;
  bool operator==(const ConvOp&) const = default;
};

// Weight (in, channels, kernel), bias (channels).
struct TransposedConvOp {
  std::int64_t channels = 1;
  Extent kernel{2, 2, 2};
  Extent stride{2, 2, 2};
  Extent padding{0, 0, 0};
  bool bias = true;
  bool operator==(const TransposedConvOp&) const = default;
};

// Mean and biased variance per sample and channel over all voxels.
struct InstanceNormOp {
  double epsilon = 1e-5;
  bool affine = true;
  bool operator==(const InstanceNormOp&) const = default;
};

// In inference by the running statistics; in training by those of the batch,
// which move the running ones by `momentum` (unbiased variance, as PyTorch).
struct BatchNormOp {
  double epsilon = 1e-5;
  double momentum = 0.1;
  bool operator==(const BatchNormOp&) const = default;
};

// x for x > 0, slope * x else: leaky ReLU, and ReLU with slope 0.
struct LeakyReluOp {
  double slope = 0.01;
  bool operator==(const LeakyReluOp&) const = default;
};

struct AddOp {
  bool operator==(const AddOp&) const = default;
};

// Along channels, in the order of the inputs.
struct ConcatOp {
  bool operator==(const ConcatOp&) const = default;
};

using Op = std::variant<InputOp,
                        ConvOp,
                        TransposedConvOp,
                        InstanceNormOp,
                        BatchNormOp,
                        LeakyReluOp,
                        AddOp,
                        ConcatOp>;

using NodeId = int;

struct Node {
  std::string name;  // snake_case with dots; the key of its parameters
  Op op;
  std::vector<NodeId> inputs;
  std::int64_t channels = 0;  // of its output
  bool operator==(const Node&) const = default;
};

enum class ParameterRole { Weight, Bias, Scale, Shift, RunningMean, RunningVariance };

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
  // is the output.
  NodeId add(std::string name, Op op, std::vector<NodeId> inputs = {});

  [[nodiscard]] const std::vector<Node>& nodes() const { return m_nodes; }

  [[nodiscard]] const Node& node(NodeId id) const { return m_nodes[static_cast<std::size_t>(id)]; }

  [[nodiscard]] int size() const { return static_cast<int>(m_nodes.size()); }

  [[nodiscard]] NodeId output() const { return size() - 1; }

  [[nodiscard]] std::int64_t inputChannels() const { return node(0).channels; }

  // Classes of a segmentation network.
  [[nodiscard]] std::int64_t outputChannels() const { return node(output()).channels; }

  // The output shape of every node. Fails, naming the operation, where a size
  // becomes empty or the inputs of an add or a concat differ.
  [[nodiscard]] Result<std::vector<Shape>> shapes(const Shape& input) const;

  // Input sizes must be multiples of this along each axis for skips to meet.
  [[nodiscard]] Extent alignment() const;

  // Input voxels that one output voxel sees along each axis (norms left aside).
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

[[nodiscard]] Result<Graph> parseGraph(std::string_view text);

}  // namespace argand::engine
