// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/differentiable.h"

#include "core/base/assert.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/training/autograd_ops.h"
#include "core/engine/training/differentiable_ops.h"
#include "core/engine/training/slab_pass.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>

namespace argand::engine {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The operations of one range of nodes, slab by slab.
class Pass {
 public:
  // `moments`: where batch norms put their statistics, or nowhere.
  Pass(const PassCall& call, Values& values, MomentsByNode* moments)
      : m_call(call), m_plan(call.plan), m_values(values), m_moments(moments) {
    for (const StepPlan& step : m_plan.steps) {
      m_steps.emplace(step.step, &step);
    }
  }

  // Computes [begin, end) and drops what nothing reads any more.
  void run(NodeId begin, NodeId end) {
    m_end = end;
    for (NodeId id = begin; id < end; ++id) {
      if (m_call.options.stop.stop_requested()) {
        throw std::runtime_error("stopped");
      }
      m_values[id] = compute(id);
      for (const NodeId read : m_call.graph.node(id).inputs) {
        if (m_call.lastReader(read) == id) {
          m_values.erase(read);  // autograd keeps what it needs
        }
      }
    }
  }

 private:
  std::size_t devices() const { return m_plan.devices.size(); }

  const Slabs& valueOf(NodeId id) const { return m_values.at(id); }

  at::Tensor parameter(const Node& node, std::string_view suffix) const {
    return m_call.parameters.tensors().get(fmt::format("{}.{}", node.name, suffix));
  }

  static bool isWhole(const Slabs& slabs, std::size_t device) {
    return slabs.rows[device] == RowRange{0, depthOf(slabs)};
  }

  Slabs compute(NodeId id) {
    const Node& node = m_call.graph.node(id);
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
      const auto& readers = m_call.readers[static_cast<std::size_t>(id)];
      const bool fused = readers.size() == 1 && readers[0] < m_end &&
                         std::holds_alternative<LeakyReluOp>(m_call.graph.node(readers[0]).op);
      if (fused) {
        m_left.emplace(id, valueOf(node.inputs[0]));
        return Slabs{valueOf(node.inputs[0]).rows, {}};
      }
      return normed(id, valueOf(node.inputs[0]), 1.0);
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
    const Node& node = m_call.graph.node(id);
    SlabCall call{node,
                  id,
                  {},
                  placed(id).rows,
                  {},
                  m_call.options.mode == Mode::Training,
                  m_call.options.dropoutSeed,
                  m_call.options.firstSample};
    for (const NodeId input : node.inputs) {
      call.inputs.push_back(&valueOf(input));
    }
    call.parameter = [this, &node](std::string_view suffix) { return parameter(node, suffix); };
    return call;
  }

  // Where the plan says; what it does not name lies where its input lies.
  Slabs placed(NodeId id) const {
    const Node& node = m_call.graph.node(id);
    Slabs slabs;
    const auto found = m_steps.find(node.name);
    if (found == m_steps.end()) {
      slabs.rows =
          cutAs(valueOf(node.inputs[0]), m_call.shapes[static_cast<std::size_t>(id)].size.d);
    }
    for (std::size_t n = 0; found != m_steps.end() && n < devices(); ++n) {
      slabs.rows.push_back(found->second->rows(static_cast<int>(n)));
    }
    slabs.values.resize(devices());
    return slabs;
  }

  Slabs convolved(NodeId id, const ConvOp& conv) const {
    const Node& node = m_call.graph.node(id);
    const Slabs& from = valueOf(node.inputs[0]);
    Slabs to = placed(id);
    std::vector<RowRange> read(devices());
    for (std::size_t n = 0; n < devices(); ++n) {
      if (to.rows[n].count() > 0) {
        read[n] = isWhole(to, n) ? RowRange{0, depthOf(from)} : inputRows(conv, to.rows[n]);
      }
    }
    const std::vector<at::Tensor> inputs = autograd::gathered(from.values, from.rows, read);
    for (std::size_t n = 0; n < devices(); ++n) {
      if (to.rows[n].count() > 0) {
        to.values[n] = autograd::convolution(inputs[n],
                                             parameter(node, "weight"),
                                             parameter(node, "bias"),
                                             conv,
                                             isWhole(to, n) ? conv.padding.d : 0);
      }
    }
    return to;
  }

  Slabs activated(const Node& node, const LeakyReluOp& relu) {
    const auto left = m_left.find(node.inputs[0]);
    if (left != m_left.end()) {
      Slabs done = normed(node.inputs[0], left->second, relu.slope);
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
  Slabs normed(NodeId id, const Slabs& from, double slope) {
    const Node& node = m_call.graph.node(id);
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
      epsilon = std::get<BatchNormOp>(node.op).epsilon;
      if (m_call.options.mode == Mode::Training) {
        std::tie(mean, variance) = statistics(from, true);
        if (m_moments != nullptr) {
          noteMoments(id, from, mean, variance);
        }
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

  void noteMoments(NodeId id,
                   const Slabs& from,
                   const at::Tensor& mean,
                   const at::Tensor& variance) {
    double voxels = 0.0;
    for (const at::Tensor& value : from.values) {
      voxels += value.defined() ? static_cast<double>(value.numel() / value.size(1)) : 0.0;
    }
    (*m_moments)[id].push_back({voxels, mean.detach().squeeze(0), variance.detach().squeeze(0)});
  }

  // Add and concat: where the inputs are cut differently, as the first one.
  Slabs joined(NodeId id) const {
    const Node& node = m_call.graph.node(id);
    const bool adds = std::holds_alternative<AddOp>(node.op);
    Slabs to = placed(id);
    std::vector<std::vector<at::Tensor>> parts;
    for (const NodeId input : node.inputs) {
      const Slabs& from = valueOf(input);
      parts.push_back(autograd::gathered(from.values, from.rows, to.rows));
    }
    for (std::size_t n = 0; n < devices(); ++n) {
      if (to.rows[n].count() == 0) {
        continue;
      }
      std::vector<at::Tensor> own;
      for (const std::vector<at::Tensor>& part : parts) {
        own.push_back(part[n]);
      }
      to.values[n] = adds ? own[0] : autograd::concatenated(own);
      for (std::size_t m = 1; adds && m < own.size(); ++m) {
        to.values[n] = to.values[n] + own[m];
      }
    }
    return to;
  }

  const PassCall& m_call;
  const Plan& m_plan;
  Values& m_values;
  MomentsByNode* m_moments;
  NodeId m_end = 0;
  std::map<std::string, const StepPlan*> m_steps;
  std::map<NodeId, Slabs> m_left;  // what a norm reads that its activation will do
};

// One segment that runs twice: what backward needs for the second time.
struct Recomputation : torch::CustomClassHolder {
  std::shared_ptr<const PassCall> call;
  const TrainingSegment* segment = nullptr;
  MomentsByNode* moments = nullptr;           // of the first time
  std::vector<std::vector<RowRange>> reads;   // rows of what it reads
  std::vector<std::vector<RowRange>> writes;  // and hands on, filled by the first run

  variable_list run(const variable_list& inputs, MomentsByNode* to) {
    Values values;
    std::size_t next = 0;
    for (std::size_t n = 0; n < segment->reads.size(); ++n) {
      Slabs slabs{reads[n], {}};
      for (const RowRange& rows : reads[n]) {
        slabs.values.push_back(rows.count() > 0 ? inputs[next++] : at::Tensor());
      }
      values[segment->reads[n]] = std::move(slabs);
    }
    Pass(*call, values, to).run(segment->begin, segment->end);
    variable_list outputs;
    writes.clear();
    for (const NodeId id : segment->writes) {
      Slabs& slabs = values.at(id);
      writes.push_back(slabs.rows);
      for (at::Tensor& value : slabs.values) {
        if (value.defined()) {
          outputs.push_back(std::move(value));
        }
      }
    }
    return outputs;
  }
};

struct Recompute : torch::autograd::Function<Recompute> {
  static variable_list forward(AutogradContext* context,
                               at::TensorList inputs,
                               const c10::intrusive_ptr<Recomputation>& what) {
    context->set_materialize_grads(false);
    context->save_for_backward(inputs.vec());
    context->saved_data["what"] = c10::IValue::make_capsule(what);
    return what->run(inputs.vec(), what->moments);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto what =
        c10::static_intrusive_pointer_cast<Recomputation>(context->saved_data["what"].toCapsule());
    const variable_list saved = context->get_saved_variables();
    variable_list leaves;
    for (std::size_t n = 0; n < saved.size(); ++n) {
      leaves.push_back(saved[n].detach().set_requires_grad(context->needs_input_grad(n)));
    }
    torch::autograd::edge_list edges;
    variable_list roots;
    {
      const c10::AutoGradMode recorded(true);
      const variable_list outputs = what->run(leaves, nullptr);
      for (std::size_t n = 0; n < outputs.size(); ++n) {
        if (gradients[n].defined()) {
          edges.push_back(torch::autograd::impl::gradient_edge(outputs[n]));
          roots.push_back(std::move(gradients[n]));
        }
      }
    }
    // Parameters get their gradients here, as in any backward.
    torch::autograd::Engine::get_default_engine().execute(edges, roots, false, false, true, {});
    variable_list toInputs;
    for (at::Tensor& leaf : leaves) {
      toInputs.push_back(leaf.grad());
    }
    toInputs.emplace_back();
    return toInputs;
  }
};

// What ties a segment that reads no gradient's value to the graph.
at::Tensor anchorOf(const PassCall& call, const TrainingSegment& segment) {
  for (NodeId id = segment.begin; id < segment.end; ++id) {
    for (const ParameterSpec& spec : call.graph.parametersOf(id)) {
      const at::Tensor tensor = call.parameters.tensors().get(spec.name);
      if (tensor.requires_grad()) {
        return tensor;
      }
    }
  }
  return {};
}

void runRecomputed(const std::shared_ptr<const PassCall>& call,
                   const TrainingSegment& segment,
                   Values& values,
                   MomentsByNode* moments) {
  auto what = c10::make_intrusive<Recomputation>();
  what->call = call;
  what->segment = &segment;
  what->moments = moments;
  std::vector<at::Tensor> inputs;
  for (const NodeId id : segment.reads) {
    const Slabs& slabs = values.at(id);
    what->reads.push_back(slabs.rows);
    for (const at::Tensor& value : slabs.values) {
      if (value.defined()) {
        inputs.push_back(value);
      }
    }
  }
  if (const at::Tensor anchor = anchorOf(*call, segment); anchor.defined()) {
    inputs.push_back(anchor);
  }
  for (const NodeId id : segment.reads) {
    if (call->lastReader(id) < segment.end) {
      values.erase(id);
    }
  }
  const variable_list outputs = Recompute::apply(at::TensorList(inputs), what);
  std::size_t next = 0;
  for (std::size_t n = 0; n < segment.writes.size(); ++n) {
    Slabs slabs{what->writes[n], {}};
    for (const RowRange& rows : slabs.rows) {
      slabs.values.push_back(rows.count() > 0 ? outputs[next++] : at::Tensor());
    }
    values[segment.writes[n]] = std::move(slabs);
  }
}

}  // namespace

NodeId PassCall::lastReader(NodeId id) const {
  const auto& all = readers[static_cast<std::size_t>(id)];
  return all.empty() ? graph.size() : all.back();
}

std::shared_ptr<const PassCall> passCall(const Graph& graph,
                                         const Parameters& parameters,
                                         const Plan& plan,
                                         const ForwardOptions& options) {
  auto call = std::make_shared<PassCall>();
  call->graph = graph;
  call->parameters = parameters;
  call->plan = plan;
  call->segments = trainingSegments(plan, graph, lowered(graph));
  call->options = options;
  call->options.moments = nullptr;  // of one pass, not of the call
  call->shapes = graph.shapes(plan.input).value();
  const bool drops = std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const Node& node) {
    return std::holds_alternative<DropoutOp>(node.op);
  });
  if (drops && options.mode == Mode::Training && options.dropoutSeed == 0) {
    // Drawn once for the call, so that what is recomputed drops the same.
    call->options.dropoutSeed =
        static_cast<std::uint64_t>(at::randint(std::int64_t{1} << 62, {1}).item<std::int64_t>());
  }
  call->readers.resize(static_cast<std::size_t>(graph.size()));
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (const NodeId input : graph.node(id).inputs) {
      call->readers[static_cast<std::size_t>(input)].push_back(id);
    }
  }
  return call;
}

Slabs onFirstDevice(const Plan& plan, int stage, const at::Tensor& value) {
  std::size_t first = plan.devices.size() - 1;
  for (const StepPlan& step : plan.steps) {
    for (std::size_t n = 0; n < first && (step.stage == stage || stage == kAllStages); ++n) {
      first = step.rows(static_cast<int>(n)).count() > 0 ? n : first;
    }
  }
  Slabs slabs;
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    const std::int64_t depth = value.size(2);
    slabs.rows.push_back({n <= first ? 0 : depth, n < first ? 0 : depth});
  }
  slabs.values.resize(plan.devices.size());
  slabs.values[first] = value;
  return slabs;
}

Values runStage(const std::shared_ptr<const PassCall>& call,
                int stage,
                Values given,
                MomentsByNode* moments) {
  NodeId end = 0;
  for (const TrainingSegment& segment : call->segments) {
    if (stage != kAllStages && segment.stage != stage) {
      continue;
    }
    if (segment.recomputed && c10::GradMode::is_enabled()) {
      runRecomputed(call, segment, given, moments);
    } else {
      Pass(*call, given, moments).run(segment.begin, segment.end);
    }
    end = segment.end;
  }
  // A value that came in and is also read by a later stage reaches that one by itself.
  NodeId begin = 0;
  for (auto segment = call->segments.rbegin(); segment != call->segments.rend(); ++segment) {
    begin = stage == kAllStages || segment->stage == stage ? segment->begin : begin;
  }
  std::erase_if(given, [&](const auto& entry) {
    const NodeId last = call->lastReader(entry.first);
    return entry.first < begin || last < end;
  });
  return given;
}

SlabScores scoresOf(const Slabs& slabs) {
  SlabScores scores;
  for (std::size_t n = 0; n < slabs.rows.size(); ++n) {
    if (slabs.rows[n].count() > 0) {
      scores.rows.push_back(slabs.rows[n]);
      scores.scores.push_back(slabs.values[n]);
    }
  }
  return scores;
}

Result<SlabScores> forward(const Graph& graph,
                           Parameters& parameters,
                           const Plan& plan,
                           const at::Tensor& input,
                           const ForwardOptions& options) {
  ARGAND_TRY(validate(plan, graph));
  const Extent& size = plan.input.size;
  if (input.dim() != 5 || input.size(1) != plan.input.channels || input.size(2) != size.d ||
      input.size(3) != size.h || input.size(4) != size.w) {
    return fail(ErrorCode::Internal, "The input is not of the size that the plan is for.");
  }
  return guardedPass(options.stop, [&] {
    MomentsByNode own;
    const bool moves = options.moments == nullptr && options.mode == Mode::Training;
    Values values{{0, onFirstDevice(plan, kAllStages, input)}};
    values = runStage(passCall(graph, parameters, plan, options),
                      kAllStages,
                      std::move(values),
                      moves ? &own : options.moments);
    moveRunningStatistics(graph, parameters, own);
    return scoresOf(values.at(graph.output()));
  });
}

}  // namespace argand::engine
