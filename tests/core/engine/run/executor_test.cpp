// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/executor.h"

#include "core/engine/graph/program.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/run/labels.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"
#include "tests/core/engine/engine_support.h"
#include "tests/core/engine/run/odd_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace argand::engine {
namespace {

using test::devices;
using test::noiseFor;
using test::oddNetwork;
using test::planFor;
using test::rolled;
using test::runPlan;
using test::spilled;
using test::withBounds;

Graph nnunet(std::vector<std::int64_t> channels, std::int64_t in = 1) {
  models::NnunetPlainOptions options;
  options.channels = std::move(channels);
  options.inputChannels = in;
  options.classes = 4;
  return models::nnunetPlain(options);
}

Graph lamp(std::int64_t width, int depth, models::LampUnetOptions::Norm norm) {
  models::LampUnetOptions options;
  options.width = width;
  options.depth = depth;
  options.classes = 5;
  options.norm = norm;
  return models::lampUnet(options);
}

double relativeError(const std::vector<double>& found, const std::vector<double>& truth) {
  double error = 0.0;
  double largest = 0.0;
  for (std::size_t n = 0; n < truth.size(); ++n) {
    error = std::max(error, std::abs(found[n] - truth[n]));
    largest = std::max(largest, std::abs(truth[n]));
    if (std::isnan(found[n])) {
      return found[n];  // a row that nobody computed
    }
  }
  return error / largest;
}

TEST(Executor, SlabsEqualOneDeviceInDoublePrecision) {
  const struct {
    Graph graph;
    Shape input;
  } cases[] = {{oddNetwork(InstanceNormOp{}), {1, 2, {18, 8, 6}}},
               {oddNetwork(InstanceNormOp{}), {1, 2, {33, 6, 10}}},
               {nnunet({3, 5, 7}), {1, 1, {28, 12, 20}}},
               {nnunet({4, 17}, 2), {1, 2, {22, 6, 14}}},
               {lamp(5, 2, models::LampUnetOptions::Norm::Batch), {1, 1, {40, 8, 24}}},
               {lamp(3, 3, models::LampUnetOptions::Norm::Instance), {1, 1, {80, 16, 16}}}};

  for (const auto& one : cases) {
    const Parameters parameters = *Parameters::initialised(one.graph, 5);
    const auto input = noiseFor(one.input);
    const auto plan = [&](int count) {
      return planFor(one.graph, one.input, count, false, DType::Float64);
    };
    const auto truth = runPlan(one.graph, parameters, plan(1), input).scores;
    for (int count = 2; count <= 5; ++count) {
      SCOPED_TRACE(fmt::format("{} devices, {}", count, toString(one.input.size)));
      EXPECT_LE(relativeError(runPlan(one.graph, parameters, plan(count), input).scores, truth),
                1e-10);
    }
    const Plan uneven = withBounds(plan(4), one.graph, {0.1, 0.13, 0.8});
    EXPECT_LE(relativeError(runPlan(one.graph, parameters, uneven, input).scores, truth), 1e-10);
  }
}

TEST(Executor, LabelsAndScoresAreBitwiseEqualUnderEveryPlan) {
  const struct {
    Graph graph;
    Shape input;
  } cases[] = {{oddNetwork(InstanceNormOp{}), {1, 2, {33, 16, 10}}},
               {nnunet({16, 32, 64}), {1, 1, {44, 24, 20}}},
               {nnunet({8, 24, 48}, 2), {1, 2, {60, 16, 16}}},
               {lamp(16, 3, models::LampUnetOptions::Norm::Batch), {1, 1, {96, 32, 32}}},
               {lamp(8, 2, models::LampUnetOptions::Norm::Instance), {1, 1, {72, 32, 24}}}};

  for (const auto& one : cases) {
    const Parameters parameters = *Parameters::initialised(one.graph, 5);
    const auto input = noiseFor(one.input);
    const auto truth = runPlan(one.graph, parameters, planFor(one.graph, one.input, 1), input);
    const auto differing = [&](const Plan& plan) {
      const auto found = runPlan(one.graph, parameters, plan, input).scores;
      std::int64_t count = 0;
      for (std::size_t n = 0; n < found.size(); ++n) {
        count += found[n] == truth.scores[n] ? 0 : 1;
      }
      return count;
    };
    for (int count = 2; count <= 5; ++count) {
      SCOPED_TRACE(fmt::format("{} devices, {}", count, toString(one.input.size)));
      EXPECT_EQ(differing(planFor(one.graph, one.input, count)), 0);
    }
    EXPECT_EQ(differing(withBounds(planFor(one.graph, one.input, 3), one.graph, {0.07, 0.6})), 0);
    Plan threads = planFor(one.graph, one.input, 1);
    threads.devices[0].device.threads = 2;
    EXPECT_EQ(differing(threads), 0);
  }
}

TEST(Executor, MakesLabelsOfItsScores) {
  const Graph graph = nnunet({3, 5, 7});
  const Shape shape{1, 1, {24, 12, 16}};
  const Parameters parameters = *Parameters::initialised(graph, 4);
  const std::vector<float> input = noiseFor(shape);
  Plan plan = planFor(graph, shape, 3);
  const std::vector<int> expected =
      test::labelsOf(runPlan(graph, parameters, plan, input).scores, 4);
  plan.outputBytesPerVoxel = 2;
  Executor executor = *Executor::create(graph, parameters, test::adopted(plan, graph));
  LabelCollector labels(LabelGrid::own(shape.size));
  ASSERT_TRUE(executor.run(inputFrom(input, shape), &labels));
  EXPECT_EQ(labels.rowsKept(), 0U);
  const std::vector<std::uint16_t> found = labels.take();
  EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end()));

  plan.dtype = DType::Float64;
  Executor proof = *Executor::create(graph, parameters, test::adopted(plan, graph));
  LabelCollector none(LabelGrid::own(shape.size));
  const auto refused = proof.run(inputFrom(input, shape), &none);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Usage);
}

TEST(Executor, RollingAndSpillingChangeNoBit) {
  const struct {
    Graph graph;
    Shape input;
  } cases[] = {{oddNetwork(InstanceNormOp{}), {1, 2, {33, 16, 10}}},
               {nnunet({16, 32, 64}), {1, 1, {44, 24, 20}}},
               {lamp(16, 3, models::LampUnetOptions::Norm::Batch), {1, 1, {96, 32, 32}}},
               {lamp(8, 2, models::LampUnetOptions::Norm::Instance), {1, 1, {72, 32, 24}}}};

  for (const auto& one : cases) {
    const Parameters parameters = *Parameters::initialised(one.graph, 5);
    const auto input = noiseFor(one.input);
    for (const DType dtype : {DType::Float32, DType::Float64, DType::BFloat16, DType::Float16}) {
      const auto plan = [&](int count) {
        return planFor(one.graph, one.input, count, false, dtype);
      };
      const auto truth = runPlan(one.graph, parameters, plan(1), input).scores;
      for (const int count : {1, 2, 3}) {
        SCOPED_TRACE(fmt::format("{} devices, {}, {}", count, toString(dtype), one.graph.size()));
        EXPECT_EQ(runPlan(one.graph, parameters, rolled(plan(count), one.graph), input).scores,
                  truth);
        EXPECT_EQ(
            runPlan(one.graph, parameters, rolled(plan(count), one.graph, false), input).scores,
            truth);
        const Plan spills = spilled(rolled(plan(count), one.graph, false), one.graph, 0.6);
        const auto run = runPlan(one.graph, parameters, spills, input);
        EXPECT_EQ(run.scores, truth);
        EXPECT_GT(run.report.hostPeakBytes, 0);
        // Several devices need not be at their peaks at once.
        EXPECT_LE(run.report.hostPeakBytes, spills.hostPeakBytes);
        if (count == 1) {
          EXPECT_EQ(run.report.hostPeakBytes, spills.hostPeakBytes);
        }
      }
    }
  }
}

// Channels that fill whole vectors, so that fp32 takes the kernels that real networks take.
TEST(Executor, SinglePrecisionIsNearDoubleThroughAWholeNetwork) {
  const Graph graph = nnunet({16, 32, 64});
  const Shape shape{1, 1, {40, 44, 52}};
  const Parameters parameters = *Parameters::initialised(graph, 5);
  const auto input = noiseFor(shape);
  const Plan single = planFor(graph, shape, 1);
  const Program program = lowered(graph);
  const auto shapes = *graph.shapes(shape);
  const auto winograd =
      std::count_if(program.steps.begin(), program.steps.end(), [&](const Step& step) {
        return convKernelOf(step, graph, shapes, DType::Float32, single.devices[0].device) ==
               ConvKernel::Winograd;
      });
  EXPECT_EQ(winograd > 0, processorHasLineVectors());
  const auto truth =
      runPlan(graph, parameters, planFor(graph, shape, 1, false, DType::Float64), input).scores;
  const double error = relativeError(runPlan(graph, parameters, single, input).scores, truth);
  EXPECT_LT(error, 1e-5);
  fmt::print("fp32 against fp64, {} steps by Winograd's algorithm: {:.1e}\n", winograd, error);
}

// Half precision stores what fp32 computes, rounded; the scores of a shallow
// network stay near.
TEST(Executor, HalfPrecisionIsNearFp32AndNeedsHalfTheBytes) {
  const Graph graph = nnunet({16, 32});
  const Shape shape{1, 1, {48, 64, 64}};
  const Parameters parameters = *Parameters::initialised(graph, 5);
  const auto input = noiseFor(shape);
  const Plan wide = planFor(graph, shape, 1);
  const auto truth = runPlan(graph, parameters, wide, input).scores;
  const auto scale = std::abs(*std::max_element(
      truth.begin(), truth.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));

  const struct {
    DType dtype;
    double within;
  } types[] = {{DType::BFloat16, 0.1}, {DType::Float16, 0.01}};

  for (const auto& type : types) {
    const Plan plan = planFor(graph, shape, 1, false, type.dtype);
    const auto scores = runPlan(graph, parameters, plan, input).scores;
    double worst = 0.0;
    double sum = 0.0;
    for (std::size_t n = 0; n < truth.size(); ++n) {
      worst = std::max(worst, std::abs(scores[n] - truth[n]));
      sum += std::abs(scores[n] - truth[n]);
    }
    EXPECT_LT(worst / scale, type.within) << toString(type.dtype);
    EXPECT_GT(sum, 0.0) << "nothing was rounded";
    EXPECT_LT(plan.devices[0].predictedPeakBytes, 0.7 * wide.devices[0].predictedPeakBytes);
  }
}

TEST(Executor, StaysWithinThePredictionAndThePredictionWithinFivePercent) {
  const struct {
    Graph graph;
    Shape input;
  } cases[] = {{nnunet({16, 32, 64}), {1, 1, {64, 48, 48}}},
               {lamp(16, 3, models::LampUnetOptions::Norm::Instance), {1, 1, {64, 64, 64}}},
               {lamp(32, 2, models::LampUnetOptions::Norm::Batch), {1, 1, {96, 48, 32}}}};

  for (const auto& one : cases) {
    const Parameters parameters = *Parameters::initialised(one.graph, 5);
    const auto input = noiseFor(one.input);
    for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float16}) {
      for (const int count : {1, 2, 3}) {
        PlanRequest request;
        request.input = one.input;
        request.devices = devices(count);
        request.dtype = dtype;
        request.words = count == 1 ? "single" : "slabs";
        request.outputBytesPerVoxel = 2;
        const Plan made = *makePlan(one.graph, request);
        for (Plan plan : {made,
                          rolled(made, one.graph),
                          rolled(made, one.graph, false),
                          spilled(made, one.graph, 0.5)}) {
          // Exactly what was predicted must do.
          for (DevicePlan& device : plan.devices) {
            device.device.budgetBytes = device.predictedPeakBytes;
          }
          for (const DeviceReport& device :
               runPlan(one.graph, parameters, plan, input).report.devices) {
            SCOPED_TRACE(fmt::format("{} of {}, {}, {}, {} of {}",
                                     device.name,
                                     count,
                                     toString(one.input.size),
                                     toString(dtype),
                                     device.peakBytes,
                                     device.predictedPeakBytes));
            EXPECT_LE(device.peakBytes, device.predictedPeakBytes);
            EXPECT_LE(device.peakBytes, device.budgetBytes);
            EXPECT_GE(static_cast<double>(device.peakBytes),
                      0.95 * static_cast<double>(device.predictedPeakBytes));
            // Nothing is exchanged inside a group.
            const bool joins = std::any_of(
                plan.steps.begin(), plan.steps.end(), [](const auto& s) { return s.joined; });
            EXPECT_TRUE(device.receivedBytes > 0 || joins || count == 1 || device.peakBytes == 0);
          }
        }
      }
    }
  }
}

TEST(Executor, LeavesDevicesAloneThatThePlanDoesNotUse) {
  const Graph graph = nnunet({4, 8});
  PlanRequest request;
  request.input = {1, 1, {16, 8, 8}};
  request.devices = devices(3);
  request.words = "single";
  const Plan plan = *makePlan(graph, request);
  const auto run =
      runPlan(graph, *Parameters::initialised(graph, 1), plan, noiseFor(request.input));
  int idle = 0;
  for (const DeviceReport& device : run.report.devices) {
    idle += device.peakBytes == 0 ? 1 : 0;
  }
  EXPECT_EQ(run.report.devices.size(), 3U);
  EXPECT_EQ(idle, 2);
}

TEST(Executor, RefusesABudgetOneByteBelowThePlan) {
  const Graph graph = nnunet({4, 8});
  Plan plan = planFor(graph, {1, 1, {16, 8, 8}}, 2);
  plan.devices[1].device.budgetBytes = plan.devices[1].predictedPeakBytes - 1;
  const auto executor = Executor::create(graph, *Parameters::initialised(graph, 1), plan);
  ASSERT_FALSE(executor);
  EXPECT_EQ(executor.error().code, ErrorCode::NoPlan);
}

// Perturbs every input voxel of a column and looks which outputs change.
TEST(Graph, ReceptiveFieldIsWhatAnOutputDependsOn) {
  Graph graph;
  NodeId x = graph.add("input", InputOp{1});
  ConvOp conv;
  conv.channels = 3;
  x = graph.add("first", conv, {x});
  const NodeId skip = x;
  conv.stride = {2, 2, 2};
  x = graph.add("down", conv, {x});
  conv.stride = {1, 1, 1};
  conv.dilation = {2, 1, 1};
  conv.padding = {2, 1, 1};
  x = graph.add("wide", conv, {x});
  TransposedConvOp up;
  up.channels = 3;
  x = graph.add("up", up, {x});
  x = graph.add("concat", ConcatOp{}, {x, skip});
  conv = {};
  conv.channels = 2;
  graph.add("last", conv, {x});

  const Shape shape{1, 1, {32, 2, 2}};
  const Parameters parameters = *Parameters::initialised(graph, 3);
  const Plan plan = planFor(graph, shape, 1, false, DType::Float64);
  const auto input = noiseFor(shape);
  const auto truth = runPlan(graph, parameters, plan, input).scores;
  std::vector<std::int64_t> first(32, 99);
  std::vector<std::int64_t> last(32, -1);
  for (std::int64_t d = 0; d < 32; ++d) {
    auto changed = input;
    for (std::size_t n = 0; n < 4; ++n) {
      changed[static_cast<std::size_t>(4 * d) + n] += 1.0F;
    }
    const auto scores = runPlan(graph, parameters, plan, changed).scores;
    for (std::size_t out = 0; out < 32; ++out) {
      if (!std::equal(scores.begin() + static_cast<std::ptrdiff_t>(out * 8),
                      scores.begin() + static_cast<std::ptrdiff_t>(out * 8 + 8),
                      truth.begin() + static_cast<std::ptrdiff_t>(out * 8))) {
        first[out] = std::min(first[out], d);
        last[out] = std::max(last[out], d);
      }
    }
  }
  std::int64_t widest = 0;
  for (std::size_t out = 12; out < 20; ++out) {  // far from the ends
    widest = std::max(widest, last[out] - first[out] + 1);
  }
  EXPECT_EQ(graph.receptiveField().d, widest);
}

std::size_t threadCount() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

struct Fixture {
  Graph graph = nnunet({4, 8});
  Shape shape{1, 1, {32, 16, 16}};
  std::vector<float> input = noiseFor(shape);
  Executor executor =
      *Executor::create(graph, *Parameters::initialised(graph, 1), planFor(graph, shape, 3));
};

TEST(Executor, ReportsAFailureOnceAndLeavesNoThread) {
  Fixture f;
  const auto ignore = [](const ScoreSlab&) -> Result<void> { return {}; };
  const auto badInput = [&](const RowRange& rows, std::span<float> to) -> Result<void> {
    if (rows.end > 20) {
      return fail(ErrorCode::InputRefused, "Slice 20 is missing.");
    }
    return inputFrom(f.input, f.shape)(rows, to);
  };
  ASSERT_TRUE(f.executor.run(inputFrom(f.input, f.shape), ignore));
  const std::size_t before = threadCount();
  const auto refused = f.executor.run(badInput, ignore);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InputRefused);
  EXPECT_EQ(refused.error().message, "Slice 20 is missing.");

  const auto throwing = [](const ScoreSlab& slab) -> Result<void> {
    if (slab.rows.begin > 12) {
      throw std::runtime_error("no room for slice 13");
    }
    return {};
  };
  const auto thrown = f.executor.run(inputFrom(f.input, f.shape), throwing);
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, ErrorCode::Internal);
  EXPECT_THAT(thrown.error().message, ::testing::HasSubstr("no room for slice 13"));
  EXPECT_EQ(threadCount(), before);
  // It still works afterwards.
  EXPECT_TRUE(f.executor.run(inputFrom(f.input, f.shape), ignore));
}

TEST(Executor, StopsWithinALayer) {
  Fixture f;
  std::stop_source source;
  std::atomic<int> rows = 0;
  const auto stopping = [&](const ScoreSlab& slab) -> Result<void> {
    rows += static_cast<int>(slab.rows.count());
    source.request_stop();
    return {};
  };
  const auto stopped = f.executor.run(inputFrom(f.input, f.shape), stopping, source.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
  EXPECT_LT(rows.load(), 32);
}

TEST(Executor, ReportsProgressUpToTheEnd) {
  Fixture f;
  double last = 0.0;
  int calls = 0;
  const auto progress = [&](const Progress& p) {
    EXPECT_GE(p.fraction, last);
    EXPECT_EQ(p.stage, "Network");
    last = p.fraction;
    ++calls;
  };
  const auto ignore = [](const ScoreSlab&) -> Result<void> { return {}; };
  ASSERT_TRUE(f.executor.run(inputFrom(f.input, f.shape), ignore, {}, progress));
  EXPECT_GE(calls, 1);
  EXPECT_LE(last, 1.0);
}

TEST(Parameters, AreReadBackAndRefusedByName) {
  const Graph graph = nnunet({4, 8});
  const Parameters parameters = *Parameters::initialised(graph, 9);
  TensorFile file = parameters.toFile();
  const Shape shape{1, 1, {8, 8, 8}};
  const auto again = Parameters::fromFile(graph, file);
  ASSERT_TRUE(again) << again.error().message;
  const auto input = noiseFor(shape);
  const Plan plan = planFor(graph, shape, 1);
  EXPECT_EQ(runPlan(graph, *again, plan, input).scores,
            runPlan(graph, *Parameters::initialised(graph, 9), plan, input).scores);
  EXPECT_NE(runPlan(graph, *Parameters::initialised(graph, 10), plan, input).scores,
            runPlan(graph, parameters, plan, input).scores);

  const auto refusal = [&](const auto& change) {
    TensorFile copy = file;
    change(copy);
    const auto read = Parameters::fromFile(graph, copy);
    return read ? std::string("accepted") : read.error().message;
  };
  const std::string name = file.tensors[0].name;
  EXPECT_THAT(refusal([](TensorFile& f) { f.tensors.erase(f.tensors.begin()); }),
              ::testing::HasSubstr(name));
  EXPECT_THAT(refusal([](TensorFile& f) { f.tensors[0].shape = {1}; }), ::testing::HasSubstr(name));
  EXPECT_THAT(refusal([](TensorFile& f) { f.tensors[0].dtype = "I32"; }),
              ::testing::HasSubstr("I32"));
  EXPECT_THAT(refusal([](TensorFile& f) {
                f.tensors.push_back(f.tensors[0]);
                f.tensors.back().name = "stranger";
              }),
              ::testing::HasSubstr("stranger"));
}

}  // namespace
}  // namespace argand::engine
