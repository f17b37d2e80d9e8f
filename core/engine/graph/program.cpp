// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/program.h"

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
  StepId lastStep() const { return static_cast<StepId>(m_program.steps.size()) - 1; }

  ReadList& readsOf(NodeId id) { return m_reads[static_cast<std::size_t>(id)]; }

  void emit(Step::Kind kind, NodeId node, std::vector<ReadList> reads) {
    Step step;
    step.kind = kind;
    step.node = node;
    step.reads = std::move(reads);
    m_program.steps.push_back(std::move(step));
    Part part;
    part.source = lastStep();
    part.channels = m_graph.node(node).channels;
    readsOf(node) = {part};
  }

  // Makes the value of a node one stored tensor as it is.
  void store(NodeId id) {
    const ReadList& reads = readsOf(id);
    if (reads.size() != 1 || reads[0].source < 0 || !reads[0].plain()) {
      emit(Step::Kind::Store, id, {reads});
    }
  }

  // Stored first where something is applied already that would come after.
  void storeUnless(NodeId id, bool ready) {
    if (!ready) {
      store(id);
    }
  }

  void lower(NodeId id) {
    const Node& node = m_graph.node(id);
    const NodeId first = node.inputs.empty() ? -1 : node.inputs[0];
    std::visit([&](const auto& op) { lowerOp(id, first, op); }, node.op);
  }

  void lowerOp(NodeId id, NodeId /*first*/, const InputOp& input) {
    Part part;
    part.channels = input.channels;
    readsOf(id) = {part};
  }

  void lowerOp(NodeId id, NodeId first, const ConvOp&) {
    emit(Step::Kind::Conv, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const LinearOp&) {
    emit(Step::Kind::Conv, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const TransposedConvOp&) {
    emit(Step::Kind::TransposedConv, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const PoolOp&) {
    emit(Step::Kind::Pool, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const UpsampleOp&) {
    emit(Step::Kind::Upsample, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const SoftmaxOp&) {
    emit(Step::Kind::Softmax, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const ArgmaxOp&) {
    emit(Step::Kind::Argmax, id, {readsOf(first)});
  }

  void lowerOp(NodeId id, NodeId first, const GlobalPoolOp&) {
    emit(Step::Kind::RowMeans, id, {readsOf(first)});
    emit(Step::Kind::Mean, id, {readsOf(id)});
  }

  void lowerOp(NodeId id, NodeId first, const InstanceNormOp&) {
    normalise(id, first);
    m_program.steps[static_cast<std::size_t>(readsOf(id)[0].source)].norms.push_back(id);
  }

  void lowerOp(NodeId id, NodeId first, const GroupNormOp&) {
    normalise(id, first);
    m_program.steps[static_cast<std::size_t>(readsOf(id)[0].source)].norms.push_back(id);
  }

  void lowerOp(NodeId id, NodeId first, const BatchNormOp&) { normalise(id, first); }

  void normalise(NodeId id, NodeId first) {
    store(first);
    Part part = readsOf(first)[0];
    part.norm = id;
    readsOf(id) = {part};
  }

  void lowerOp(NodeId id, NodeId first, const LeakyReluOp& relu) {
    activate(id, first, {Activation::Kind::LeakyRelu, relu.slope, -1});
  }

  void lowerOp(NodeId id, NodeId first, const PReluOp& prelu) {
    // Slopes of all channels cannot be cut along a concat.
    storeUnless(first, prelu.slopes == 1 || readsOf(first).size() == 1);
    activate(id, first, {Activation::Kind::PRelu, 0.0, id});
  }

  void lowerOp(NodeId id, NodeId first, const SiluOp&) {
    activate(id, first, {Activation::Kind::Silu, 0.0, -1});
  }

  void lowerOp(NodeId id, NodeId first, const SigmoidOp&) {
    activate(id, first, {Activation::Kind::Sigmoid, 0.0, -1});
  }

  void activate(NodeId id, NodeId first, const Activation& activation) {
    const ReadList& reads = readsOf(first);
    storeUnless(first, std::all_of(reads.begin(), reads.end(), [](const Part& part) {
                  return !part.activation && !part.gate && part.source >= 0;
                }));
    readsOf(id) = readsOf(first);
    for (Part& part : readsOf(id)) {
      part.activation = activation;
    }
  }

  void lowerOp(NodeId id, NodeId first, const DropoutOp&) { readsOf(id) = readsOf(first); }

  void lowerOp(NodeId id, NodeId first, const ScaleOp&) {
    const NodeId gate = m_graph.node(id).inputs[1];
    store(gate);
    const ReadList& reads = readsOf(first);
    storeUnless(first, reads.size() == 1 && !reads[0].gate && reads[0].source >= 0);
    readsOf(id) = readsOf(first);
    readsOf(id)[0].gate = readsOf(gate)[0].source;
  }

  void lowerOp(NodeId id, NodeId /*first*/, const ConcatOp&) {
    for (const NodeId input : m_graph.node(id).inputs) {
      readsOf(id).insert(readsOf(id).end(), readsOf(input).begin(), readsOf(input).end());
    }
  }

  void lowerOp(NodeId id, NodeId /*first*/, const AddOp&) {
    std::vector<ReadList> reads;
    for (const NodeId input : m_graph.node(id).inputs) {
      reads.push_back(readsOf(input));
    }
    emit(Step::Kind::Add, id, std::move(reads));
  }

  void finish() {
    store(m_graph.output());
    if (readsOf(m_graph.output())[0].source != lastStep()) {
      emit(Step::Kind::Store, m_graph.output(), {readsOf(m_graph.output())});
    }
    const StepId last = lastStep();
    m_program.steps.back().toConsumer = true;
    for (StepId id = 0; id <= last; ++id) {
      m_program.steps[static_cast<std::size_t>(id)].lastReader = id;
      for (const ReadList& reads : m_program.steps[static_cast<std::size_t>(id)].reads) {
        for (const Part& part : reads) {
          if (part.source >= 0) {
            m_program.steps[static_cast<std::size_t>(part.source)].lastReader = id;
          }
          if (part.gate) {
            m_program.steps[static_cast<std::size_t>(*part.gate)].lastReader = id;
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

std::string Program::name(const Graph& graph, StepId id) const {
  const std::string& node = graph.node(step(id).node).name;
  return step(id).kind == Step::Kind::RowMeans ? node + ".rows" : node;
}

Program lowered(const Graph& graph) {
  return Lowering(graph).run();
}

Shape outputShape(const Step& step, const Graph& graph, const std::vector<Shape>& shapes) {
  const Node& node = graph.node(step.node);
  if (step.kind == Step::Kind::RowMeans) {
    Shape shape = shapes[static_cast<std::size_t>(node.inputs[0])];
    shape.size = {shape.size.d, 1, 1};
    return shape;
  }
  return shapes[static_cast<std::size_t>(step.node)];
}

Shape readShape(const Step& step, const Graph& graph, const std::vector<Shape>& shapes) {
  const Node& node = graph.node(step.node);
  switch (step.kind) {
    case Step::Kind::Add:
    case Step::Kind::Store:
      return shapes[static_cast<std::size_t>(step.node)];
    case Step::Kind::Mean: {
      Shape shape = shapes[static_cast<std::size_t>(node.inputs[0])];
      shape.size = {shape.size.d, 1, 1};
      return shape;
    }
    default:
      return shapes[static_cast<std::size_t>(node.inputs[0])];
  }
}

ConvOp convolutionOf(const Op& op) {
  if (const auto* linear = std::get_if<LinearOp>(&op)) {
    ConvOp conv;
    conv.channels = linear->channels;
    conv.kernel = {1, 1, 1};
    conv.padding = {0, 0, 0};
    conv.bias = linear->bias;
    return conv;
  }
  return std::get<ConvOp>(op);
}

RowRange clamped(const RowRange& rows, std::int64_t depth) {
  return {std::clamp<std::int64_t>(rows.begin, 0, depth),
          std::clamp<std::int64_t>(rows.end, 0, depth)};
}

RowRange intersection(const RowRange& a, const RowRange& b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

RowRange inputRows(const Op& op, const RowRange& rows, int axis) {
  if (const auto* conv = std::get_if<ConvOp>(&op)) {
    const std::int64_t first = rows.begin * conv->stride[axis] - conv->padding[axis];
    const std::int64_t last = (rows.end - 1) * conv->stride[axis] - conv->padding[axis] +
                              conv->dilation[axis] * (conv->kernel[axis] - 1);
    return {first, last + 1};
  }
  if (const auto* pool = std::get_if<PoolOp>(&op)) {
    const std::int64_t first = rows.begin * pool->stride[axis] - pool->padding[axis];
    return {first, (rows.end - 1) * pool->stride[axis] - pool->padding[axis] + pool->kernel[axis]};
  }
  if (const auto* up = std::get_if<TransposedConvOp>(&op)) {
    // Output o gets input i through tap o + padding - i * stride of [0, kernel).
    const std::int64_t stride = up->stride[axis];
    const std::int64_t first =
        floorDiv(rows.begin + up->padding[axis] - up->kernel[axis] + stride, stride);
    const std::int64_t last = floorDiv(rows.end - 1 + up->padding[axis], stride);
    return {first, last + 1};
  }
  if (const auto* up = std::get_if<UpsampleOp>(&op)) {
    const std::int64_t factor = up->factor[axis];
    if (up->kind == UpsampleOp::Kind::Nearest) {
      return {rows.begin / factor, (rows.end - 1) / factor + 1};
    }
    // Output o lies at (o + 1/2) / factor - 1/2, between two inputs.
    const auto below = [&](std::int64_t o) { return floorDiv(2 * o + 1 - factor, 2 * factor); };
    return {below(rows.begin), below(rows.end - 1) + 2};
  }
  return rows;
}

RowRange rowsRead(const Step& step,
                  const Graph& graph,
                  const RowRange& rows,
                  std::int64_t readDepth) {
  if (step.kind == Step::Kind::Mean) {
    return {0, readDepth};
  }
  if (step.kind == Step::Kind::Store || step.kind == Step::Kind::RowMeans) {
    return rows;
  }
  return clamped(inputRows(graph.node(step.node).op, rows), readDepth);
}

std::int64_t chunkRows(const Step& step, const Graph& graph, const std::vector<Shape>& shapes) {
  // A chunk and what it reads should stay in the caches, yet be large beside its
  // halo and worth the call; from 1 to 32 rows a convolution is equally fast.
  // Slabs begin where chunks do, so there must be enough of them to share.
  constexpr std::int64_t kChunks = 16;
  constexpr std::int64_t kElements = 2'500'000;
  constexpr double kFlops = 0.25e9;
  const Shape out = outputShape(step, graph, shapes);
  const Shape in = readShape(step, graph, shapes);
  const std::int64_t inRow = in.size.h * in.size.w * in.channels;
  const std::int64_t outRow = out.size.h * out.size.w * out.channels;
  const bool convolves = step.kind == Step::Kind::Conv || step.kind == Step::Kind::TransposedConv;
  const Extent kernel =
      step.kind == Step::Kind::Conv ? convolutionOf(graph.node(step.node).op).kernel : Extent{};
  const double rowFlops = 2.0 * static_cast<double>(outRow) *
                          static_cast<double>((convolves ? in.channels : 1) * kernel.voxels());
  // Where rows are read by one chunk only, a small one costs nothing and its window is smaller.
  const std::int64_t most = kernel.d > 1 ? 2 * kElements : kElements;
  std::int64_t rows = 1;
  while (rows < 32 && 8 * rows <= out.size.d) {
    const std::int64_t more = 2 * rows;
    const RowRange read = rowsRead(step, graph, {0, more}, in.size.d);
    const bool shared = more * kChunks <= out.size.d;
    const bool small = static_cast<double>(rows) * rowFlops < kFlops;
    if ((!shared && !small) || read.count() * inRow + more * outRow > most) {
      break;
    }
    rows = more;
  }
  return rows;
}

RowRange chunkAt(std::int64_t row, std::int64_t chunkRows, std::int64_t depth) {
  const std::int64_t begin = row / chunkRows * chunkRows;
  return {begin, std::min(depth, begin + chunkRows)};
}

}  // namespace argand::engine
