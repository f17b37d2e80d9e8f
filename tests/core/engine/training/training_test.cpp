// SPDX-License-Identifier: Apache-2.0
// The differentiable forward under plans of one device and of slabs.
#include "core/engine/plan/planner.h"
#include "core/engine/run/executor.h"
#include "core/engine/training/differentiable.h"
#include "tests/core/engine/engine_support.h"
#include "tests/core/engine/training/training_support.h"

#include <gtest/gtest.h>

namespace argand::engine {
namespace {

using test::doubleNoise;
using test::doubleParameters;
using test::lamp;
using test::nnunet;
using test::planFor;
using test::relativeError;
using test::withBounds;

struct Pass {
  at::Tensor scores;
  std::map<std::string, at::Tensor> gradients;
  std::map<std::string, at::Tensor> running;
  at::Tensor toInput;
};

Pass trained(const Graph& graph, const Plan& plan, const at::Tensor& values, Mode mode) {
  Parameters parameters = doubleParameters(graph);
  at::Tensor input = values.clone().set_requires_grad(true);
  auto slabs = forward(graph, parameters, plan, input, mode);
  EXPECT_TRUE(slabs) << slabs.error().message;
  Pass pass;
  pass.scores = at::cat(slabs->scores, 2);
  // A loss that weighs every voxel and class differently.
  const at::Tensor weights =
      at::sin(at::arange(pass.scores.numel(), at::kDouble)).view(pass.scores.sizes());
  (at::softmax(pass.scores, 1) * weights).sum().backward();
  for (const auto& [name, tensor] : parameters.tensors().byName) {
    if (tensor.requires_grad()) {
      pass.gradients[name] = tensor.grad();
    } else {
      pass.running[name] = tensor;
    }
  }
  pass.toInput = input.grad();
  return pass;
}

void expectEqualPasses(const Pass& found, const Pass& truth) {
  constexpr double kLimit = 1e-10;
  EXPECT_LE(relativeError(found.scores, truth.scores), kLimit);
  EXPECT_LE(relativeError(found.toInput, truth.toInput), kLimit);
  ASSERT_EQ(found.gradients.size(), truth.gradients.size());
  for (const auto& [name, gradient] : truth.gradients) {
    ASSERT_TRUE(gradient.defined()) << name;
    // A bias in front of a norm has the gradient zero; what is left there is rounding.
    if (gradient.abs().max().item<double>() > 1e-9) {
      EXPECT_LE(relativeError(found.gradients.at(name), gradient), kLimit) << name;
    }
  }
  for (const auto& [name, tensor] : truth.running) {
    EXPECT_LE(relativeError(found.running.at(name), tensor), kLimit) << name;
  }
}

TEST(Training, SlabsGiveTheScoresAndEveryGradientOfOneDevice) {
  const struct {
    Graph graph;
    Shape input;
  } cases[] = {{nnunet(), {1, 1, {20, 12, 8}}},
               {nnunet(), {2, 1, {12, 8, 4}}},
               {lamp(models::LampUnetOptions::Norm::Instance), {1, 1, {24, 8, 16}}},
               {lamp(models::LampUnetOptions::Norm::Batch), {2, 1, {40, 16, 8}}}};

  for (const auto& one : cases) {
    const at::Tensor input = doubleNoise(one.input);
    const Pass truth =
        trained(one.graph, planFor(one.graph, one.input, 1, true), input, Mode::Training);
    for (int count = 2; count <= 5; ++count) {
      SCOPED_TRACE(fmt::format("{} devices, {}", count, toString(one.input.size)));
      const Plan plan = planFor(one.graph, one.input, count, true);
      ASSERT_GT(plan.devicesUsed(), 1);
      expectEqualPasses(trained(one.graph, plan, input, Mode::Training), truth);
    }
  }
}

TEST(Training, UnevenSlabsGiveTheSameGradients) {
  const Graph graph = nnunet();
  const Shape shape{1, 1, {20, 8, 8}};
  const at::Tensor input = doubleNoise(shape);
  const Plan single = planFor(graph, shape, 1, true);
  const Pass truth = trained(graph, single, input, Mode::Training);
  for (const double cut : {0.05, 0.3, 0.85}) {
    SCOPED_TRACE(cut);
    const Plan plan = withBounds(planFor(graph, shape, 3, true), graph, {cut, cut + 0.1});
    expectEqualPasses(trained(graph, plan, input, Mode::Training), truth);
  }
}

// The same network from Torch's own operations.
TEST(Training, EqualsTorchsOwnOperations) {
  models::NnunetPlainOptions options;
  options.channels = {3, 5};
  options.classes = 2;
  const Graph graph = models::nnunetPlain(options);
  const Shape shape{2, 1, {6, 8, 10}};
  const at::Tensor input = doubleNoise(shape);
  Parameters parameters = doubleParameters(graph);
  auto slabs = forward(graph, parameters, planFor(graph, shape, 1, true), input, Mode::Training);
  ASSERT_TRUE(slabs) << slabs.error().message;
  const auto get = [&](const std::string& name) { return parameters.tensors().get(name); };
  const auto block = [&](const std::string& name, const at::Tensor& x, std::int64_t stride) {
    at::Tensor y = at::conv3d(x,
                              get(name + ".conv.weight"),
                              get(name + ".conv.bias"),
                              {stride, stride, stride},
                              {1, 1, 1});
    y = at::instance_norm(
        y, get(name + ".norm.weight"), get(name + ".norm.bias"), {}, {}, true, 0.1, 1e-5, false);
    return at::leaky_relu(y, 0.01);
  };
  at::Tensor skip = block("encoder0.block2", block("encoder0.block1", input, 1), 1);
  at::Tensor x = block("encoder1.block2", block("encoder1.block1", skip, 2), 1);
  x = at::conv_transpose3d(
      x, get("decoder0.up.weight"), get("decoder0.up.bias"), at::IntArrayRef{2, 2, 2});
  x = at::cat({x, skip}, 1);
  x = block("decoder0.block2", block("decoder0.block1", x, 1), 1);
  x = at::conv3d(x, get("head.weight"), get("head.bias"));
  EXPECT_LE(relativeError(slabs->scores[0], x), 1e-12);

  const auto names = parameters.tensors().trainable;
  const at::Tensor weights = at::sin(at::arange(x.numel(), at::kDouble)).view(x.sizes());
  (slabs->scores[0] * weights).sum().backward();
  std::map<std::string, at::Tensor> ours;
  for (const std::string& name : names) {
    ours[name] = get(name).grad().clone();
    get(name).mutable_grad().reset();
  }
  (x * weights).sum().backward();
  for (const std::string& name : names) {
    const at::Tensor truth = get(name).grad();
    EXPECT_LE((ours[name] - truth).abs().max().item<double>(),
              1e-10 * std::max(1.0, truth.abs().max().item<double>()))
        << name;
  }
}

TEST(Training, SinglePrecisionThroughOneDnnAgreesWithDouble) {
  const Graph graph = lamp(models::LampUnetOptions::Norm::Instance);
  const Shape shape{1, 1, {16, 16, 16}};
  const at::Tensor input = doubleNoise(shape);
  const Plan plan = planFor(graph, shape, 2, true);
  const Pass truth = trained(graph, plan, input, Mode::Training);
  Parameters parameters = doubleParameters(graph);
  for (auto& [name, tensor] : parameters.tensors().byName) {
    tensor = tensor.detach().to(at::kFloat).set_requires_grad(tensor.requires_grad());
  }
  auto slabs = forward(graph, parameters, plan, input.to(at::kFloat), Mode::Training);
  ASSERT_TRUE(slabs) << slabs.error().message;
  const at::Tensor scores = at::cat(slabs->scores, 2);
  EXPECT_LE(relativeError(scores.to(at::kDouble), truth.scores), 1e-4);
  const at::Tensor weights =
      at::sin(at::arange(scores.numel(), at::kDouble)).view(scores.sizes()).to(at::kFloat);
  (at::softmax(scores, 1) * weights).sum().backward();
  for (const auto& [name, gradient] : truth.gradients) {
    if (gradient.abs().max().item<double>() > 1e-6) {
      EXPECT_LE(relativeError(parameters.tensors().get(name).grad().to(at::kDouble), gradient),
                2e-3)
          << name;
    }
  }
}

TEST(Training, EvaluationGivesWhatTheExecutorGives) {
  for (const Graph& graph : {nnunet(), lamp(models::LampUnetOptions::Norm::Batch)}) {
    const Shape shape{1, 1, {16, 16, 8}};
    const at::Tensor input = doubleNoise(shape).to(at::kFloat).to(at::kDouble);
    Parameters parameters = doubleParameters(graph);
    auto slabs =
        forward(graph, parameters, planFor(graph, shape, 1, true), input, Mode::Evaluation);
    ASSERT_TRUE(slabs) << slabs.error().message;
    const at::Tensor single = input.to(at::kFloat).contiguous();
    const std::vector<double> found =
        test::runPlan(graph,
                      parameters,
                      planFor(graph, shape, 2, false, DType::Float64),
                      {single.const_data_ptr<float>(), static_cast<std::size_t>(single.numel())})
            .scores;
    const at::Tensor truth = slabs->scores[0].detach()[0].permute({1, 2, 3, 0}).contiguous();
    const at::Tensor ours =
        at::tensor(at::ArrayRef<double>(found), at::kDouble).view(truth.sizes());
    EXPECT_LE(relativeError(ours, truth), 1e-12);
  }
}

TEST(Training, RefusesAnInputOfAnotherSizeThanThePlans) {
  const Graph graph = nnunet();
  Parameters parameters = doubleParameters(graph);
  const Plan plan = planFor(graph, {1, 1, {8, 8, 8}}, 1, true);
  EXPECT_FALSE(forward(graph, parameters, plan, doubleNoise({1, 1, {8, 8, 12}}), Mode::Training)
                   .has_value());
}

}  // namespace
}  // namespace argand::engine
