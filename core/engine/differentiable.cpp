// SPDX-License-Identifier: Apache-2.0
#include "core/engine/differentiable.h"

#include "core/engine/autograd_ops.h"
#include "core/engine/differentiable_ops.h"
#include "core/engine/parameters_torch.h"
#include "core/engine/program.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <optional>

namespace argand::engine {

namespace {

class Pass {
 public:
  Pass(const Graph& graph, Parameters& parameters, const Plan& plan, Mode mode)
      : m_graph(graph),
        m_shapes(graph.shapes(plan.input).value()),
        m_tensors(parameters.tensors()),
        m_plan(plan),
        m_mode(mode) {
    for (const StepPlan& step : plan.steps) {
      m_bounds.emplace(step.step, &step);
    }
    m_readers.resize(static_cast<std::size_t>(graph.size()));
    for (NodeId id = 0; id < graph.size(); ++id) {
      for (const NodeId input : graph.node(id).inputs) {
        m_readers[static_cast<std::size_t>(input)].push_back(id);
      }
      if (mode == Mode::Training && std::holds_alternative<DropoutOp>(graph.node(id).op)) {
        m_seed = static_cast<std::uint64_t>(
            at::randint(std::int64_t{1} << 62, {1}).item<std::int64_t>());
      }
    }
  }

  SlabScores run(const at::Tensor& input) {
    for (NodeId id = 0; id < m_graph.size(); ++id) {
      m_values.push_back(id == 0 ? whole(input) : compute(id));
      for (const NodeId read : m_graph.node(id).inputs) {
        if (m_readers[static_cast<std::size_t>(read)].back() == id) {
          m_values[static_cast<std::size_t>(read)].values.clear();  // autograd keeps what it needs
        }
      }
    }
    SlabScores scores;
    const Slabs& last = m_values.back();
    for (std::size_t n = 0; n < last.rows.size(); ++n) {
      if (last.rows[n].count() > 0) {
        scores.rows.push_back(last.rows[n]);
        scores.scores.push_back(last.values[n]);
      }
    }
    return scores;
  }

 private:
  std::size_t devices() const { return m_plan.devices.size(); }

  const Slabs& valueOf(NodeId id) const { return m_values[static_cast<std::size_t>(id)]; }

  at::Tensor parameter(const Node& node, std::string_view suffix) const {
    return m_tensors.get(fmt::format("{}.{}", node.name, suffix));
  }

  Slabs whole(const at::Tensor& input) const {
    Slabs slabs;
    slabs.rows.assign(devices(), {input.size(2), input.size(2)});
    slabs.rows[0] = {0, input.size(2)};
    slabs.values.resize(devices());
    slabs.values[0] = input;
    return slabs;
  }

  Slabs compute(NodeId id) {
    const Node& node = m_graph.node(id);
    if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
      return convolved(id, *conv);
    }
    if (const auto* up = std::get_if<TransposedConvOp>(&node.op)) {
      return transposedConvolution(callOf(id), *up);
    }
    if (const auto* relu = std::get_if<LeakyReluOp>(&node.op)) {
      return activated(node, *relu);
    }
    if (isNorm(node.op)) {
      // Left to the activation behind it where nothing else reads it.
      const auto& readers = m_readers[static_cast<std::size_t>(id)];
      const bool fused =
          readers.size() == 1 && std::holds_alternative<LeakyReluOp>(m_graph.node(readers[0]).op);
      if (fused) {
        m_left.emplace(id, valueOf(node.inputs[0]));
        return Slabs{valueOf(node.inputs[0]).rows, {}};
      }
      return normed(node, valueOf(node.inputs[0]), 1.0);
    }
    if (std::holds_alternative<AddOp>(node.op) || std::holds_alternative<ConcatOp>(node.op)) {
      return joined(id);
    }
    return computed(callOf(id));
  }

  static bool isNorm(const Op& op) {
    return std::holds_alternative<InstanceNormOp>(op) || std::holds_alternative<BatchNormOp>(op) ||
           std::holds_alternative<GroupNormOp>(op);
  }

  SlabCall callOf(NodeId id) const {
    const Node& node = m_graph.node(id);
    SlabCall call{node, id, {}, placed(id).rows, {}, m_mode == Mode::Training, m_seed};
    for (const NodeId input : node.inputs) {
      call.inputs.push_back(&valueOf(input));
    }
    call.parameter = [this, &node](std::string_view suffix) { return parameter(node, suffix); };
    return call;
  }

  // Where the plan says; what it does not name lies where its input lies.
  Slabs placed(NodeId id) const {
    const Node& node = m_graph.node(id);
    Slabs slabs;
    const auto found = m_bounds.find(node.name);
    if (found == m_bounds.end()) {
      slabs.rows = cutAs(valueOf(node.inputs[0]), m_shapes[static_cast<std::size_t>(id)].size.d);
    }
    for (std::size_t n = 0; found != m_bounds.end() && n < devices(); ++n) {
      slabs.rows.push_back(found->second->rows(static_cast<int>(n)));
    }
    slabs.values.resize(devices());
    return slabs;
  }

  Slabs convolved(NodeId id, const ConvOp& conv) const {
    const Node& node = m_graph.node(id);
    const Slabs& from = valueOf(node.inputs[0]);
    Slabs to = placed(id);
    for (std::size_t n = 0; n < devices(); ++n) {
      if (to.rows[n].count() == 0) {
        continue;
      }
      const bool all = to.rows[n].begin == 0 && to.rows[n].end == depthOf(to);
      const RowRange read = all ? RowRange{0, depthOf(from)} : inputRows(conv, to.rows[n]);
      to.values[n] = autograd::convolution(gather(from, read),
                                           parameter(node, "weight"),
                                           parameter(node, "bias"),
                                           conv,
                                           all ? conv.padding.d : 0);
    }
    return to;
  }

  Slabs activated(const Node& node, const LeakyReluOp& relu) {
    const auto left = m_left.find(node.inputs[0]);
    if (left != m_left.end()) {
      Slabs done = normed(m_graph.node(node.inputs[0]), left->second, relu.slope);
      m_left.erase(left);
      return done;
    }
    Slabs slabs = valueOf(node.inputs[0]);
    for (at::Tensor& value : slabs.values) {
      value = value.defined() ? at::leaky_relu(value, relu.slope) : value;
    }
    return slabs;
  }

  // Norm and activation in one pass over each slab, with the statistics of all.
  Slabs normed(const Node& node, const Slabs& from, double slope) {
    const at::Tensor gamma = parameter(node, "weight");
    const at::Tensor beta = parameter(node, "bias");
    at::Tensor mean;
    at::Tensor variance;
    double epsilon = 0.0;
    if (const auto* instance = std::get_if<InstanceNormOp>(&node.op)) {
      epsilon = instance->epsilon;
      std::tie(mean, variance) = statistics(from, false);
    } else if (const auto* group = std::get_if<GroupNormOp>(&node.op)) {
      epsilon = group->epsilon;
      std::tie(mean, variance) = groupStatistics(from, group->groups);
    } else {
      const auto& norm = std::get<BatchNormOp>(node.op);
      epsilon = norm.epsilon;
      if (m_mode == Mode::Training) {
        std::tie(mean, variance) = statistics(from, true);
        moveRunning(node, norm, from, mean, variance);
      } else {
        mean = parameter(node, "running_mean").to(at::kDouble).unsqueeze(0);
        variance = parameter(node, "running_var").to(at::kDouble).unsqueeze(0);
      }
    }
    at::Tensor scale = at::rsqrt(variance + epsilon);
    if (gamma.defined()) {
      scale = scale * gamma.to(at::kDouble);
    }
    at::Tensor shift = -mean * scale;
    if (beta.defined()) {
      shift = shift + beta.to(at::kDouble);
    }
    Slabs to = from;
    for (at::Tensor& value : to.values) {
      if (value.defined()) {
        const std::int64_t samples = value.size(0);
        value = autograd::scaled(
            value, scale.expand({samples, -1}), shift.expand({samples, -1}), slope);
      }
    }
    return to;
  }

  // Mean and biased variance per sample (or of the batch) and channel over all
  // slabs, joined in the order of depth: (samples or 1, channels).
  static std::pair<at::Tensor, at::Tensor> statistics(const Slabs& from, bool ofBatch) {
    std::vector<at::Tensor> means;
    std::vector<at::Tensor> deviations;
    std::vector<double> counts;
    for (const at::Tensor& value : from.values) {
      if (value.defined()) {
        const at::Tensor both = autograd::moments(value);
        for (std::int64_t n = 0; n < (ofBatch ? value.size(0) : 1); ++n) {
          means.push_back(ofBatch ? both[n].select(1, 0).unsqueeze(0) : both.select(2, 0));
          deviations.push_back(ofBatch ? both[n].select(1, 1).unsqueeze(0) : both.select(2, 1));
          counts.push_back(static_cast<double>(value.size(2) * value.size(3) * value.size(4)));
        }
      }
    }
    double total = 0.0;
    at::Tensor sum;
    for (std::size_t n = 0; n < means.size(); ++n) {
      total += counts[n];
      sum = n == 0 ? means[n] * counts[n] : sum + means[n] * counts[n];
    }
    const at::Tensor mean = sum / total;
    at::Tensor squares;
    for (std::size_t n = 0; n < means.size(); ++n) {
      const at::Tensor difference = means[n] - mean;
      const at::Tensor part = deviations[n] + difference * difference * counts[n];
      squares = n == 0 ? part : squares + part;
    }
    return {mean, squares / total};
  }

  // As PyTorch: towards the batch's mean and unbiased variance.
  void moveRunning(const Node& node,
                   const BatchNormOp& norm,
                   const Slabs& from,
                   const at::Tensor& mean,
                   const at::Tensor& variance) {
    const c10::NoGradGuard noGradients;
    double voxels = 0.0;
    for (const at::Tensor& value : from.values) {
      voxels += value.defined() ? static_cast<double>(value.numel() / value.size(1)) : 0.0;
    }
    const double unbiased = voxels > 1.0 ? voxels / (voxels - 1.0) : 1.0;
    at::Tensor runningMean = parameter(node, "running_mean");
    at::Tensor runningVariance = parameter(node, "running_var");
    runningMean.mul_(1.0 - norm.momentum)
        .add_(mean.squeeze(0).to(runningMean.scalar_type()), norm.momentum);
    runningVariance.mul_(1.0 - norm.momentum)
        .add_((variance * unbiased).squeeze(0).to(runningVariance.scalar_type()), norm.momentum);
  }

  // Add and concat: where the inputs are cut differently, as the first one.
  Slabs joined(NodeId id) const {
    const Node& node = m_graph.node(id);
    const bool adds = std::holds_alternative<AddOp>(node.op);
    Slabs to = placed(id);
    for (std::size_t n = 0; n < devices(); ++n) {
      if (to.rows[n].count() == 0) {
        continue;
      }
      std::vector<at::Tensor> parts;
      for (const NodeId input : node.inputs) {
        parts.push_back(gather(valueOf(input), to.rows[n]));
      }
      to.values[n] = adds ? parts[0] : at::cat(parts, 1);
      for (std::size_t m = 1; adds && m < parts.size(); ++m) {
        to.values[n] = to.values[n] + parts[m];
      }
    }
    return to;
  }

  const Graph& m_graph;
  const std::vector<Shape> m_shapes;
  Parameters::Tensors& m_tensors;
  const Plan& m_plan;
  const Mode m_mode;
  std::uint64_t m_seed = 0;  // for what is dropped in this pass
  std::map<std::string, const StepPlan*> m_bounds;
  std::vector<std::vector<NodeId>> m_readers;
  std::vector<Slabs> m_values;     // per node
  std::map<NodeId, Slabs> m_left;  // what a norm reads that its activation will do
};

}  // namespace

Result<SlabScores> forward(const Graph& graph,
                           Parameters& parameters,
                           const Plan& plan,
                           const at::Tensor& input,
                           Mode mode) {
  ARGAND_TRY(validate(plan, graph));
  const Extent& size = plan.input.size;
  if (input.dim() != 5 || input.size(1) != plan.input.channels || input.size(2) != size.d ||
      input.size(3) != size.h || input.size(4) != size.w) {
    return fail(ErrorCode::Internal, "The input is not of the size that the plan is for.");
  }
  return guarded(ErrorCode::Internal, "running the network for training", [&] {
    return Pass(graph, parameters, plan, mode).run(input);
  });
}

}  // namespace argand::engine
