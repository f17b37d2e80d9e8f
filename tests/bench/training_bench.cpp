// SPDX-License-Identifier: Apache-2.0
// The time and memory of a training step under several plans, measured in turns in
// one run. A plain program, as engine_bench.
//
//   training_bench [NETWORK [DxHxW [ROUNDS]]]
#include "core/engine/plan/planner.h"
#include "core/engine/plan/predict_training.h"
#include "core/engine/plan/training_plan.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/training/slab_ops.h"
#include "core/engine/training/training_step.h"
#include "models/networks/networks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace argand::engine {
namespace {

struct Case {
  std::string name;
  Plan plan;
  double seconds = std::numeric_limits<double>::infinity();
  std::int64_t peakBytes = 0;
};

Result<Plan> planOf(const Graph& graph,
                    const Extent& size,
                    const std::string& devices,
                    int threads,
                    const std::string& words) {
  PlanRequest request;
  request.input = {1, graph.inputChannels(), size};
  request.words = words;
  request.training = true;
  ARGAND_ASSIGN(request.devices, parseDevices(devices, {}, threads));
  return makePlan(graph, request);
}

// Every step, in segments of `group`.
Result<Plan> recomputed(const Graph& graph, Plan plan, std::size_t group) {
  std::size_t n = 0;
  for (const std::size_t step : stepsByNode(lowered(graph))) {
    plan.steps[step].recomputed = static_cast<int>(1 + n++ / group);
  }
  std::vector<DeviceSpec> devices;
  for (const DevicePlan& device : plan.devices) {
    devices.push_back(device.device);
  }
  return adoptPlan(graph, std::move(plan), devices);
}

Result<at::Tensor> lossOf(const SlabScores& scores, std::size_t /*microBatch*/) {
  std::vector<Tensors> slabs;
  for (const at::Tensor& slab : scores.scores) {
    slabs.push_back({slab});
  }
  const Tensors sums = autograd::eachSlab(
      scores.team, scores.devices, slabs, {}, [](std::size_t, const Tensors& slab, const Tensors&) {
        return slab[0].square().sum();
      });
  return at::stack(sums).sum();
}

Result<void> runOnce(const Graph& graph, Parameters& parameters, Case& one) {
  const std::vector<std::int64_t> kept = bytesBetweenSteps(one.plan, graph);
  std::vector<std::unique_ptr<Ledger>> ledgers;
  TrainingStepOptions options;
  for (std::size_t m = 0; m < one.plan.devices.size(); ++m) {
    const DeviceSpec& device = one.plan.devices[m].device;
    ledgers.push_back(std::make_unique<Ledger>(device.name, device.budgetBytes));
    ledgers.back()->charge(kept[m]);
    options.ledgers.push_back(ledgers.back().get());
  }
  const Shape& shape = one.plan.input;
  const at::Tensor batch =
      at::randn({shape.samples, shape.channels, shape.size.d, shape.size.h, shape.size.w});
  // The first step faults the pages in, as the first of an epoch does.
  for (int step = 0; step < 2; ++step) {
    const auto start = std::chrono::steady_clock::now();
    ARGAND_TRY(trainingStep(graph, parameters, microBatchesOf(batch, one.plan), lossOf, options));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    one.seconds = std::min(one.seconds, took.count());
  }
  for (const auto& ledger : ledgers) {
    one.peakBytes = std::max(one.peakBytes, ledger->peakBytes());
  }
  return {};
}

Result<void> bench(const std::string& network, const Extent& size, int rounds) {
  ARGAND_ASSIGN(const Graph graph, models::buildNetwork(network));
  ARGAND_ASSIGN(Parameters parameters, Parameters::initialised(graph, 1));
  for (const std::string& name : parameters.tensors().trainable) {
    parameters.tensors().byName[name].set_requires_grad(true);
  }
  std::vector<Case> cases;
  ARGAND_ASSIGN(const Plan single, planOf(graph, size, "cpu", 1, "single,stored"));
  ARGAND_ASSIGN(const Plan slabs, planOf(graph, size, "cpu:0,cpu:1", 1, "slabs,stored"));
  ARGAND_ASSIGN(const Plan both, planOf(graph, size, "cpu", 2, "single,stored"));
  cases.push_back({"one device, 1 thread", single});
  cases.push_back({"two devices, 1 thread each", slabs});
  cases.push_back({"one device, 2 threads", both});
  for (const std::size_t group : {1, 3}) {
    ARGAND_ASSIGN(const Plan again, recomputed(graph, single, group));
    cases.push_back({fmt::format("one device, recomputed in segments of {}", group), again});
  }
  for (int round = 0; round < rounds; ++round) {
    for (Case& one : cases) {
      ARGAND_TRY(runOnce(graph, parameters, one));
    }
  }
  std::printf("## A training step of %s at %s\n\n", network.c_str(), toString(size).c_str());
  std::printf(
      "| case | s | of the first | predicted s | of measured | peak MiB a device | predicted, of "
      "it |\n|---|---|---|---|---|---|---|\n");
  for (const Case& one : cases) {
    std::int64_t predicted = 0;
    for (const DevicePlan& device : one.plan.devices) {
      predicted = std::max(predicted, device.predictedPeakBytes);
    }
    std::printf("| %s | %.3f | %.2f | %.3f | %.2f | %.1f | %.3f |\n",
                one.name.c_str(),
                one.seconds,
                one.seconds / cases.front().seconds,
                one.plan.makespanSeconds,
                one.plan.makespanSeconds / one.seconds,
                static_cast<double>(one.peakBytes) / (1024.0 * 1024.0),
                static_cast<double>(predicted) / static_cast<double>(one.peakBytes));
  }
  return {};
}

}  // namespace
}  // namespace argand::engine

int main(int argc, char** argv) {
  const std::string network = argc > 1 ? argv[1] : "nnunet-plain:channels=16-32-64,classes=3";
  argand::engine::Extent size{64, 64, 64};
  if (argc > 2 && std::sscanf(argv[2], "%ldx%ldx%ld", &size.d, &size.h, &size.w) != 3) {
    std::fprintf(stderr, "%s is not DEPTHxHEIGHTxWIDTH.\n", argv[2]);
    return 2;
  }
  const auto done =
      argand::engine::bench(network, size, argc > 3 ? std::max(1, std::atoi(argv[3])) : 3);
  if (!done) {
    std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return 1;
  }
  return 0;
}
