// SPDX-License-Identifier: Apache-2.0
// Training steps under recomputation, micro-batches and pipelines against one
// device that keeps everything.
#include "core/engine/training/training_step.h"

#include "core/engine/plan/planner.h"
#include "tests/core/engine/engine_support.h"
#include "tests/core/engine/run/odd_network.h"
#include "tests/core/engine/training/training_support.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>

namespace argand::engine {
namespace {

using test::doubleNoise;
using test::doubleParameters;
using test::lamp;
using test::nnunet;
using test::recomputed;
using test::relativeError;
using ::testing::HasSubstr;

struct Outcome {
  double loss = 0.0;
  std::map<std::string, at::Tensor> gradients;
  std::map<std::string, at::Tensor> running;
};

// A loss that weighs every voxel, class and sample differently; its sum over
// the micro-batches is that of the batch.
at::Tensor lossOf(const SlabScores& scores, std::int64_t firstSample) {
  const at::Tensor all = at::cat(scores.scores, 2);
  const at::Tensor weights = at::sin(at::arange(all.numel(), at::kDouble) +
                                     static_cast<double>(firstSample * all[0].numel()))
                                 .view(all.sizes())
                                 .to(all.scalar_type());
  return (at::softmax(all, 1) * weights).sum();
}

Outcome stepped(const Graph& graph,
                Parameters parameters,
                const Plan& plan,
                const at::Tensor& batch) {
  const std::vector<MicroBatch> parts = microBatchesOf(batch, plan);
  std::vector<double> losses(parts.size(), 0.0);
  const auto done = trainingStep(
      graph, parameters, parts, [&](const SlabScores& scores, std::size_t n) -> Result<at::Tensor> {
        at::Tensor loss = lossOf(scores, parts[n].firstSample);
        losses[n] = loss.item<double>();
        return loss;
      });
  EXPECT_TRUE(done) << done.error().message;
  Outcome outcome;
  for (const double loss : losses) {
    outcome.loss += loss;
  }
  for (const auto& [name, tensor] : parameters.tensors().byName) {
    (tensor.requires_grad() ? outcome.gradients[name] = tensor.grad()
                            : outcome.running[name] = tensor);
  }
  return outcome;
}

void expectEqual(const Outcome& found, const Outcome& truth) {
  constexpr double kLimit = 1e-10;
  EXPECT_NEAR(found.loss, truth.loss, kLimit * std::max(1.0, std::abs(truth.loss)));
  ASSERT_EQ(found.gradients.size(), truth.gradients.size());
  for (const auto& [name, gradient] : truth.gradients) {
    ASSERT_TRUE(gradient.defined() && found.gradients.at(name).defined()) << name;
    // A bias in front of a norm has the gradient zero; what is left there is rounding.
    if (gradient.abs().max().item<double>() > 1e-9) {
      EXPECT_LE(relativeError(found.gradients.at(name), gradient), kLimit) << name;
    }
  }
  for (const auto& [name, tensor] : truth.running) {
    EXPECT_LE(relativeError(found.running.at(name), tensor), kLimit) << name;
  }
}

Plan planOf(const Graph& graph,
            const Shape& shape,
            int devices,
            const std::string& words,
            int microBatches = 1,
            std::int64_t budget = std::int64_t{1} << 34) {
  PlanRequest request;
  request.input = shape;
  request.devices = test::devices(devices, budget);
  request.training = true;
  request.words = words;
  request.microBatches = microBatches;
  auto plan = makePlan(graph, request);
  EXPECT_TRUE(plan) << plan.error().message;
  return *plan;
}

// A pipeline whose stages are slabs over two devices each.
Plan slabStages(const Graph& graph, const Shape& shape, int stages, int microBatches) {
  Plan cut = planOf(graph, shape, stages, "pipeline", microBatches);
  Plan plan = planOf(graph, shape, 2 * stages, "pipeline", 2 * stages);
  plan.microBatches = microBatches;
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    const int stage = cut.steps[n].stage;
    const std::int64_t depth = cut.steps[n].bounds.back();
    plan.steps[n].stage = stage;
    for (int m = 0; m <= 2 * stages; ++m) {
      plan.steps[n].bounds[static_cast<std::size_t>(m)] =
          m <= 2 * stage ? 0 : (m == 2 * stage + 1 ? depth * 2 / 5 : depth);
    }
  }
  EXPECT_TRUE(validate(plan, graph));
  return plan;
}

struct Network {
  const char* name;
  Graph graph;
  Shape shape;
};

std::vector<Network> networks(std::int64_t samples) {
  return {{"instance norm", nnunet(), {samples, 1, {20, 12, 4}}},
          {"instance norm, strided",
           lamp(models::LampUnetOptions::Norm::Instance),
           {samples, 1, {24, 8, 8}}},
          {"batch norm", lamp(models::LampUnetOptions::Norm::Batch), {samples, 1, {24, 8, 8}}},
          {"the input read late", test::oddNetwork(InstanceNormOp{}), {samples, 2, {33, 8, 12}}}};
}

TEST(TrainingStep, RecomputedStepsGiveTheSameGradientsAndMoveStatisticsOnce) {
  for (const Network& one : networks(2)) {
    SCOPED_TRACE(one.name);
    const at::Tensor batch = doubleNoise(one.shape);
    const auto parameters = [&] { return doubleParameters(one.graph); };
    const Plan single = planOf(one.graph, one.shape, 1, "single");
    const Outcome truth = stepped(one.graph, parameters(), single, batch);
    for (const int group : {1, 2, 5, 100}) {
      SCOPED_TRACE(group);
      expectEqual(stepped(one.graph, parameters(), recomputed(single, one.graph, group), batch),
                  truth);
    }
    for (const int devices : {2, 3, 4}) {
      SCOPED_TRACE(fmt::format("{} devices", devices));
      const Plan slabs = planOf(one.graph, one.shape, devices, "slabs");
      expectEqual(stepped(one.graph, parameters(), recomputed(slabs, one.graph, 2), batch), truth);
    }
  }
}

TEST(TrainingStep, MicroBatchesAndPipelinesGiveTheGradientsOfTheWholeBatch) {
  constexpr int kSamples = 5;
  for (const Network& one : networks(kSamples)) {
    SCOPED_TRACE(one.name);
    const at::Tensor batch = doubleNoise(one.shape);
    const auto parameters = [&] { return doubleParameters(one.graph); };
    const bool ofBatch = std::string(one.name) == "batch norm";
    Plan single = planOf(one.graph, one.shape, 1, "single");
    const Outcome whole = stepped(one.graph, parameters(), single, batch);
    for (const int microBatches : {2, 4, 5}) {
      SCOPED_TRACE(fmt::format("{} micro-batches", microBatches));
      single.microBatches = microBatches;
      // Batch norm normalises a part by the part's statistics: equal to each other, not to the
      // whole.
      const Outcome truth = ofBatch ? stepped(one.graph, parameters(), single, batch) : whole;
      expectEqual(stepped(one.graph, parameters(), recomputed(single, one.graph, 3), batch), truth);
      for (int stages = 2; stages <= std::min(4, microBatches); ++stages) {
        for (const char* words : {"pipeline", "gpipe"}) {
          SCOPED_TRACE(fmt::format("{} stages, {}", stages, words));
          const Plan plan = planOf(one.graph, one.shape, stages, words, microBatches);
          expectEqual(stepped(one.graph, parameters(), plan, batch), truth);
        }
      }
      SCOPED_TRACE("two stages of two slabs, recomputed");
      const Plan both = slabStages(one.graph, one.shape, 2, microBatches);
      expectEqual(stepped(one.graph, parameters(), recomputed(both, one.graph, 2), batch), truth);
    }
  }
}

TEST(TrainingStep, PlansForTightBudgetsGiveTheSameGradients) {
  constexpr int kSamples = 3;
  int recomputing = 0;
  for (const Network& one : networks(kSamples)) {
    const bool ofBatch = std::string(one.name) == "batch norm";
    const Shape shape{
        kSamples, one.shape.channels, {24, 32, 32}};  // large enough beside what is always there
    const at::Tensor batch = doubleNoise(shape);
    const auto parameters = [&] { return doubleParameters(one.graph); };
    Plan single = planOf(one.graph, shape, 1, "single");
    for (const char* words : {"slabs", "pipeline", ""}) {
      const int parts = std::string(words) == "slabs" ? 1 : kSamples;
      single.microBatches = ofBatch ? parts : 1;
      const Outcome truth = stepped(one.graph, parameters(), single, batch);
      for (const int devices : {2, 3}) {
        const Plan free = planOf(one.graph, shape, devices, words, parts);
        std::int64_t most = 0;
        for (const DevicePlan& device : free.devices) {
          most = std::max(most, device.predictedPeakBytes);
        }
        for (const double share : {0.9, 0.8}) {
          const auto budget = static_cast<std::int64_t>(share * static_cast<double>(most));
          const Plan plan = planOf(one.graph, shape, devices, words, parts, budget);
          SCOPED_TRACE(fmt::format("{} {}", one.name, toText(plan)));
          expectEqual(stepped(one.graph, parameters(), plan, batch), truth);
          recomputing += std::any_of(
              plan.steps.begin(), plan.steps.end(), [](const auto& s) { return s.recomputed > 0; });
        }
      }
    }
  }
  EXPECT_GT(recomputing, 6);
}

// The first batch norm sees the same numbers however the batch is divided, so
// its running statistics are those of the whole batch; by PyTorch's definition.
TEST(TrainingStep, BatchNormCountsMicroBatchesAsOneBatch) {
  const Graph graph = lamp(models::LampUnetOptions::Norm::Batch);
  const Shape shape{5, 1, {24, 8, 8}};
  const at::Tensor batch = doubleNoise(shape);
  std::string first;
  for (const ParameterSpec& spec : graph.parameters()) {
    if (spec.role == ParameterRole::RunningMean && first.empty()) {
      first = graph.node(spec.node).name;
    }
  }
  const Parameters before = doubleParameters(graph);
  Plan plan = planOf(graph, shape, 1, "single");
  const Outcome whole = stepped(graph, doubleParameters(graph), plan, batch);
  plan.microBatches = 3;
  const Outcome parts = stepped(graph, doubleParameters(graph), plan, batch);
  for (const char* suffix : {".running_mean", ".running_var"}) {
    EXPECT_LE(relativeError(parts.running.at(first + suffix), whole.running.at(first + suffix)),
              1e-12);
    EXPECT_GT(relativeError(parts.running.at(first + suffix), before.tensors().get(first + suffix)),
              1e-3);
  }
  const at::Tensor x =
      at::conv3d(batch, before.tensors().get("in.conv.weight"), {}, {2, 2, 2}, {1, 1, 1});
  const at::Tensor variance = x.transpose(0, 1).flatten(1).var(1, true);
  const at::Tensor expected =
      0.9 * before.tensors().get(first + ".running_var") + 0.1 * variance.detach();
  EXPECT_LE(relativeError(parts.running.at(first + ".running_var"), expected), 1e-12);
}

// fp32 through oneDNN: recomputation and stages change no bit; slabs and micro-batches do.
TEST(TrainingStep, RecomputationAndPipelinesChangeNoBitInSinglePrecision) {
  // A stage has one thread; oneDNN sums a weight's gradient by threads.
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Graph graph = nnunet();
  const Shape shape{4, 1, {20, 12, 8}};
  const at::Tensor batch = doubleNoise(shape).to(at::kFloat);
  const auto parameters = [&] {
    Parameters single = doubleParameters(graph);
    for (auto& [name, tensor] : single.tensors().byName) {
      tensor = tensor.detach().to(at::kFloat).set_requires_grad(tensor.requires_grad());
    }
    return single;
  };
  Plan single = planOf(graph, shape, 1, "single");
  single.microBatches = 4;
  const Outcome truth = stepped(graph, parameters(), single, batch);
  const Plan others[] = {recomputed(single, graph, 2),
                         planOf(graph, shape, 3, "pipeline", 4),
                         planOf(graph, shape, 3, "gpipe", 4),
                         recomputed(planOf(graph, shape, 2, "pipeline", 4), graph, 3)};
  for (const Plan& plan : others) {
    const Outcome found = stepped(graph, parameters(), plan, batch);
    EXPECT_EQ(found.loss, truth.loss);
    for (const auto& [name, gradient] : truth.gradients) {
      EXPECT_TRUE(at::equal(found.gradients.at(name), gradient)) << plan.kind << " " << name;
    }
  }
  at::set_num_threads(threads);
}

int threadsNow() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return static_cast<int>(std::distance(begin(all), end(all)));
}

// Under slabs, a pipeline, and both.
std::vector<Plan> dividedPlans(const Graph& graph, const Shape& shape) {
  Plan slabs = planOf(graph, shape, 3, "slabs");
  slabs.microBatches = 4;
  return {slabs, planOf(graph, shape, 3, "pipeline", 4), slabStages(graph, shape, 2, 4)};
}

TEST(TrainingStep, TheFirstErrorEndsAllDevicesAndLeavesNoThread) {
  const Graph graph = nnunet();
  const Shape shape{4, 1, {20, 12, 4}};
  const at::Tensor batch = doubleNoise(shape);
  Parameters parameters = doubleParameters(graph);
  at::parallel_for(0, 100, 1, [](std::int64_t, std::int64_t) {});
  const int before = threadsNow();
  for (const Plan& plan : dividedPlans(graph, shape)) {
    for (const bool throws : {false, true}) {
      const auto done =
          trainingStep(graph,
                       parameters,
                       microBatchesOf(batch, plan),
                       [&](const SlabScores& scores, std::size_t n) -> Result<at::Tensor> {
                         if (n == 2 && throws) {
                           throw std::runtime_error("thrown on purpose");
                         }
                         if (n == 2) {
                           return fail(ErrorCode::InputRefused, "refused on purpose");
                         }
                         return lossOf(scores, static_cast<std::int64_t>(n));
                       });
      ASSERT_FALSE(done);
      EXPECT_THAT(done.error().message, HasSubstr("on purpose"));
      EXPECT_EQ(done.error().code, throws ? ErrorCode::Internal : ErrorCode::InputRefused);
      EXPECT_LE(threadsNow(), before);
    }
  }
}

TEST(TrainingStep, ADeviceThatExceedsItsBudgetEndsTheStep) {
  const Graph graph = nnunet();
  const Shape shape{4, 1, {20, 12, 4}};
  const at::Tensor batch = doubleNoise(shape);
  Parameters parameters = doubleParameters(graph);
  at::parallel_for(0, 100, 1, [](std::int64_t, std::int64_t) {});
  const int before = threadsNow();
  for (const Plan& plan : dividedPlans(graph, shape)) {
    // In forward, and in backward where it has little more than it needs until then.
    std::int64_t afterForward = 0;
    for (const bool inBackward : {false, true}) {
      std::vector<std::unique_ptr<Ledger>> ledgers;
      TrainingStepOptions options;
      for (std::size_t m = 0; m < plan.devices.size(); ++m) {
        const std::int64_t budget =
            m == 1 ? (inBackward ? afterForward + 1024 : 8 << 10) : std::int64_t{1} << 34;
        ledgers.push_back(std::make_unique<Ledger>(plan.devices[m].device.name, budget));
        options.ledgers.push_back(ledgers.back().get());
      }
      const auto parts = microBatchesOf(batch, plan);
      const auto step = [&](const Ledger& watched) {
        return trainingStep(
            graph,
            parameters,
            parts,
            [&](const SlabScores& scores, std::size_t n) -> Result<at::Tensor> {
              afterForward = n == 0 ? watched.peakBytes() : afterForward;
              return lossOf(scores, parts[n].firstSample);
            },
            options);
      };
      const auto done = step(*ledgers[1]);
      ASSERT_FALSE(done);
      EXPECT_THAT(done.error().message, HasSubstr("cpu:1 may use"));
      EXPECT_LE(threadsNow(), before);
      ledgers[1] = std::make_unique<Ledger>("cpu:1", std::int64_t{1} << 34);
      options.ledgers[1] = ledgers[1].get();
      const auto enough = step(*ledgers[1]);
      ASSERT_TRUE(enough) << enough.error().message;
    }
  }
}

TEST(TrainingStep, StopsOnRequest) {
  const Graph graph = nnunet();
  const Shape shape{4, 1, {20, 12, 4}};
  const at::Tensor batch = doubleNoise(shape);
  std::vector<Plan> plans = dividedPlans(graph, shape);
  plans.push_back(planOf(graph, shape, 1, "single", 4));
  plans.push_back(recomputed(plans.front(), graph, 2));
  for (const Plan& plan : plans) {
    Parameters parameters = doubleParameters(graph);
    std::stop_source stop;
    TrainingStepOptions options;
    options.stop = stop.get_token();
    std::atomic<int> losses = 0;
    const auto done = trainingStep(
        graph,
        parameters,
        microBatchesOf(batch, plan),
        [&](const SlabScores& scores, std::size_t n) -> Result<at::Tensor> {
          ++losses;
          // As soon as backward has come to the scores: the next operation is the last one's.
          scores.scores.front().register_hook([&](const at::Tensor&) { stop.request_stop(); });
          return lossOf(scores, static_cast<std::int64_t>(n));
        },
        options);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::Cancelled);
    EXPECT_EQ(losses, 1);
    for (const at::Tensor& parameter : parameters.tensors().trainableTensors()) {
      EXPECT_FALSE(parameter.grad().defined());
    }
  }
}

}  // namespace
}  // namespace argand::engine
