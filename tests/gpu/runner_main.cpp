// SPDX-License-Identifier: Apache-2.0
// Networks on CUDA devices under every kind of plan, against the processor. Two
// devices of a plan are two workers of one GPU where there is but one. Exit
// status: 0 all figures good, 1 not, 77 there is no GPU.
#include "core/engine/plan/planner.h"
#include "core/engine/plan/schedule.h"
#include "core/engine/run/executor.h"
#include "core/engine/run/parameters_torch.h"
#include "models/networks/networks.h"
#include "tests/gpu/check.h"
#include "tests/gpu/runner_check.h"

#include <ATen/ATen.h>

#include <thread>

namespace argand::gpu_check {
namespace {

using namespace engine;

template <typename T>
T valueOf(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().message);
  }
  return std::move(*result);
}

int deviceCount() {
#ifdef ARGAND_CUDA_ON_HOST
  useHostBackend();
  fmt::print("The code of CUDA devices on the processor; nothing here ran on a GPU.\n");
  return 2;
#else
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    fmt::print("SKIPPED: no CUDA device here ({}). The runner was compiled and not run.\n",
               status == cudaSuccess ? "none found" : cudaGetErrorString(status));
    return 0;
  }
  for (int n = 0; n < count; ++n) {
    cudaDeviceProp properties{};
    must(cudaGetDeviceProperties(&properties, n));
    fmt::print("cuda:{} is an {}\n", n, properties.name);
  }
  return count;
#endif
}

// What no U-Net has: groups, dilation, even kernels, overlapping transposed
// convolutions, a sum of three, norms of a sum and of a concat.
Graph oddities() {
  Graph graph;
  const NodeId input = graph.add("input", InputOp{2});
  ConvOp a;
  a.channels = 8;
  a.kernel = {3, 1, 5};
  a.padding = {2, 0, 2};
  a.dilation = {2, 1, 1};
  NodeId x = graph.add("a", a, {input});
  ConvOp b;
  b.channels = 8;
  b.groups = 2;
  const NodeId y = graph.add("b", b, {x});
  x = graph.add("sum", AddOp{}, {x, y, graph.add("act", LeakyReluOp{0.2}, {y})});
  x = graph.add("norm", InstanceNormOp{1e-3, false}, {x});
  ConvOp down;
  down.channels = 5;
  down.kernel = {4, 4, 2};
  down.stride = {3, 2, 2};
  down.padding = {1, 1, 0};
  down.bias = false;
  const NodeId deep = graph.add("down", down, {x});
  TransposedConvOp up;
  up.channels = 3;
  up.kernel = {5, 4, 2};
  up.stride = {3, 2, 2};
  up.padding = {1, 1, 0};
  NodeId z = graph.add("up", up, {deep});
  z = graph.add("concat", ConcatOp{}, {z, input, x});
  z = graph.add("batch", BatchNormOp{}, {z});
  z = graph.add("act2", LeakyReluOp{0.0}, {z});
  ConvOp head;
  head.channels = 3;
  head.kernel = {1, 1, 1};
  head.padding = {0, 0, 0};
  graph.add("head", head, {z});
  return graph;
}

Parameters randomParameters(const Graph& graph) {
  Parameters parameters = valueOf(Parameters::initialised(graph, 5));
  at::manual_seed(6);
  for (const at::Tensor& tensor : parameters.tensors().trainableTensors()) {
    tensor.data().add_(at::randn_like(tensor), 0.1);
  }
  return parameters;
}

std::vector<DeviceSpec> onProcessor(int count) {
  std::vector<DeviceSpec> specs;
  const int threads = std::max(1U, std::thread::hardware_concurrency() / 2U);
  for (int n = 0; n < count; ++n) {
    specs.push_back({fmt::format("cpu:{}", n), DeviceKind::Cpu, n, std::int64_t{1} << 40, threads});
  }
  return specs;
}

Plan planned(const Graph& graph, const Shape& input, DType dtype, int devices) {
  PlanRequest request;
  request.input = input;
  request.devices = onProcessor(devices);
  request.dtype = dtype;
  request.words = devices == 1 ? "single" : "slabs";
  return valueOf(makePlan(graph, request));
}

Plan onGpus(Plan plan, int gpus) {
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    DeviceSpec& spec = plan.devices[n].device;
    spec.kind = DeviceKind::Cuda;
    spec.index = static_cast<int>(n) % gpus;
    spec.name = fmt::format("cuda:{}", spec.index);
  }
  return plan;
}

Plan rolled(Plan plan, const Graph& graph) {
  const Program program = lowered(graph);
  for (std::size_t n = 1; n < plan.steps.size(); ++n) {
    const auto id = static_cast<StepId>(n);
    plan.steps[n].rolling = true;
    plan.steps[n].joined = mayJoin(program, graph, groupStart(plan, id - 1), id);
  }
  return plan;
}

Plan spilled(Plan plan) {
  for (StepPlan& step : plan.steps) {
    step.spilledRows.clear();
    for (std::size_t n = 0; n < plan.devices.size(); ++n) {
      step.spilledRows.push_back((step.rows(static_cast<int>(n)).count() + 1) / 2);
    }
  }
  return plan;
}

Plan unevenly(Plan plan) {
  for (StepPlan& step : plan.steps) {
    step.bounds[1] = step.bounds.back() * 3 / 8;
  }
  return plan;
}

struct Run {
  std::vector<double> scores;
  RunReport report;
};

Run run(const Graph& graph,
        const Parameters& parameters,
        const Plan& plan,
        const std::vector<float>& input) {
  Executor executor = valueOf(Executor::create(graph, parameters, plan));
  Run result;
  const Shape out = valueOf(graph.shapes(plan.input)).back();
  result.scores.assign(static_cast<std::size_t>(out.elements()), std::nan(""));
  const auto take = [&](const ScoreSlab& slab) -> Result<void> {
    const auto offset =
        static_cast<std::size_t>(slab.rows.begin * slab.height * slab.width * slab.classes);
    std::copy(slab.scores.begin(),
              slab.scores.end(),
              result.scores.begin() + static_cast<std::ptrdiff_t>(offset));
    std::copy(slab.scores64.begin(),
              slab.scores64.end(),
              result.scores.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  };
  result.report = valueOf(executor.run(inputFrom(input, plan.input), take));
  return result;
}

double relativeError(const std::vector<double>& found, const std::vector<double>& truth) {
  double error = 0.0;
  double largest = 0.0;
  for (std::size_t n = 0; n < truth.size(); ++n) {
    const double difference = std::abs(found[n] - truth[n]);
    error = std::isnan(difference) ? INFINITY : std::max(error, difference);
    largest = std::max(largest, std::abs(truth[n]));
  }
  return error / largest;
}

void checkNetwork(
    Figures& figures, const std::string& name, const Graph& graph, const Shape& input, int gpus) {
  const Parameters parameters = randomParameters(graph);
  const std::vector<float> voxels = randomValues<float>(input.elements(), 7);
  const std::vector<double> truth =
      run(graph, parameters, planned(graph, input, DType::Float64, 1), voxels).scores;

  const struct {
    DType dtype;
    double limit;
  } types[] = {{DType::Float32, 2e-5},
               {DType::Float64, 1e-10},
               {DType::BFloat16, 6e-2},
               {DType::Float16, 8e-3}};

  for (const auto& [dtype, limit] : types) {
    const Plan single = planned(graph, input, dtype, 1);
    const Plan slabs = planned(graph, input, dtype, 2);
    const std::pair<const char*, Plan> plans[] = {
        {"one device", single},
        {"slabs over two", slabs},
        {"uneven slabs", unevenly(slabs)},
        {"rolling", rolled(single, graph)},
        {"rolling slabs", rolled(slabs, graph)},
        {"spilled slabs", spilled(slabs)},
    };
    std::vector<double> first;
    double worst = 0.0;
    double differing = 0.0;
    for (const auto& [kind, plan] : plans) {
      const Run found = run(graph, parameters, onGpus(plan, gpus), voxels);
      worst = std::max(worst, relativeError(found.scores, truth));
      first = first.empty() ? found.scores : first;
      for (std::size_t n = 0; n < first.size(); ++n) {
        differing += found.scores[n] == first[n] ? 0 : 1;
      }
    }
    figures.add(
        fmt::format("{} {}: six plans against fp64 on the processor", name, toString(dtype)),
        worst,
        limit);
    if (dtype != DType::Float64) {  // whose chunks are not computed whole
      figures.add(fmt::format("{} {}: scores that depend on the plan", name, toString(dtype)),
                  differing,
                  0.0);
    }
  }
}

#ifndef ARGAND_CUDA_ON_HOST
// LAMP's U-Net on a whole head and neck: time, and memory by the ledger.
void printSpeed(int gpus) {
  const Graph graph = valueOf(models::buildNetwork("lamp-unet:n=32,classes=10"));
  const Shape input{1, 1, {192, 320, 256}};
  const Parameters parameters = valueOf(Parameters::initialised(graph, 5));
  const std::vector<float> voxels = randomValues<float>(input.elements(), 7);
  const double tflop = static_cast<double>(valueOf(totalFlops(graph, input))) / 1e12;
  for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float16}) {
    for (const int devices : {1, gpus}) {
      const Plan plan = onGpus(planned(graph, input, dtype, devices), gpus);
      Executor executor = valueOf(Executor::create(graph, parameters, plan));
      double best = INFINITY;
      RunReport report;
      for (int repeat = 0; repeat < 4; ++repeat) {
        report = valueOf(executor.run(inputFrom(voxels, input),
                                      [](const ScoreSlab&) -> Result<void> { return {}; }));
        best = std::min(best, report.seconds);
      }
      fmt::print(
          "lamp-unet n=32 192x320x256 {} on {} GPU(s): {:.3f} s, {:.2f} TFLOP/s, peak {} "
          "(a plan for processors predicts {})\n",
          toString(dtype),
          devices,
          best,
          tflop / best,
          formatBytes(report.devices[0].peakBytes),
          formatBytes(plan.devices[0].predictedPeakBytes));
      if (gpus == 1) {
        break;
      }
    }
  }
}
#endif

int check() {
  const int gpus = deviceCount();
  if (gpus == 0) {
    return 77;
  }
  Figures figures;
  checkNetwork(figures,
               "lamp-unet",
               valueOf(models::buildNetwork("lamp-unet:n=8,depth=2,classes=4,norm=instance")),
               {1, 1, {64, 32, 32}},
               gpus);
  checkNetwork(figures,
               "nnunet-plain",
               valueOf(models::buildNetwork("nnunet-plain:channels=8-16-24,classes=3")),
               {1, 1, {40, 16, 24}},
               gpus);
  checkNetwork(figures, "oddities", oddities(), {1, 2, {33, 16, 24}}, gpus);
#ifndef ARGAND_CUDA_ON_HOST
  printSpeed(gpus);
#endif
  fmt::print("{}\n",
             figures.failed() == 0 ? "All figures are within their limits."
                                   : "Figures are out of their limits.");
  return figures.failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace argand::gpu_check

int main() {
  try {
    return argand::gpu_check::check();
  } catch (const std::exception& failure) {
    fmt::print("FAILED: {}\n", failure.what());
    return 1;
  }
}
