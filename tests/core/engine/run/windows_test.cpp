// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/windows.h"

#include "core/engine/run/parameters.h"
#include "core/engine/run/trial.h"
#include "models/networks/networks.h"
#include "tests/core/engine/engine_support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

namespace argand::engine {
namespace {

using test::devices;
using test::noiseFor;

// A network that sees one voxel at a time.
Graph pointwise(std::int64_t classes) {
  Graph graph;
  NodeId at = graph.add("input", InputOp{2});
  at =
      graph.add("conv", ConvOp{classes, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, 1, true}, {at});
  return graph;
}

Graph unet() {
  return models::buildNetwork("nnunet-plain:channels=4-8,classes=3").value();
}

WindowPlan plannedFor(const Graph& graph,
                      const Extent& size,
                      const WindowOptions& window,
                      const std::vector<DeviceSpec>& specs) {
  PlanRequest request;
  request.input = {1, graph.inputChannels(), size};
  request.devices = specs;
  auto plan = planWindows(graph, request, window);
  EXPECT_TRUE(plan) << plan.error().message;
  return *plan;
}

struct Windowed {
  std::vector<float> scores;  // (d, h, w, class)
  RunReport report;
};

Windowed runWindows(const Graph& graph,
                    const Parameters& parameters,
                    const WindowPlan& plan,
                    std::span<const float> input) {
  Windowed run;
  auto executor = WindowExecutor::create(graph, parameters, plan).value();
  std::int64_t next = 0;
  auto report = executor.run(input, [&](const ScoreSlab& slab) -> Result<void> {
    EXPECT_EQ(slab.rows.begin, next) << "rows come in the order of depth";
    next = slab.rows.end;
    run.scores.insert(run.scores.end(), slab.scores.begin(), slab.scores.end());
    return {};
  });
  EXPECT_TRUE(report) << report.error().message;
  EXPECT_EQ(next, plan.input.size.d);
  run.report = *report;
  return run;
}

// The scores of one window cut out of the volume, by the plain executor.
std::vector<double> oneWindow(const Graph& graph,
                              const Parameters& parameters,
                              const Shape& shape,
                              std::span<const float> input,
                              const Extent& start,
                              const Extent& window) {
  std::vector<float> cut(static_cast<std::size_t>(shape.channels * window.voxels()), 0.0F);
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    for (std::int64_t d = 0; d < window.d; ++d) {
      for (std::int64_t h = 0; h < window.h; ++h) {
        for (std::int64_t w = 0; w < window.w; ++w) {
          const Extent at{start.d + d, start.h + h, start.w + w};
          if (at.d >= 0 && at.h >= 0 && at.w >= 0 && at.d < shape.size.d && at.h < shape.size.h &&
              at.w < shape.size.w) {
            cut[static_cast<std::size_t>(((c * window.d + d) * window.h + h) * window.w + w)] =
                input[static_cast<std::size_t>(
                    ((c * shape.size.d + at.d) * shape.size.h + at.h) * shape.size.w + at.w)];
          }
        }
      }
    }
  }
  return test::runPlan(graph, parameters, test::planFor(graph, {1, shape.channels, window}, 1), cut)
      .scores;
}

// The definition, word for word, with all scores of the volume at once.
std::vector<double> bruteForce(const Graph& graph,
                               const Parameters& parameters,
                               const Shape& shape,
                               std::span<const float> input,
                               const WindowOptions& options) {
  const Extent& window = options.size;
  const std::int64_t classes = graph.outputChannels();
  std::vector<double> sums(static_cast<std::size_t>(shape.size.voxels() * classes), 0.0);
  std::vector<double> weights(static_cast<std::size_t>(shape.size.voxels()), 0.0);
  const auto gauss = [](std::int64_t n, std::int64_t size) {
    const double x = (static_cast<double>(n) - static_cast<double>(size - 1) / 2.0) /
                     (static_cast<double>(size) / 8.0);
    return std::exp(-x * x / 2.0);
  };
  for (const std::int64_t sd : windowStarts(shape.size.d, window.d, options.overlap)) {
    for (const std::int64_t sh : windowStarts(shape.size.h, window.h, options.overlap)) {
      for (const std::int64_t sw : windowStarts(shape.size.w, window.w, options.overlap)) {
        const std::vector<double> scores =
            oneWindow(graph, parameters, shape, input, {sd, sh, sw}, window);
        std::size_t from = 0;
        for (std::int64_t d = sd; d < sd + window.d; ++d) {
          for (std::int64_t h = sh; h < sh + window.h; ++h) {
            for (std::int64_t w = sw; w < sw + window.w;
                 ++w, from += static_cast<std::size_t>(classes)) {
              if (d < 0 || h < 0 || w < 0 || d >= shape.size.d || h >= shape.size.h ||
                  w >= shape.size.w) {
                continue;
              }
              const double weight = std::max(
                  1e-3,
                  gauss(d - sd, window.d) * gauss(h - sh, window.h) * gauss(w - sw, window.w));
              const auto voxel =
                  static_cast<std::size_t>((d * shape.size.h + h) * shape.size.w + w);
              weights[voxel] += weight;
              for (std::int64_t c = 0; c < classes; ++c) {
                sums[voxel * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c)] +=
                    weight * scores[from + static_cast<std::size_t>(c)];
              }
            }
          }
        }
      }
    }
  }
  for (std::size_t n = 0; n < sums.size(); ++n) {
    sums[n] /= weights[n / static_cast<std::size_t>(classes)];
  }
  return sums;
}

TEST(Windows, BeginInStepsAndEndWithTheVolume) {
  EXPECT_EQ(windowStarts(128, 64, 0.25), (std::vector<std::int64_t>{0, 48, 64}));
  EXPECT_EQ(windowStarts(128, 64, 0.5), (std::vector<std::int64_t>{0, 32, 64}));
  EXPECT_EQ(windowStarts(128, 64, 0.0), (std::vector<std::int64_t>{0, 64}));
  EXPECT_EQ(windowStarts(64, 64, 0.5), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(windowStarts(65, 64, 0.5), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(windowStarts(61, 64, 0.25), (std::vector<std::int64_t>{-1})) << "in the middle";
  EXPECT_EQ(windowStarts(4, 1, 0.9), (std::vector<std::int64_t>{0, 1, 2, 3}));
}

TEST(Windows, WeighTheMiddleMost) {
  const std::vector<float> weights = windowWeights({8, 4, 6});
  ASSERT_EQ(weights.size(), 192U);
  // Half a voxel from the middle along each axis: exp(-(0.5 / (n / 8))^2 / 2).
  const double middle = std::exp(-0.5 * (0.25 + 1.0 + 4.0 / 9.0));
  EXPECT_NEAR(weights[(3 * 4 + 1) * 6 + 2], middle, 1e-6);
  EXPECT_EQ(weights[(3 * 4 + 1) * 6 + 2], weights[(4 * 4 + 2) * 6 + 3]) << "symmetric";
  EXPECT_EQ(weights.front(), 1e-3F) << "never nothing";
}

TEST(Windows, AreDividedByTheSpeedOfTheDevices) {
  EXPECT_EQ(divideWindows(5, {1.0, 1.0}), (std::vector<int>{0, 1, 0, 1, 0}));
  EXPECT_EQ(divideWindows(6, {1.0, 2.4}), (std::vector<int>{0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(divideWindows(2, {1.0, 9.0}), (std::vector<int>{0, 0})) << "a slow one is left out";
}

TEST(Windows, GiveWhatTheDefinitionGives) {
  const Graph graph = unet();
  const Parameters parameters = Parameters::initialised(graph, 3).value();
  for (const Extent& size : {Extent{21, 18, 15}, Extent{9, 30, 16}, Extent{5, 3, 11}}) {
    const Shape shape{1, 1, size};
    const WindowOptions options{{12, 8, 10}, 0.4};
    const std::vector<float> input = noiseFor(shape);
    const std::vector<double> expected = bruteForce(graph, parameters, shape, input, options);
    const Windowed run =
        runWindows(graph, parameters, plannedFor(graph, size, options, devices(1)), input);
    ASSERT_EQ(run.scores.size(), expected.size());
    for (std::size_t n = 0; n < expected.size(); ++n) {
      ASSERT_NEAR(run.scores[n], expected[n], 1e-5) << toString(size) << " at " << n;
    }
  }
}

TEST(Windows, GiveTheWholeVolumesScoresWhereANetworkSeesOneVoxel) {
  const Graph graph = pointwise(3);
  const Parameters parameters = Parameters::initialised(graph, 5).value();
  const Shape shape{1, 2, {11, 9, 14}};
  const std::vector<float> input = noiseFor(shape);
  const std::vector<double> whole =
      test::runPlan(graph, parameters, test::planFor(graph, shape, 1), input).scores;
  const Windowed run = runWindows(
      graph, parameters, plannedFor(graph, shape.size, {{4, 5, 6}, 0.5}, devices(2)), input);
  ASSERT_EQ(run.scores.size(), whole.size());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    ASSERT_NEAR(run.scores[n], whole[n], 1e-5);
  }
}

TEST(Windows, GiveTheSameBitsOnAnyNumberOfDevices) {
  const Graph graph = unet();
  const Parameters parameters = Parameters::initialised(graph, 3).value();
  const Shape shape{1, 1, {20, 22, 18}};
  const std::vector<float> input = noiseFor(shape);
  const WindowOptions options{{8, 8, 8}, 0.25};
  const Windowed one =
      runWindows(graph, parameters, plannedFor(graph, shape.size, options, devices(1)), input);
  for (int count = 2; count <= 4; ++count) {
    std::vector<DeviceSpec> specs = devices(count);
    specs.back().threads = 3;  // taken to be faster: a share of its own
    const Windowed many =
        runWindows(graph, parameters, plannedFor(graph, shape.size, options, specs), input);
    EXPECT_EQ(one.scores, many.scores) << count << " devices";
    for (const DeviceReport& device : many.report.devices) {
      EXPECT_GT(device.peakBytes, 0);
    }
  }
}

TEST(Windows, StayWithinTheBudgetThatWasPredicted) {
  const Graph graph = models::buildNetwork("nnunet-plain:channels=16-32,classes=3").value();
  const Parameters parameters = Parameters::initialised(graph, 3).value();
  const Shape shape{1, 1, {40, 44, 36}};
  const std::vector<float> input = noiseFor(shape);
  const WindowOptions options{{32, 32, 32}, 0.25};
  PlanRequest request;
  request.input = shape;
  request.words = "single,resident";
  request.outputBytesPerVoxel = 2;
  request.devices = devices(2);
  const WindowPlan free = planWindows(graph, request, options).value();
  for (std::size_t n = 0; n < 2; ++n) {
    request.devices[n].budgetBytes = free.predictedPeakBytes(static_cast<int>(n));
  }
  const Windowed run =
      runWindows(graph, parameters, planWindows(graph, request, options).value(), input);
  for (const DeviceReport& device : run.report.devices) {
    EXPECT_LE(device.peakBytes, device.budgetBytes);
    EXPECT_NEAR(static_cast<double>(device.peakBytes),
                static_cast<double>(device.predictedPeakBytes),
                0.05 * static_cast<double>(device.predictedPeakBytes));
  }
  request.devices[1].budgetBytes -= 1;
  const auto refused = planWindows(graph, request, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NoPlan);
  request.devices[1].budgetBytes = 1000;
  EXPECT_EQ(planWindows(graph, request, options).error().code, ErrorCode::NoPlan);
}

TEST(Windows, RefuseWhatCannotBe) {
  const Graph graph = unet();
  PlanRequest request;
  request.input = {1, 1, {16, 16, 16}};
  request.devices = devices(2);
  EXPECT_EQ(planWindows(graph, request, {{8, 7, 8}, 0.25}).error().code, ErrorCode::Usage);
  EXPECT_EQ(planWindows(graph, request, {{8, 8, 8}, 1.0}).error().code, ErrorCode::Usage);
  EXPECT_EQ(planWindows(graph, request, {{8, 8, 8}, -0.1}).error().code, ErrorCode::Usage);
  request.words = "slabs";
  EXPECT_EQ(planWindows(graph, request, {{8, 8, 8}, 0.25}).error().code, ErrorCode::Usage);
}

TEST(Windows, EndWithTheFirstFailureAndOnAStop) {
  const Graph graph = unet();
  const Parameters parameters = Parameters::initialised(graph, 3).value();
  const Shape shape{1, 1, {24, 24, 24}};
  const std::vector<float> input = noiseFor(shape);
  auto executor =
      WindowExecutor::create(
          graph, parameters, plannedFor(graph, shape.size, {{8, 8, 8}, 0.5}, devices(3)))
          .value();
  const auto failed = executor.run(input, [](const ScoreSlab& slab) -> Result<void> {
    if (slab.rows.begin > 0) {
      return fail(ErrorCode::OutputFailed, "full");
    }
    return {};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "full");
  std::stop_source stop;
  const auto stopped = executor.run(
      input,
      [](const ScoreSlab&) -> Result<void> { return {}; },
      stop.get_token(),
      [&](const Progress&) { stop.request_stop(); });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
}

TEST(Trial, MeasuresTheSameLabelsUnderEveryPlan) {
  const Graph graph = unet();
  TrialRequest request;
  request.plan.input = {1, 1, {32, 24, 16}};
  request.plan.devices = devices(1);
  Trial single = Trial::create(graph, request).value();
  const RunReport report = single.run().value();
  EXPECT_GT(report.seconds, 0.0);
  EXPECT_GT(single.residentPeakBytes(), 0);
  EXPECT_EQ(single.flops(), totalFlops(graph, request.plan.input).value());

  request.plan.devices = devices(2);
  request.plan.words = "slabs";
  Trial slabs = Trial::create(graph, request).value();
  ASSERT_TRUE(slabs.run());
  EXPECT_EQ(single.labelsHash(), slabs.labelsHash());
  EXPECT_EQ(changedLabels(single, slabs), 0.0);

  request.plan.words.clear();
  request.planText = slabs.planText();
  Trial read = Trial::create(graph, request).value();
  ASSERT_TRUE(read.run());
  EXPECT_EQ(single.labelsHash(), read.labelsHash());

  request.planText.clear();
  request.window = WindowOptions{{8, 8, 8}, 0.25};
  Trial windows = Trial::create(graph, request).value();
  ASSERT_TRUE(windows.run());
  EXPECT_GT(changedLabels(single, windows), 0.0) << "norms see a window only";
  EXPECT_NE(single.labelsHash(), windows.labelsHash());
}

}  // namespace
}  // namespace argand::engine
