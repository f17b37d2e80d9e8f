// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

#include <optional>
#include <string>
#include <vector>

// A graph as the steps that inference runs. A step computes one operation and
// stores its raw output; norms, activations, gates and concats are never stored
// but applied while the next step reads. Planner and executor share this form,
// so that what is predicted is what runs.
namespace argand::engine {

using StepId = int;

struct Activation {
  enum class Kind { LeakyRelu, PRelu, Silu, Sigmoid };

  Kind kind = Kind::LeakyRelu;
  double slope = 0.0;  // of a leaky ReLU
  NodeId node = -1;    // of a PReLU, whose slopes are read
  bool operator==(const Activation&) const = default;
};

// One stored tensor on the way into a step: gate * act(norm(x)), each of which
// may be absent.
struct Part {
  StepId source = -1;          // -1: the network's input
  std::optional<NodeId> norm;  // scale and shift per channel
  std::optional<Activation> activation;
  std::optional<StepId> gate;  // the step that stores the (channels, 1, 1, 1) factors
  std::int64_t channels = 0;
  bool operator==(const Part&) const = default;

  [[nodiscard]] bool plain() const { return !norm && !activation && !gate; }
};

using ReadList = std::vector<Part>;  // concatenated along channels

struct Step {
  enum class Kind {
    Conv,  // a linear layer too: a convolution of one voxel
    TransposedConv,
    Add,       // the sum of its reads
    Store,     // its read as it is: where a norm needs statistics of something not stored
    Pool,      // maximum or average over windows
    Upsample,  // nearest or trilinear
    RowMeans,  // the mean of each row: (channels, depth, 1, 1)
    Mean,      // of all rows of a RowMeans
    Softmax,
    Argmax,
  };

  Kind kind = Kind::Conv;
  NodeId node = 0;              // the operation; names the step
  std::vector<ReadList> reads;  // one; two or more for Add
  std::vector<NodeId> norms;    // instance and group norms that need statistics of this output
  bool toConsumer = false;      // the network's output: handed over in chunks, not stored
  StepId lastReader = -1;       // the step after which the output is dropped
};

struct Program {
  std::vector<Step> steps;
  [[nodiscard]] std::string name(const Graph& graph, StepId id) const;

  [[nodiscard]] const Step& step(StepId id) const { return steps[static_cast<std::size_t>(id)]; }
};

[[nodiscard]] Program lowered(const Graph& graph);

// What a step makes, and what it reads (all of its reads have one size; the
// channels are those of its first read).
[[nodiscard]] Shape outputShape(const Step& step,
                                const Graph& graph,
                                const std::vector<Shape>& shapes);
[[nodiscard]] Shape readShape(const Step& step,
                              const Graph& graph,
                              const std::vector<Shape>& shapes);

// The convolution that a Conv step runs; of a linear layer one with a kernel of one voxel.
[[nodiscard]] ConvOp convolutionOf(const Op& op);

// Rows (slices along depth) of a tensor, half-open; may lie outside the volume
// where there is padding.
struct RowRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t count() const { return end - begin; }

  [[nodiscard]] bool contains(std::int64_t row) const { return row >= begin && row < end; }

  bool operator==(const RowRange&) const = default;
};

[[nodiscard]] RowRange clamped(const RowRange& rows, std::int64_t depth);
[[nodiscard]] RowRange intersection(const RowRange& a, const RowRange& b);  // empty: begin == end

// The input rows that output rows `rows` of an operation need, those of a global
// pool aside; the same along another axis.
[[nodiscard]] RowRange inputRows(const Op& op, const RowRange& rows, int axis = 0);

// The rows that a step reads for rows of its output, within the volume.
[[nodiscard]] RowRange rowsRead(const Step& step,
                                const Graph& graph,
                                const RowRange& rows,
                                std::int64_t readDepth);

// Output rows that a step computes at once. It depends on the shapes only,
// never on the plan, and chunks start at multiples of it: a convolution's
// rounding may depend on the number of rows, so each is computed in the same
// chunk under every plan.
[[nodiscard]] std::int64_t chunkRows(const Step& step,
                                     const Graph& graph,
                                     const std::vector<Shape>& shapes);

// The chunk of `row`; the last one of a depth may be shorter.
[[nodiscard]] RowRange chunkAt(std::int64_t row, std::int64_t chunkRows, std::int64_t depth);

}  // namespace argand::engine
