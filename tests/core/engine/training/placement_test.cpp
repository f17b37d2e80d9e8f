// SPDX-License-Identifier: Apache-2.0
// Where tensors lie when a plan's devices are CUDA devices, told by the device Meta, whose
// tensors have a shape and a device alone.
#include "core/engine/training/placement.h"

#include "core/engine/plan/planner.h"
#include "core/engine/training/training_step.h"
#include "tests/core/engine/engine_support.h"
#include "tests/core/engine/training/fake_cuda.h"
#include "tests/core/engine/training/training_support.h"

#include <gmock/gmock.h>
#include <torch/library.h>

#include <optional>
#include <tuple>

namespace argand::engine {
namespace {

using ::testing::HasSubstr;

// Torch has these for this device in Python alone.
std::tuple<at::Tensor, at::Tensor> varMean(const at::Tensor& x,
                                           at::OptionalIntArrayRef /*axes*/,
                                           const std::optional<at::Scalar>& /*correction*/,
                                           bool /*keep*/) {
  return {at::empty({x.size(0), x.size(1)}, x.options()),
          at::empty({x.size(0), x.size(1)}, x.options())};
}

at::Tensor where(const at::Tensor& /*condition*/, const at::Tensor& x, const at::Tensor& /*y*/) {
  return at::empty_like(x);
}

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("where.self", where);
  library.impl("var_mean.correction", varMean);
}

Plan onCuda(Plan plan) {
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    plan.devices[n].device.kind = DeviceKind::Cuda;
    plan.devices[n].device.index = static_cast<int>(n);
  }
  return plan;
}

at::Tensor lossOf(const SlabScores& scores) {
  at::Tensor total;
  for (const at::Tensor& slab : scores.scores) {
    const at::Tensor part = at::softmax(slab, 1).square().sum();
    total = total.defined() ? total + part : part;
  }
  return total;
}

class Placed : public ::testing::Test {
 protected:
  void SetUp() override { setCudaFactory(test::fakeCuda<c10::DeviceType::Meta>()); }
};

// Without convolutions, maxima and prelu, which this device lacks; every other way that values go.
Graph withoutConvolutions() {
  return parseGraph(
             "input = input() channels=4\n"
             "bn = batch_norm(input) epsilon=1e-05 momentum=0.1\n"
             "act = leaky_relu(bn) slope=0.1\n"
             "low = pool(act) max=0 kernel=3x2x2 stride=2x2x2 padding=1x0x0\n"
             "gn = group_norm(low) groups=2 epsilon=1e-05 affine=1\n"
             "pr = silu(gn)\n"
             "mean = pool(pr) max=0 kernel=3x3x3 stride=1x1x1 padding=1x1x1\n"
             "pooled = global_pool(mean)\n"
             "squeezed = linear(pooled) channels=2 bias=1\n"
             "bent = leaky_relu(squeezed) slope=0\n"
             "excited = linear(bent) channels=4 bias=1\n"
             "gate = sigmoid(excited)\n"
             "gated = scale(mean,gate)\n"
             "up = upsample(gated) trilinear=1 factor=2x2x2\n"
             "both = concat(up,act)\n"
             "out = instance_norm(both) epsilon=1e-05 affine=1\n")
      .value();
}

TEST_F(Placed, EverythingOfAStepLiesOnTheDevicesOfThePlan) {
  const Shape shape{2, 4, {24, 8, 12}};
  const Graph graph = withoutConvolutions();
  for (const char* words : {"slabs,stored", "pipeline,stored"}) {
    PlanRequest request;
    request.input = shape;
    request.devices = test::devices(2, std::int64_t{1} << 34);
    request.training = true;
    request.words = words;
    request.microBatches = 2;
    const Plan stored = onCuda(makePlan(graph, request).value());
    for (const bool again : {false, true}) {
      SCOPED_TRACE(fmt::format("{}, recomputed: {}", words, again));
      Plan plan = stored;
      for (int together = 3; again && (together == 3 || !validate(plan, graph)); ++together) {
        plan = test::recomputed(stored, graph, together);
      }
      Parameters parameters = test::doubleParameters(graph);
      ASSERT_TRUE(placeParameters(graph, parameters, plan));
      const at::Tensor batch = test::doubleNoise(shape);
      const auto done =
          trainingStep(graph,
                       parameters,
                       microBatchesOf(batch, plan),
                       [](const SlabScores& scores, std::size_t) -> Result<at::Tensor> {
                         for (const at::Tensor& slab : scores.scores) {
                           EXPECT_TRUE(slab.is_meta());
                         }
                         return lossOf(scores);
                       });
      ASSERT_TRUE(done) << done.error().message;
      for (const auto& [name, tensor] : parameters.tensors().byName) {
        EXPECT_TRUE(tensor.is_meta()) << name;
        if (tensor.requires_grad()) {
          ASSERT_TRUE(tensor.grad().defined()) << name;
          EXPECT_TRUE(tensor.grad().is_meta()) << name;
          EXPECT_EQ(tensor.grad().sizes(), tensor.sizes()) << name;
        }
      }
    }
  }
}

TEST(Placement, OfADeviceThatIsNotThereIsRefused) {
  const auto refused =
      Placement::of({"sim:0", DeviceKind::Simulated, 0, std::int64_t{1} << 30, 1, "l40s"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("not there"));
}

TEST(Placement, SaysWhereAThreadWorksUntilItsScopeEnds) {
  setCudaFactory(test::fakeCuda<c10::DeviceType::CPU>());
  const Placement cuda =
      Placement::of({"cuda:0", DeviceKind::Cuda, 0, std::int64_t{1} << 30, 1}).value();
  Ledger ledger("cuda:0", 1 << 20, DeviceKind::Cuda);
  EXPECT_TRUE(onProcessor());
  {
    const auto there = cuda.enter(&ledger);
    EXPECT_FALSE(onProcessor());
    const auto back = Placement().enter(nullptr);
    EXPECT_TRUE(onProcessor());
    (void)at::empty({1000}, at::kFloat);
  }
  EXPECT_TRUE(onProcessor());
  EXPECT_GT(ledger.peakBytes(), 4000);
  EXPECT_EQ(ledger.liveBytes(), 0);
}

}  // namespace
}  // namespace argand::engine
