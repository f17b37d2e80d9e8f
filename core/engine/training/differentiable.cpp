// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/differentiable.h"

#include "core/base/assert.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/training/differentiable_ops.h"
#include "core/engine/training/inner_graph.h"
#include "core/engine/training/norm_ops.h"
#include "core/engine/training/slab_pass.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <map>

namespace argand::engine {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the nodes before `end` read of a value. Where later ones read it too, the
// gradients of both are added on the devices that have it.
Slabs readBy(const PassCall& call, const TeamPtr& team, Values& values, NodeId id, NodeId end) {
  Slabs& all = values.at(id);
  const bool needsGradient =
      c10::GradMode::is_enabled() &&
      std::any_of(all.values.begin(), all.values.end(), [](const at::Tensor& value) {
        return value.defined() && value.requires_grad();
      });
  if (call.lastReader(id) < end || !needsGradient) {
    return all;
  }
  auto [read, rest] = autograd::shared(team, all);
  all = std::move(rest);
  return std::move(read);
}

// The operations of one range of nodes, on the devices of a team.
class Pass {
 public:
  // `moments`: where batch norms put their statistics, or nowhere.
  Pass(const PassCall& call, TeamPtr team, Values& values, MomentsByNode* moments)
      : m_call(call),
        m_plan(call.plan),
        m_team(std::move(team)),
        m_values(values),
        m_moments(moments) {
    for (const StepPlan& step : m_plan.steps) {
      m_steps.emplace(step.step, &step);
    }
  }

  // Computes [begin, end) and drops what nothing reads any more.
  void run(NodeId begin, NodeId end) {
    m_end = end;
    for (NodeId id = begin; id < end; ++id) {
      m_values[id] = compute(id);
      for (const NodeId read : m_call.graph.node(id).inputs) {
        if (m_call.lastReader(read) == id) {
          m_values.erase(read);  // autograd keeps what it needs
        }
      }
    }
  }

 private:
  at::Tensor parameter(const Node& node, std::string_view suffix) const {
    return m_call.parameters.tensors().get(fmt::format("{}.{}", node.name, suffix));
  }

  Slabs compute(NodeId id) {
    const Node& node = m_call.graph.node(id);
    if (const auto* relu = std::get_if<LeakyReluOp>(&node.op)) {
      if (const auto left = m_left.extract(node.inputs[0])) {
        return normed(left.key(), left.mapped(), relu->slope);
      }
    }
    if (isNorm(node.op)) {
      // Left to the activation behind it where nothing else reads it.
      const auto& readers = m_call.readers[static_cast<std::size_t>(id)];
      const bool fused = readers.size() == 1 && readers[0] < m_end &&
                         std::holds_alternative<LeakyReluOp>(m_call.graph.node(readers[0]).op);
      Slabs from = readBy(m_call, m_team, m_values, node.inputs[0], id + 1);
      if (fused) {
        Slabs rows{from.rows, {}};
        m_left.emplace(id, std::move(from));
        return rows;
      }
      return normed(id, from, 1.0);
    }
    return computed(callOf(id));
  }

  static bool isNorm(const Op& op) {
    return std::holds_alternative<InstanceNormOp>(op) || std::holds_alternative<BatchNormOp>(op) ||
           std::holds_alternative<GroupNormOp>(op);
  }

  SlabCall callOf(NodeId id) {
    const Node& node = m_call.graph.node(id);
    SlabCall call{node,
                  id,
                  m_team,
                  {},
                  rowsOf(id),
                  {},
                  m_call.options.mode == Mode::Training,
                  m_call.options.dropoutSeed,
                  m_call.options.firstSample};
    for (std::size_t n = 0; n < node.inputs.size(); ++n) {
      const bool again = std::find(node.inputs.begin() + static_cast<std::ptrdiff_t>(n) + 1,
                                   node.inputs.end(),
                                   node.inputs[n]) != node.inputs.end();
      call.inputs.push_back(readBy(m_call, m_team, m_values, node.inputs[n], again ? id : id + 1));
    }
    call.parameter = [this, &node](std::string_view suffix) { return parameter(node, suffix); };
    return call;
  }

  // Where the plan says; what it does not name lies where its input lies.
  std::vector<RowRange> rowsOf(NodeId id) const {
    const Node& node = m_call.graph.node(id);
    const auto found = m_steps.find(node.name);
    if (found == m_steps.end()) {
      return cutAs(m_values.at(node.inputs[0]), m_call.shapes[static_cast<std::size_t>(id)].size.d);
    }
    std::vector<RowRange> rows;
    for (std::size_t n = 0; n < m_plan.devices.size(); ++n) {
      rows.push_back(found->second->rows(static_cast<int>(n)));
    }
    return rows;
  }

  Slabs normed(NodeId id, const Slabs& from, double slope) {
    const Node& node = m_call.graph.node(id);
    autograd::NormParameters parameters{parameter(node, "weight"), parameter(node, "bias"), {}, {}};
    const bool ofBatch = std::holds_alternative<BatchNormOp>(node.op);
    const bool training = m_call.options.mode == Mode::Training;
    if (ofBatch && !training) {
      parameters.runningMean = parameter(node, "running_mean");
      parameters.runningVariance = parameter(node, "running_var");
    }
    BatchMoments seen;
    const bool notes = ofBatch && training && m_moments != nullptr;
    Slabs to = autograd::normed(m_team, from, node.op, parameters, slope, notes ? &seen : nullptr);
    if (notes) {
      (*m_moments)[id].push_back(std::move(seen));
    }
    return to;
  }

  const PassCall& m_call;
  const Plan& m_plan;
  TeamPtr m_team;
  Values& m_values;
  MomentsByNode* m_moments;
  NodeId m_end = 0;
  std::map<std::string, const StepPlan*> m_steps;
  std::map<NodeId, Slabs> m_left;  // what a norm reads that its activation will do
};

// One segment that runs twice: what backward needs for the second time.
struct Recomputation : torch::CustomClassHolder {
  std::shared_ptr<const PassCall> call;
  TeamPtr team;
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
    Pass(*call, team, values, to).run(segment->begin, segment->end);
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

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const auto what =
        c10::static_intrusive_pointer_cast<Recomputation>(context->saved_data["what"].toCapsule());
    std::vector<autograd::Start> starts;
    torch::autograd::edge_list ends;
    {
      const c10::AutoGradMode recorded(true);
      variable_list begun;
      for (const at::Tensor& value : context->get_saved_variables()) {
        begun.push_back(starts.emplace_back().cut(value));
      }
      for (const at::Tensor& output : what->run(begun, nullptr)) {
        ends.push_back(autograd::endOf(output));
      }
    }
    // Parameters get their gradients here, as in any backward.
    autograd::runBackward(ends, gradients);
    variable_list toInputs;
    for (autograd::Start& start : starts) {
      toInputs.push_back(start.take());
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
                   const TeamPtr& team,
                   const TrainingSegment& segment,
                   Values& values,
                   MomentsByNode* moments) {
  auto what = c10::make_intrusive<Recomputation>();
  what->call = call;
  what->team = team;
  what->segment = &segment;
  what->moments = moments;
  std::vector<at::Tensor> inputs;
  for (const NodeId id : segment.reads) {
    const Slabs slabs = readBy(*call, team, values, id, segment.end);
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

Slabs onFirstDevice(const Plan& plan, int stage, const TeamPtr& team, const at::Tensor& value) {
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
  slabs.values[first] = value.to(team->where(static_cast<int>(first)));
  return slabs;
}

Values runStage(const std::shared_ptr<const PassCall>& call,
                int stage,
                const TeamPtr& team,
                Values given,
                MomentsByNode* moments) {
  NodeId end = 0;
  for (const TrainingSegment& segment : call->segments) {
    if (stage != kAllStages && segment.stage != stage) {
      continue;
    }
    if (segment.recomputed && c10::GradMode::is_enabled()) {
      runRecomputed(call, team, segment, given, moments);
    } else {
      Pass(*call, team, given, moments).run(segment.begin, segment.end);
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

SlabScores scoresOf(const Slabs& slabs, const TeamPtr& team) {
  SlabScores scores;
  scores.team = team;
  scores.devices = devicesWith(slabs.rows);
  for (const int n : scores.devices) {
    scores.rows.push_back(slabs.rows[static_cast<std::size_t>(n)]);
    scores.scores.push_back(slabs.values[static_cast<std::size_t>(n)]);
  }
  return scores;
}

TeamPtr teamOf(const Plan& plan,
               const std::vector<int>& devices,
               const std::vector<Placement>& placements,
               const std::vector<Ledger*>& ledgers,
               const std::stop_token& stop) {
  std::vector<DeviceTeam::Member> members;
  for (const int device : devices) {
    const auto n = static_cast<std::size_t>(device);
    members.push_back({device,
                       plan.devices[n].device.threads,
                       ledgers.empty() ? nullptr : ledgers[n],
                       placements[n]});
  }
  return std::make_shared<DeviceTeam>(members, stop);
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
  ARGAND_ASSIGN(const std::vector<Placement> placements, placementsOf(plan));
  return guardedPass(options.stop, [&] {
    MomentsByNode own;
    const bool moves = options.moments == nullptr && options.mode == Mode::Training;
    std::vector<int> devices;
    for (int stage = 0; stage < stageCount(plan); ++stage) {
      const std::vector<int> ofStage = devicesOf(plan, stage);
      devices.insert(devices.end(), ofStage.begin(), ofStage.end());
    }
    const TeamPtr team = teamOf(plan, devices, placements, {}, options.stop);
    Values values{{0, onFirstDevice(plan, kAllStages, team, input)}};
    values = runStage(passCall(graph, parameters, plan, options),
                      kAllStages,
                      team,
                      std::move(values),
                      moves ? &own : options.moments);
    moveRunningStatistics(graph, parameters, own);
    return scoresOf(values.at(graph.output()), team);
  });
}

}  // namespace argand::engine
