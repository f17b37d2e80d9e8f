// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/executor.h"

#include "core/base/assert.h"
#include "core/engine/run/backend.h"
#include "core/engine/run/ledger.h"
#include "core/engine/run/step_runner.h"
#include "core/engine/run/worker_group.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>

namespace argand::engine {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Adds up what all workers have done and tells it at most 20 times a second.
class ProgressMeter {
 public:
  ProgressMeter(const ProgressFn& progress, double total, std::size_t steps)
      : m_progress(progress), m_total(std::max(1.0, total)), m_steps(steps) {}

  void add(StepId step, double flops) {
    const std::lock_guard lock(m_mutex);
    m_done += flops;
    if (m_progress && (!m_told || Clock::now() - *m_told >= std::chrono::milliseconds(50))) {
      m_told = Clock::now();
      report(m_progress,
             "Network",
             std::min(1.0, m_done / m_total),
             fmt::format("layer {} of {}", step + 1, m_steps));
    }
  }

 private:
  const ProgressFn& m_progress;
  const double m_total;
  const std::size_t m_steps;
  std::mutex m_mutex;
  double m_done = 0.0;
  std::optional<Clock::time_point> m_told;
};

}  // namespace

InputProvider inputFrom(std::span<const float> voxels, const Shape& shape) {
  return [voxels, shape](const RowRange& rows, std::span<float> to) -> Result<void> {
    const std::int64_t plane = shape.size.h * shape.size.w;
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      const float* from = voxels.data() + (c * shape.size.d + rows.begin) * plane;
      float* channel = to.data() + c;
      for (std::int64_t v = 0; v < rows.count() * plane; ++v) {
        channel[v * shape.channels] = from[v];
      }
    }
    return {};
  };
}

struct Executor::State {
  Graph graph;
  Program program;
  std::vector<Shape> shapes;
  Plan plan;
  Schedule schedule;
  std::vector<double> flopsPerRow;  // per step
  double workShare = 1.0;
  Parameters parameters;
  std::vector<std::unique_ptr<Ledger>> ledgers;          // per device
  std::vector<DeviceWeights> weights;                    // per device; empty for
  std::vector<std::unique_ptr<DeviceBackend>> backends;  // those that have a backend, else null
  std::unique_ptr<Transport> transport;
  Ledger host{"host memory", std::numeric_limits<std::int64_t>::max()};  // what is spilled

  Result<void> addDevice(int device);
  Result<void> work(RunContext& context, WorkerGroup& group, int device, double& busySeconds);
};

Executor::Executor(std::unique_ptr<State> state) : m_state(std::move(state)) {}

Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

const Graph& Executor::graph() const {
  return m_state->graph;
}

const Plan& Executor::plan() const {
  return m_state->plan;
}

Result<Executor> Executor::create(Graph graph, const Parameters& parameters, Plan plan) {
  ARGAND_TRY(validate(plan, graph));
  if (plan.training || plan.input.samples != 1) {
    return fail(ErrorCode::Usage, "This plan is for training; inference needs one of its own.");
  }
  for (const DevicePlan& device : plan.devices) {
    if (device.device.kind == DeviceKind::Simulated) {
      return fail(
          ErrorCode::NoPlan,
          fmt::format("{} is a device that is not there: it can be planned for, and nothing "
                      "can run on it.",
                      device.device.name));
    }
    if (device.predictedPeakBytes > device.device.budgetBytes) {
      return fail(ErrorCode::NoPlan,
                  fmt::format("The plan needs {} on {}, which has {}.",
                              formatBytes(device.predictedPeakBytes),
                              device.device.name,
                              formatBytes(device.device.budgetBytes)));
    }
  }
  auto state = std::make_unique<State>();
  state->program = lowered(graph);
  ARGAND_ASSIGN(state->shapes, graph.shapes(plan.input));
  state->graph = std::move(graph);
  state->plan = std::move(plan);
  state->parameters = parameters;
  state->schedule = scheduleOf(state->plan, state->graph, state->program, state->shapes);
  state->workShare =
      workShare(state->schedule, state->plan, state->graph, state->program, state->shapes);
  for (const Step& step : state->program.steps) {
    const OpCost cost = costOf(state->graph, step.node, state->shapes, state->plan.dtype);
    const auto depth = outputShape(step, state->graph, state->shapes).size.d;
    state->flopsPerRow.push_back(static_cast<double>(cost.flops) / static_cast<double>(depth));
  }
  const Result<void> placed =
      guarded(ErrorCode::Internal, "placing the weights on the devices", [&]() -> Result<void> {
        const c10::InferenceMode noGradients;
        for (std::size_t n = 0; n < state->plan.devices.size(); ++n) {
          ARGAND_TRY(state->addDevice(static_cast<int>(n)));
        }
        if (!state->transport) {
          state->transport = hostTransport(static_cast<int>(state->plan.devices.size()));
        }
        return {};
      });
  ARGAND_TRY(placed);
  return Executor(std::move(state));
}

Result<void> Executor::State::addDevice(int device) {
  const DeviceSpec& spec = plan.devices[static_cast<std::size_t>(device)].device;
  ledgers.push_back(std::make_unique<Ledger>(spec.name, spec.budgetBytes, spec.kind));
  if (spec.kind == DeviceKind::Cpu) {
    const LedgerScope scope(*ledgers.back());
    backends.emplace_back();
    weights.push_back(
        weightsFor(graph, program, shapes, schedule, plan.dtype, parameters, device, spec));
    return {};
  }
  ARGAND_ASSIGN(const CudaFactory factory, cudaFactory());
  if (!transport) {
    ARGAND_ASSIGN(transport, factory.transport(plan, Exchange::Automatic));
  }
  ARGAND_ASSIGN(auto backend,
                factory.backend(
                    {graph, program, shapes, plan, schedule, parameters, device, *ledgers.back()}));
  backends.push_back(std::move(backend));
  weights.emplace_back();
  return {};
}

Result<void> Executor::State::work(RunContext& context,
                                   WorkerGroup& group,
                                   int device,
                                   double& busySeconds) {
  const auto n = static_cast<std::size_t>(device);
  at::set_num_threads(plan.devices[n].device.threads);
  const c10::InferenceMode noGradients;
  std::optional<LedgerScope> scope;
  if (!backends[n]) {
    scope.emplace(*ledgers[n]);
  }
  const std::unique_ptr<StepRunner> runner =
      backends[n] ? backends[n]->makeRunner(context)
                  : makeStepRunner(context, weights[n], device, *ledgers[n]);
  for (const StepGroup& steps : schedule.groups) {
    const auto start = Clock::now();
    for (const Task& task : steps.tasks[n]) {
      ARGAND_TRY(checkStop(context.stop));
      ARGAND_TRY(runner->run(steps, task));
      context.done(task.step,
                   flopsPerRow[static_cast<std::size_t>(task.step)] *
                       static_cast<double>(task.kept.count()));
    }
    busySeconds += secondsSince(start);
    if (!group.arrive()) {
      return {};  // another worker failed and has said why
    }
    runner->finish(steps);
  }
  return {};
}

Result<RunReport> Executor::run(const InputProvider& input,
                                const Output& output,
                                std::stop_token stop,
                                const ProgressFn& progress) {
  State& state = *m_state;
  if (std::holds_alternative<LabelCollector*>(output)) {
    ARGAND_ASSERT(state.plan.outputBytesPerVoxel > 0);
    if (state.plan.dtype == DType::Float64) {
      return fail(ErrorCode::Usage,
                  "This plan is in fp64, which is for proofs and makes scores only. Use fp32, bf16 "
                  "or fp16.");
    }
  }
  const auto devices = state.plan.devices.size();
  const auto start = Clock::now();
  double flops = 0.0;
  for (std::size_t n = 0; n < state.program.steps.size(); ++n) {
    const std::int64_t depth = state.plan.steps[n].bounds.back();
    flops += state.flopsPerRow[n] * static_cast<double>(depth);
  }
  ProgressMeter meter(progress, flops, state.program.steps.size());
  state.transport->reset();
  for (const auto& ledger : state.ledgers) {
    ledger->reset();
  }
  state.host.reset();
  RunReport report;
  report.devices.resize(devices);
  Result<void> done;
  {
    RunContext context{state.graph,
                       state.program,
                       state.shapes,
                       state.plan,
                       state.schedule,
                       state.parameters,
                       input,
                       output,
                       *state.transport,
                       state.host,
                       stop,
                       {},
                       [&](StepId id, double worked) { meter.add(id, worked); }};
    for (std::size_t n = 0; n < state.program.steps.size(); ++n) {
      const Shape shape = outputShape(state.program.steps[n], state.graph, state.shapes);
      SlabTensor activation{shape.size, shape.channels, {}};
      for (std::size_t device = 0; device < devices; ++device) {
        Slab slab;
        slab.rows = state.plan.steps[n].rows(static_cast<int>(device));
        slab.pieces.resize(state.schedule.pieces[n][device].size());
        activation.slabs.push_back(std::move(slab));
      }
      context.activations.push_back(std::move(activation));
    }
    WorkerGroup group(static_cast<int>(devices));
    done = group.run([&](int device) {
      return state.work(
          context, group, device, report.devices[static_cast<std::size_t>(device)].busySeconds);
    });
  }
  for (std::size_t n = 0; n < devices; ++n) {
    DeviceReport& device = report.devices[n];
    device.name = state.plan.devices[n].device.name;
    device.budgetBytes = state.plan.devices[n].device.budgetBytes;
    device.predictedPeakBytes = state.plan.devices[n].predictedPeakBytes;
    device.peakBytes = state.ledgers[n]->peakBytes();
    device.receivedBytes = state.transport->receivedBytes(static_cast<int>(n));
    state.ledgers[n]->reset();
  }
  report.hostPeakBytes = state.host.peakBytes();
  report.workShare = state.workShare;
  state.host.reset();
  ARGAND_TRY(done);
  report.seconds = secondsSince(start);
  return report;
}

}  // namespace argand::engine
