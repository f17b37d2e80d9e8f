// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph.h"

#include <optional>
#include <string>
#include <vector>

// A graph as the steps that inference runs. A step computes one operation and
// stores its raw output; norms, activations and concats are never stored but
// applied while the next step reads. Planner and executor share this form, so
// that what is predicted is what runs.
namespace argand::engine {

using StepId = int;

// One stored tensor on the way into a step: act(norm(x)), either may be absent.
struct Part {
  StepId source = -1;          // -1: the network's input
  std::optional<NodeId> norm;  // scale and shift per channel
  std::optional<double> slope;
  std::int64_t channels = 0;
  bool operator==(const Part&) const = default;
};

using ReadList = std::vector<Part>;  // concatenated along channels

struct Step {
  enum class Kind {
    Conv,
    TransposedConv,
    Add,    // the sum of its reads
    Store,  // its read as it is: where a norm needs the statistics of something not stored
  };

  Kind kind = Kind::Conv;
  NodeId node = 0;              // the operation; names the step
  std::vector<ReadList> reads;  // one; two or more for Add
  std::vector<NodeId> norms;    // instance norms that need statistics of this output
  bool toConsumer = false;      // the network's output: handed over in chunks, not stored
  StepId lastReader = -1;       // the step after which the output is dropped
};

struct Program {
  std::vector<Step> steps;
  [[nodiscard]] const std::string& name(const Graph& graph, StepId id) const;
};

[[nodiscard]] Program lowered(const Graph& graph);

// Rows (slices along depth) of the input, half-open; may lie outside the
// volume where there is padding.
struct RowRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t count() const { return end - begin; }

  bool operator==(const RowRange&) const = default;
};

// The input rows that output rows `rows` of an operation need; the same along
// another axis.
[[nodiscard]] RowRange inputRows(const Op& op, const RowRange& rows, int axis = 0);

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
