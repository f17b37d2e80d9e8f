// SPDX-License-Identifier: Apache-2.0
// Every operation in slabs against Torch's own on the whole volume.
#include "core/engine/training/differentiable.h"
#include "tests/core/engine/engine_support.h"
#include "tests/core/engine/training/plain_network.h"
#include "tests/core/engine/training/training_support.h"

#include <gtest/gtest.h>

namespace argand::engine {
namespace {

using test::plainNetwork;
using test::planFor;
using test::withBounds;

constexpr double kLimit = 1e-10;

// The network's input behind a convolution, so that gradients go on through
// the operation, and what reads it behind another.
Graph around(const std::string& lines) {
  const std::string text =
      "input = input() channels=2\n"
      "before = conv(input) channels=4 kernel=3x3x3 stride=1x1x1 padding=1x1x1 dilation=1x1x1 "
      "groups=1 bias=1\n" +
      lines +
      "\nafter = conv(x) channels=3 kernel=1x1x1 stride=1x1x1 padding=0x0x0 dilation=1x1x1 "
      "groups=1 bias=1\n";
  auto graph = parseGraph(text);
  EXPECT_TRUE(graph) << graph.error().message;
  return *graph;
}

struct Outcome {
  at::Tensor scores;
  at::Tensor toInput;
  std::map<std::string, at::Tensor> gradients;
};

// `run` gives the scores; the loss weighs each differently.
template <typename Run>
Outcome differentiated(const Graph& graph, const at::Tensor& values, const Run& run) {
  Parameters parameters = test::doubleParameters(graph);
  at::Tensor input = values.clone().set_requires_grad(true);
  Outcome outcome;
  outcome.scores = run(parameters, input);
  const at::Tensor weights =
      at::sin(at::arange(outcome.scores.numel(), at::kDouble)).view(outcome.scores.sizes());
  (outcome.scores * weights).sum().backward();
  outcome.toInput = input.grad();
  for (const std::string& name : parameters.tensors().trainable) {
    outcome.gradients[name] = parameters.tensors().get(name).grad();
  }
  return outcome;
}

double errorOf(const at::Tensor& value, const at::Tensor& truth) {
  // A gradient may be zero (a bias in front of a norm): then what is left is rounding.
  return ((value - truth).abs().max() / truth.abs().max().clamp_min(1.0)).item<double>();
}

void expectEqual(const Outcome& found, const Outcome& truth) {
  ASSERT_EQ(found.scores.sizes(), truth.scores.sizes());
  EXPECT_LE(errorOf(found.scores, truth.scores), kLimit);
  EXPECT_LE(errorOf(found.toInput, truth.toInput), kLimit);
  for (const auto& [name, gradient] : truth.gradients) {
    ASSERT_EQ(found.gradients.at(name).defined(), gradient.defined()) << name;
    if (gradient.defined()) {
      EXPECT_LE(errorOf(found.gradients.at(name), gradient), kLimit) << name;
    }
  }
}

Outcome inSlabs(const Graph& graph, const Plan& plan, const at::Tensor& values) {
  return differentiated(graph, values, [&](Parameters& parameters, const at::Tensor& input) {
    auto slabs = forward(graph, parameters, plan, input, Mode::Training);
    EXPECT_TRUE(slabs) << slabs.error().message;
    return at::cat(slabs->scores, 2);
  });
}

const char* const kOperations[] = {
    "x = pool(before) max=1 kernel=2x2x2 stride=2x2x2 padding=0x0x0",
    "x = pool(before) max=1 kernel=3x3x2 stride=2x1x2 padding=1x1x0",
    "x = pool(before) max=0 kernel=2x2x2 stride=2x2x2 padding=0x0x0",
    "x = pool(before) max=0 kernel=3x2x3 stride=2x2x1 padding=1x0x1",
    "x = upsample(before) trilinear=1 factor=2x2x2",
    "x = upsample(before) trilinear=1 factor=3x1x2",
    "x = upsample(before) trilinear=0 factor=2x2x2",
    "x = upsample(before) trilinear=0 factor=3x2x1",
    "x = group_norm(before) groups=2 epsilon=1e-05 affine=1",
    "x = group_norm(before) groups=1 epsilon=0.001 affine=0",
    "n = group_norm(before) groups=4 epsilon=1e-05 affine=1\nx = leaky_relu(n) slope=0.1",
    "x = instance_norm(before) epsilon=1e-05 affine=0",
    "x = prelu(before) slopes=1",
    "x = prelu(before) slopes=4",
    "x = silu(before)",
    "x = sigmoid(before)",
    "x = softmax(before)",
    "g = global_pool(before)\na = linear(g) channels=3 bias=1\nb = leaky_relu(a) slope=0\n"
    "c = linear(b) channels=4 bias=0\nd = sigmoid(c)\nx = scale(before,d)",
    "x = transposed_conv(before) channels=3 kernel=2x2x2 stride=2x2x2 padding=0x0x0 "
    "output_padding=0x0x0 bias=1",
    "x = transposed_conv(before) channels=3 kernel=1x2x3 stride=1x2x3 padding=0x0x0 "
    "output_padding=0x0x0 bias=0",
    "x = transposed_conv(before) channels=3 kernel=3x3x3 stride=2x2x1 padding=1x1x1 "
    "output_padding=1x1x0 bias=1",
    "x = transposed_conv(before) channels=2 kernel=1x2x2 stride=2x3x2 padding=0x0x0 "
    "output_padding=1x0x0 bias=1",
    "x = conv(before) channels=4 kernel=3x3x3 stride=1x1x1 padding=3x2x1 dilation=3x2x1 groups=2 "
    "bias=1",
    "x = conv(before) channels=4 kernel=4x2x3 stride=2x2x2 padding=2x1x0 dilation=1x1x1 groups=1 "
    "bias=0",
    "n = silu(before)\nx = add(before,n)",
    "n = sigmoid(before)\nx = concat(before,n)"};

TEST(Ops, GiveInSlabsTheValuesAndGradientsOfTheWhole) {
  for (const char* lines : kOperations) {
    SCOPED_TRACE(lines);
    const Graph graph = around(lines);
    const Shape shape{2, 2, {14, 6, 8}};
    const at::Tensor input = test::doubleNoise(shape);
    const Outcome truth =
        differentiated(graph, input, [&](Parameters& parameters, const at::Tensor& x) {
          return plainNetwork(graph, parameters, x, true);
        });
    const Shape last = graph.shapes(shape)->back();
    EXPECT_EQ(at::IntArrayRef({last.samples, last.channels, last.size.d, last.size.h, last.size.w}),
              truth.scores.sizes());
    expectEqual(inSlabs(graph, planFor(graph, shape, 1, true), input), truth);
    const Plan slabs = planFor(graph, shape, 3, true);
    ASSERT_EQ(slabs.devicesUsed(), 3);
    expectEqual(inSlabs(graph, slabs, input), truth);
    expectEqual(inSlabs(graph, withBounds(slabs, graph, {0.2, 0.95}), input), truth);
  }
}

TEST(Ops, ArgmaxIsTheFirstOfTheHighestAndHasNoGradient) {
  Graph graph;
  const NodeId in = graph.add("input", InputOp{3});
  graph.add("label", ArgmaxOp{}, {in});
  const Shape shape{1, 3, {5, 2, 2}};
  at::Tensor input = at::zeros({1, 3, 5, 2, 2}, at::kDouble);
  input[0][2][4].fill_(1.0);
  input[0][1][1].fill_(2.0);
  input[0][2][1].fill_(2.0);
  input.set_requires_grad(true);
  Parameters parameters = test::doubleParameters(graph);
  for (const int devices : {1, 3}) {
    auto slabs =
        forward(graph, parameters, planFor(graph, shape, devices, true), input, Mode::Training);
    ASSERT_TRUE(slabs) << slabs.error().message;
    const at::Tensor label = at::cat(slabs->scores, 2);
    EXPECT_FALSE(label.requires_grad());
    const at::Tensor perRow = label[0][0].select(1, 0).select(1, 0);
    EXPECT_TRUE(at::equal(perRow, at::tensor({0.0, 1.0, 0.0, 0.0, 2.0}, at::kDouble)));
  }
}

TEST(Ops, DropoutDropsTheSameWhateverTheSlabsAndNothingInEvaluation) {
  Graph graph;
  const NodeId in = graph.add("input", InputOp{2});
  graph.add("drop", DropoutOp{0.25}, {in});
  const Shape shape{2, 2, {16, 12, 10}};
  const at::Tensor input = at::ones({2, 2, 16, 12, 10}, at::kDouble);
  Parameters parameters = test::doubleParameters(graph);
  const auto run = [&](int devices, Mode mode) {
    at::manual_seed(19);
    const Plan plan = planFor(graph, shape, devices, true);
    return at::cat(forward(graph, parameters, plan, input, mode)->scores, 2);
  };
  const at::Tensor once = run(1, Mode::Training);
  EXPECT_TRUE(at::equal(run(3, Mode::Training), once));
  EXPECT_TRUE(at::equal(run(3, Mode::Evaluation), input));
  const double dropped = (once == 0.0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(dropped, 0.25, 0.02);  // seven standard deviations of 7680 draws are 0.035
  EXPECT_DOUBLE_EQ(once.max().item<double>(), 1.0 / 0.75);
  // The next pass drops others.
  at::manual_seed(19);
  const Plan plan = planFor(graph, shape, 1, true);
  const auto pass = [&] {
    return forward(graph, parameters, plan, input, Mode::Training)->scores[0];
  };
  EXPECT_TRUE(at::equal(pass(), once));
  EXPECT_FALSE(at::equal(pass(), once));
}

// What is recomputed in backward must drop what was dropped in forward.
TEST(Ops, DropoutIsTheSameWhenItIsRecomputed) {
  Graph graph;
  ConvOp conv;
  conv.channels = 3;
  NodeId x = graph.add("first", conv, {graph.add("input", InputOp{2})});
  x = graph.add("drop", DropoutOp{0.5}, {graph.add("norm", InstanceNormOp{}, {x})});
  x = graph.add("second", conv, {x});
  graph.add("last", conv, {graph.add("drop2", DropoutOp{0.3}, {x})});
  const Shape shape{2, 2, {12, 6, 5}};
  const at::Tensor input =
      at::linspace(-1.0, 1.0, 2 * 2 * 12 * 6 * 5, at::kDouble).view({2, 2, 12, 6, 5});
  const auto gradients = [&](const Plan& plan) {
    Parameters parameters = test::doubleParameters(graph);
    ForwardOptions options;
    options.dropoutSeed = 11;
    const auto scores = forward(graph, parameters, plan, input, options);
    EXPECT_TRUE(scores) << scores.error().message;
    at::cat(scores->scores, 2).square().sum().backward();
    return parameters.tensors().get("first.weight").grad();
  };
  const Plan stored = planFor(graph, shape, 1, true);
  const at::Tensor truth = gradients(stored);
  EXPECT_GT(truth.abs().max().item<double>(), 0.0);
  for (const int steps : {1, 2}) {
    const at::Tensor found = gradients(test::recomputed(stored, graph, steps));
    EXPECT_LE(((found - truth).abs().max() / truth.abs().max()).item<double>(), 1e-12) << steps;
  }
}

TEST(Ops, BeginWithTheUsualWeights) {
  const auto graph = parseGraph(
      "input = input() channels=400\na = linear(input) channels=300 bias=1\n"
      "b = prelu(a) slopes=300\nc = group_norm(b) groups=2 epsilon=0 affine=1\n");
  ASSERT_TRUE(graph) << graph.error().message;
  const Parameters parameters = *Parameters::initialised(*graph, 3);
  const auto get = [&](const char* name) { return parameters.tensors().get(name); };
  const double deviation = get("a.weight").to(at::kDouble).std().item<double>();
  EXPECT_NEAR(deviation, std::sqrt(2.0 / 1.0001 / 400.0), 0.01 * deviation);
  EXPECT_TRUE(at::equal(get("a.bias"), at::zeros({300})));
  EXPECT_TRUE(at::equal(get("b.weight"), at::full({300}, 0.25)));
  EXPECT_TRUE(at::equal(get("c.weight"), at::ones({300})));
  EXPECT_TRUE(at::equal(get("c.bias"), at::zeros({300})));
}

}  // namespace
}  // namespace argand::engine
