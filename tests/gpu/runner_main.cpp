// SPDX-License-Identifier: Apache-2.0
// Networks on CUDA devices under every kind of plan, against the processor. Two
// devices of a plan are two workers of one GPU where there is but one. An argument
// takes the networks that it names alone. Exit status: 0 all figures good, 1 not, 77
// there is no GPU.
#include "core/engine/plan/planner.h"
#include "core/engine/plan/schedule.h"
#include "core/engine/run/executor.h"
#include "core/engine/run/labels.h"
#include "models/networks/networks.h"
#include "tests/gpu/check.h"
#include "tests/gpu/runner_check.h"
#include "tests/gpu/runner_networks.h"

#include <thread>

namespace argand::gpu_check {
namespace {

using namespace engine;

// What the program runs on.
CudaFactory parts{};

int deviceCount() {
#ifdef ARGAND_CUDA_ON_HOST
  parts = hostFactory();
  setCudaFactory(parts);
  fmt::print("The code of CUDA devices on the processor; nothing here ran on a GPU.\n");
  return 2;
#else
  const int count = presentDevices("The runner was");
  for (int n = 0; n < count; ++n) {
    cudaDeviceProp properties{};
    must(cudaGetDeviceProperties(&properties, n));
    fmt::print("cuda:{} is an {}\n", n, properties.name);
  }
  parts = valueOf(cudaFactory());
  return count;
#endif
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

// More voxels than the network has, which lie backwards along depth; its last row is
// padding, and height is the slowest axis of the labels.
LabelGrid finerGrid(const Extent& size) {
  const Extent inner{size.d - 1, size.h, size.w};
  std::array<LabelGrid::Positions, 3> positions;
  std::array<RowRange, 3> all;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto last = static_cast<double>(inner[static_cast<int>(axis)] - 1);
    const auto count = static_cast<std::int64_t>(1.7 * last) + 1;
    for (std::int64_t n = 0; n < count; ++n) {
      const double at = std::min(last, static_cast<double>(axis == 0 ? count - 1 - n : n) / 1.7);
      const double low = std::floor(at);
      positions[axis].push_back({static_cast<std::int32_t>(low), static_cast<float>(at - low)});
    }
    all[axis] = {0, count};
  }
  LabelGrid grid(
      inner.d, all[0].end * all[1].end * all[2].end, {all[2].end, all[0].end * all[2].end, 1});
  grid.add(std::move(positions), all);
  return grid;
}

// Labels that a plan's devices make, and those that the processor makes of its scores.
struct Labelled {
  double differing = 0.0;
  RunReport report;
};

Labelled label(const NetworkCase& network,
               const Parameters& parameters,
               const Plan& plan,
               const std::vector<float>& voxels,
               const std::vector<double>& scores,
               const LabelGrid& grid) {
  const Shape out = valueOf(network.graph.shapes(network.input)).back();
  const std::vector<float> narrow(scores.begin(), scores.end());
  LabelCollector truth(grid);
  valueOf(truth.add({{0, out.size.d}, out.size.h, out.size.w, out.channels, narrow, {}}));
  LabelCollector labels(grid);
  Executor executor = valueOf(Executor::create(network.graph, parameters, plan));
  Labelled result;
  result.report = valueOf(executor.run(inputFrom(voxels, plan.input), &labels));
  result.differing = labels.rowsKept() == 0 ? 0.0 : INFINITY;
  const std::vector<std::uint16_t> expected = truth.take();
  const std::vector<std::uint16_t> found = labels.take();
  for (std::size_t n = 0; n < expected.size(); ++n) {
    result.differing += found[n] == expected[n] ? 0.0 : 1.0;
  }
  return result;
}

// Of labels the share that differs.
double differingShare(const std::vector<double>& found, const std::vector<double>& truth) {
  double differing = 0.0;
  for (std::size_t n = 0; n < truth.size(); ++n) {
    differing += found[n] == truth[n] ? 0.0 : 1.0;
  }
  return differing / static_cast<double>(truth.size());
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

// Of statistics and tables the prediction is an upper bound, which tells in the
// smallest networks alone.
constexpr std::int64_t kTables = std::int64_t{16} << 10;

template <Exchange exchange>
Result<std::unique_ptr<Transport>> transportBy(const Plan& plan, Exchange /*asked*/) {
  return parts.transport(plan, exchange);
}

// However rows get from one device to another, the scores and the bytes are the same.
void checkTransports(Figures& figures,
                     const NetworkCase& network,
                     const Parameters& parameters,
                     const std::vector<float>& voxels,
                     int gpus) {
  const Graph& graph = network.graph;
  const Plan slabs = unevenly(planned(graph, network.input, DType::Float32, 2));
  const Run processor = run(graph, parameters, slabs, voxels);
  std::vector<double> first;
  double differing = 0.0;
  double bytes = 0.0;
  for (const auto transport : {&transportBy<Exchange::PeerCopy>, &transportBy<Exchange::Nccl>}) {
    CudaFactory factory = parts;
    factory.transport = transport;
    setCudaFactory(factory);
    const Run found = run(graph, parameters, onGpus(slabs, graph, gpus), voxels);
    first = first.empty() ? found.scores : first;
    differing += differingShare(found.scores, first);
    for (std::size_t n = 0; n < slabs.devices.size(); ++n) {
      bytes += std::abs(static_cast<double>(found.report.devices[n].receivedBytes -
                                            processor.report.devices[n].receivedBytes));
    }
  }
  setCudaFactory(parts);
  figures.add(
      fmt::format("{}: scores by NCCL that are not those by copies", network.name), differing, 0.0);
  figures.add(fmt::format("{}: bytes received, against host memory", network.name), bytes, 0.0);
}

void checkNetwork(Figures& figures, const NetworkCase& network, int gpus) {
  const auto& [name, graph, input] = network;
  const Shape out = valueOf(graph.shapes(input)).back();
  const bool classes = out.channels > 1 && out.size == input.size;
  const bool labels = std::holds_alternative<ArgmaxOp>(graph.node(graph.output()).op);
  const Parameters parameters = randomParameters(network);
  const std::vector<float> voxels = randomValues<float>(input.elements(), 7);
  const std::vector<double> truth =
      run(graph, parameters, planned(graph, input, DType::Float64, 1), voxels).scores;

  checkTransports(figures, network, parameters, voxels, gpus);

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
    double over = 0.0;  // of the memory that is predicted
    double unused = 0.0;
    double labelled = 0.0;
    const auto compare = [&](const RunReport& report, std::int64_t spare) {
      for (const DeviceReport& device : report.devices) {
        const std::int64_t rest = device.predictedPeakBytes - device.peakBytes;
        const auto predicted = static_cast<double>(device.predictedPeakBytes);
        over = std::max(over, static_cast<double>(-rest) / predicted);
        unused = std::max(unused, static_cast<double>(rest - kTables - spare) / predicted);
      }
    };
    for (const auto& [kind, plan] : plans) {
      const Run found = run(graph, parameters, onGpus(plan, graph, gpus), voxels);
      compare(found.report, 0);
      if (classes && (dtype == DType::Float32 || dtype == DType::BFloat16)) {
        Plan keeping = plan;
        keeping.outputBytesPerVoxel = sizeof(std::uint16_t);
        keeping = onGpus(std::move(keeping), graph, gpus);
        const Labelled finer =
            label(network, parameters, keeping, voxels, found.scores, finerGrid(out.size));
        const Labelled own =
            label(network, parameters, keeping, voxels, found.scores, LabelGrid::own(out.size));
        labelled += finer.differing + own.differing;
        compare(finer.report, 0);
        // No row waits for the next one there.
        compare(own.report, out.channels * out.size.h * out.size.w * 4);
      }
      worst = std::max(
          worst, labels ? differingShare(found.scores, truth) : relativeError(found.scores, truth));
      first = first.empty() ? found.scores : first;
      for (std::size_t n = 0; n < first.size(); ++n) {
        differing += found.scores[n] == first[n] ? 0 : 1;
      }
    }
    figures.add(
        fmt::format("{} {}: six plans against fp64 on the processor", name, toString(dtype)),
        worst,
        limit);
    if (classes && (dtype == DType::Float32 || dtype == DType::BFloat16)) {
      figures.add(fmt::format("{} {}: labels that are not the processor's", name, toString(dtype)),
                  labelled,
                  0.0);
    }
    figures.add(
        fmt::format("{} {}: memory over what is predicted", name, toString(dtype)), over, 0.0);
#ifdef ARGAND_CUDA_ON_HOST  // where cuDNN takes all that it may
    figures.add(fmt::format("{} {}: predicted memory that is not used", name, toString(dtype)),
                unused,
                0.05);
#endif
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
      const Plan plan = onGpus(planned(graph, input, dtype, devices), graph, gpus);
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
          "of the {} predicted\n",
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

int check(const std::string& named) {
  const int gpus = deviceCount();
  if (gpus == 0) {
    return 77;
  }
  Figures figures;
  for (const NetworkCase& network : networkCases()) {
    if (network.name.find(named) != std::string::npos) {
      checkNetwork(figures, network, gpus);
    }
  }
#ifndef ARGAND_CUDA_ON_HOST
  printSpeed(gpus);
#endif
  return figures.finish();
}

}  // namespace
}  // namespace argand::gpu_check

int main(int count, char** arguments) {
  try {
    return argand::gpu_check::check(count > 1 ? arguments[1] : "");
  } catch (const std::exception& failure) {
    fmt::print("FAILED: {}\n", failure.what());
    return 1;
  }
}
