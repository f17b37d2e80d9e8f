// SPDX-License-Identifier: Apache-2.0
#include "core/engine/program.h"

#include "core/base/assert.h"

#include <algorithm>

namespace argand::engine {

namespace {

std::int64_t floorDiv(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

std::vector<bool> reachedFromOutput(const Graph& graph) {
  std::vector<bool> reached(static_cast<std::size_t>(graph.size()), false);
  reached.back() = true;
  for (NodeId id = graph.output(); id >= 0; --id) {
    if (reached[static_cast<std::size_t>(id)]) {
      for (const NodeId input : graph.node(id).inputs) {
        reached[static_cast<std::size_t>(input)] = true;
      }
    }
  }
  return reached;
}

class Lowering {
 public:
  explicit Lowering(const Graph& graph)
      : m_graph(graph), m_reads(static_cast<std::size_t>(graph.size())) {}

  Program run() {
    const std::vector<bool> reached = reachedFromOutput(m_graph);
    for (NodeId id = 0; id < m_graph.size(); ++id) {
      if (reached[static_cast<std::size_t>(id)]) {
        lower(id);
      }
    }
    finish();
    return std::move(m_program);
  }

 private:
  ReadList& readsOf(NodeId id) { return m_reads[static_cast<std::size_t>(id)]; }

  void emit(Step::Kind kind, NodeId node, std::vector<ReadList> reads) {
    Step step;
    step.kind = kind;
    step.node = node;
    step.reads = std::move(reads);
    m_program.steps.push_back(std::move(step));
    Part part;
    part.source = static_cast<StepId>(m_program.steps.size()) - 1;
    part.channels = m_graph.node(node).channels;
    readsOf(node) = {part};
  }

  // Makes the value of a node one stored tensor as it is.
  void store(NodeId id) {
    const ReadList& reads = readsOf(id);
    const bool plain =
        reads.size() == 1 && reads[0].source >= 0 && !reads[0].norm && !reads[0].slope;
    if (!plain) {
      emit(Step::Kind::Store, id, {reads});
    }
  }

  void lower(NodeId id) {
    const Node& node = m_graph.node(id);
    const NodeId first = node.inputs.empty() ? -1 : node.inputs[0];
    if (std::holds_alternative<InputOp>(node.op)) {
      Part part;
      part.channels = node.channels;
      readsOf(id) = {part};
    } else if (std::holds_alternative<ConvOp>(node.op)) {
      emit(Step::Kind::Conv, id, {readsOf(first)});
    } else if (std::holds_alternative<TransposedConvOp>(node.op)) {
      emit(Step::Kind::TransposedConv, id, {readsOf(first)});
    } else if (m_graph.needsGlobalReduction(id)) {
      store(first);
      Part part = readsOf(first)[0];
      part.norm = id;
      readsOf(id) = {part};
      if (std::holds_alternative<InstanceNormOp>(node.op)) {
        m_program.steps[static_cast<std::size_t>(part.source)].norms.push_back(id);
      }
    } else if (const auto* relu = std::get_if<LeakyReluOp>(&node.op)) {
      const ReadList& reads = readsOf(first);
      if (std::any_of(
              reads.begin(), reads.end(), [](const Part& p) { return p.slope.has_value(); })) {
        store(first);
      }
      readsOf(id) = readsOf(first);
      for (Part& part : readsOf(id)) {
        part.slope = relu->slope;
      }
    } else if (std::holds_alternative<ConcatOp>(node.op)) {
      for (const NodeId input : node.inputs) {
        readsOf(id).insert(readsOf(id).end(), readsOf(input).begin(), readsOf(input).end());
      }
    } else {
      ARGAND_ASSERT(std::holds_alternative<AddOp>(node.op));
      std::vector<ReadList> reads;
      for (const NodeId input : node.inputs) {
        reads.push_back(readsOf(input));
      }
      emit(Step::Kind::Add, id, std::move(reads));
    }
  }

  void finish() {
    store(m_graph.output());
    const StepId last = readsOf(m_graph.output())[0].source;
    ARGAND_ASSERT(last == static_cast<StepId>(m_program.steps.size()) - 1);
    m_program.steps.back().toConsumer = true;
    for (StepId id = 0; id <= last; ++id) {
      m_program.steps[static_cast<std::size_t>(id)].lastReader = id;
      for (const ReadList& reads : m_program.steps[static_cast<std::size_t>(id)].reads) {
        for (const Part& part : reads) {
          if (part.source >= 0) {
            m_program.steps[static_cast<std::size_t>(part.source)].lastReader = id;
          }
        }
      }
    }
  }

  const Graph& m_graph;
  std::vector<ReadList> m_reads;  // per node
  Program m_program;
};

}  // namespace

const std::string& Program::name(const Graph& graph, StepId id) const {
  return graph.node(steps[static_cast<std::size_t>(id)].node).name;
}

Program lowered(const Graph& graph) {
  return Lowering(graph).run();
}

RowRange inputRows(const Op& op, const RowRange& rows, int axis) {
  if (const auto* conv = std::get_if<ConvOp>(&op)) {
    const std::int64_t first = rows.begin * conv->stride[axis] - conv->padding[axis];
    const std::int64_t last = (rows.end - 1) * conv->stride[axis] - conv->padding[axis] +
                              conv->dilation[axis] * (conv->kernel[axis] - 1);
    return {first, last + 1};
  }
  if (const auto* up = std::get_if<TransposedConvOp>(&op)) {
    // Output o gets input i through tap o + padding - i * stride of [0, kernel).
    const std::int64_t stride = up->stride[axis];
    const std::int64_t first =
        floorDiv(rows.begin + up->padding[axis] - up->kernel[axis] + stride, stride);
    const std::int64_t last = floorDiv(rows.end - 1 + up->padding[axis], stride);
    return {first, last + 1};
  }
  return rows;
}

std::int64_t chunkRows(const Step& step, const Graph& graph, const std::vector<Shape>& shapes) {
  // A chunk and what it reads should stay near the caches, yet be large beside
  // its halo; from 1 to 32 rows a convolution is equally fast. Slabs begin where
  // chunks do, so there must be enough of them to share.
  constexpr std::int64_t kChunks = 16;
  constexpr std::int64_t kElements = 12'000'000;
  const Node& node = graph.node(step.node);
  const Shape& out = shapes[static_cast<std::size_t>(step.node)];
  const Shape& in = node.inputs.empty() ? out : shapes[static_cast<std::size_t>(node.inputs[0])];
  const bool whole = step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv;
  const std::int64_t inRow = in.size.h * in.size.w * (whole ? in.channels : out.channels);
  const std::int64_t outRow = out.size.h * out.size.w * out.channels;
  for (std::int64_t rows = 32; rows > 1; rows /= 2) {
    if (rows * kChunks > out.size.d) {
      continue;
    }
    const RowRange read = whole ? inputRows(node.op, {0, rows}) : RowRange{0, rows};
    if (read.count() * inRow + rows * outRow <= kElements) {
      return rows;
    }
  }
  return 1;
}

RowRange chunkAt(std::int64_t row, std::int64_t chunkRows, std::int64_t depth) {
  const std::int64_t begin = row / chunkRows * chunkRows;
  return {begin, std::min(depth, begin + chunkRows)};
}

}  // namespace argand::engine
