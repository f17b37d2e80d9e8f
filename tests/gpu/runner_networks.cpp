// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/runner_networks.h"

#include "core/engine/plan/planner.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/training/differentiable.h"
#include "models/networks/networks.h"
#include "tests/core/engine/run/odd_network.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace argand::gpu_check {

namespace {

using namespace engine;

constexpr const char* kConv =
    " kernel=3x3x3 stride=1x1x1 padding=1x1x1 dilation=1x1x1 groups=1 bias=1\n";
constexpr const char* kPointwise =
    " kernel=1x1x1 stride=1x1x1 padding=0x0x0 dilation=1x1x1 groups=1 bias=1\n";

// Every activation, pooling and up-sampling both ways, group norms with and without
// their own scale, and a gate of a squeeze and excitation on a sum.
std::string sampled() {
  return std::string("input = input() channels=2\na = conv(input) channels=8") + kConv +
         "gn = group_norm(a) groups=4 epsilon=1e-05 affine=1\n"
         "pr = prelu(gn) slopes=8\n"
         "low = pool(pr) max=1 kernel=3x2x3 stride=2x2x2 padding=1x0x1\n"
         "b = conv(low) channels=8" +
         kConv +
         "gm = group_norm(b) groups=1 epsilon=0.001 affine=0\n"
         "si = silu(gm)\n"
         "mean = pool(si) max=0 kernel=2x3x2 stride=2x2x2 padding=0x1x0\n"
         "c = conv(mean) channels=8" +
         kConv +
         "one = prelu(c) slopes=1\n"
         "tri = upsample(one) trilinear=1 factor=2x2x2\n"
         "both = add(tri,b)\n"
         "pooled = global_pool(both)\n"
         "squeezed = linear(pooled) channels=4 bias=1\n"
         "bent = leaky_relu(squeezed) slope=0\n"
         "excited = linear(bent) channels=8 bias=0\n"
         "gate = sigmoid(excited)\n"
         "gated = scale(both,gate)\n"
         "near = upsample(gated) trilinear=0 factor=2x2x2\n"
         "sg = sigmoid(pr)\n"
         "out = concat(near,sg)\n";
}

// Ends in what `last` makes of three classes.
Graph sampledTo(const std::string& last) {
  return valueOf(parseGraph(sampled() + "head = conv(out) channels=3" + kPointwise + last));
}

}  // namespace

std::vector<NetworkCase> networkCases() {
  const auto built = [](const char* text) { return valueOf(models::buildNetwork(text)); };
  return {{"lamp-unet", built("lamp-unet:n=8,depth=3,classes=4"), {1, 1, {48, 32, 32}}},
          {"lamp-unet, instance norm",
           built("lamp-unet:n=8,depth=2,classes=4,norm=instance"),
           {1, 1, {40, 16, 16}}},
          {"lamp-se-unet", built("lamp-se-unet:n=8,depth=2,classes=3"), {1, 1, {40, 16, 16}}},
          {"nnunet-plain", built("nnunet-plain:channels=8-16-24,classes=3"), {1, 1, {32, 12, 16}}},
          {"oddities", test::oddNetwork(BatchNormOp{}), {1, 2, {33, 8, 12}}},
          {"sampled", sampledTo(""), {1, 2, {40, 8, 12}}},
          {"softmax", sampledTo("end = softmax(head)\n"), {1, 2, {24, 8, 8}}},
          {"argmax", sampledTo("end = argmax(head)\n"), {1, 2, {24, 8, 8}}},
          {"an average", sampledTo("end = global_pool(head)\n"), {1, 2, {24, 8, 8}}}};
}

// Without statistics of its own a batch norm normalises nothing, and the values of a
// deep network leave what fp16 holds: one pass of training that takes them whole.
engine::Plan onGpus(engine::Plan plan, const engine::Graph& graph, int gpus) {
  std::vector<DeviceSpec> specs;
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    DeviceSpec spec = plan.devices[n].device;
    spec.kind = DeviceKind::Cuda;
    spec.index = static_cast<int>(n) % gpus;
    spec.name = fmt::format("cuda:{}/{}", spec.index, n);
    specs.push_back(spec);
  }
  return valueOf(adoptPlan(graph, std::move(plan), specs));
}

Parameters randomParameters(const NetworkCase& network) {
  const Graph& graph = network.graph;
  Parameters parameters = valueOf(Parameters::initialised(graph, 5));
  at::manual_seed(6);
  for (const at::Tensor& tensor : parameters.tensors().trainableTensors()) {
    tensor.data().add_(at::randn_like(tensor), 0.1);
  }
  PlanRequest request;
  request.input = network.input;
  request.devices = {{"cpu", DeviceKind::Cpu, 0, std::int64_t{1} << 40, 1}};
  request.training = true;
  const auto& [samples, channels, size] = network.input;
  const at::Tensor noise = at::randn({samples, channels, size.d, size.h, size.w});
  std::string text = graph.toText();
  for (std::size_t at = 0; (at = text.find("momentum=0.1", at)) != std::string::npos;) {
    text.replace(at, std::string("momentum=0.1").size(), "momentum=1");
  }
  const Graph whole = valueOf(parseGraph(text));
  const c10::NoGradGuard noGradients;
  valueOf(forward(whole, parameters, valueOf(makePlan(whole, request)), noise, Mode::Training));
  return parameters;
}

}  // namespace argand::gpu_check
