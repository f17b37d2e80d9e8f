// SPDX-License-Identifier: Apache-2.0
#include "core/engine/kernels.h"
#include "core/engine/parameters_torch.h"
#include "core/engine/step_runner.h"

#include <ATen/ATen.h>

namespace argand::engine {

namespace {

at::ScalarType typeOf(DType dtype) {
  return dtype == DType::Float32 ? at::kFloat : at::kDouble;
}

// A copy of its own, so that it is charged to the device.
at::Tensor copied(const at::Tensor& tensor, DType dtype) {
  return tensor.defined() ? tensor.detach().to(typeOf(dtype), false, true).contiguous()
                          : at::Tensor();
}

at::Tensor packed(const at::Tensor& weight, const ConvOp& conv, std::int64_t in, DType dtype) {
  const at::Tensor plain = weight.to(typeOf(dtype)).contiguous();
  if (dtype == DType::Float32) {
    at::Tensor to = at::empty({kernels::packedElements<float>(conv, in)}, at::kFloat);
    kernels::packWeights(plain.const_data_ptr<float>(), conv, in, to.mutable_data_ptr<float>());
    return to;
  }
  at::Tensor to = at::empty({kernels::packedElements<double>(conv, in)}, at::kDouble);
  kernels::packWeights(plain.const_data_ptr<double>(), conv, in, to.mutable_data_ptr<double>());
  return to;
}

// A transposed convolution is a 1x1x1 one to every tap of every output channel.
StepWeights transposedWeights(const TransposedConvOp& up,
                              const at::Tensor& weight,
                              bool direct,
                              DType dtype) {
  const std::int64_t in = weight.size(0);
  const std::int64_t out = up.channels * up.kernel.voxels();
  const at::Tensor taps =
      weight.detach().permute({2, 3, 4, 1, 0}).reshape({out, in, 1, 1, 1}).contiguous();
  if (!direct) {
    return {copied(taps, dtype), {}};
  }
  ConvOp pointwise;
  pointwise.channels = out;
  pointwise.kernel = {1, 1, 1};
  return {packed(taps, pointwise, in, dtype), {}};
}

NormTable folded(const Parameters::Tensors& tensors, const Node& node, DType dtype) {
  const auto& norm = std::get<BatchNormOp>(node.op);
  const auto get = [&](std::string_view suffix) {
    return tensors.get(fmt::format("{}.{}", node.name, suffix)).detach().to(at::kDouble);
  };
  const at::Tensor scale = get("weight") * at::rsqrt(get("running_var") + norm.epsilon);
  const at::Tensor shift = get("bias") - get("running_mean") * scale;
  return {scale.to(typeOf(dtype), false, true), shift.to(typeOf(dtype), false, true)};
}

}  // namespace

DeviceWeights weightsFor(const Graph& graph,
                         const Program& program,
                         const Plan& plan,
                         const Parameters& parameters,
                         int device) {
  const Parameters::Tensors& tensors = parameters.tensors();
  DeviceWeights weights;
  for (std::size_t n = 0; n < program.steps.size(); ++n) {
    const Step& step = program.steps[n];
    StepWeights& to = weights.steps.emplace_back();
    if (plan.steps[n].rows(device).count() == 0) {
      continue;
    }
    const Node& node = graph.node(step.node);
    const at::Tensor weight = tensors.get(node.name + ".weight");
    const bool direct = runsDirectly(step, graph, plan.dtype);
    if (step.kind == Step::Kind::Conv) {
      const auto& conv = std::get<ConvOp>(node.op);
      to.weight =
          direct ? packed(weight.detach(), conv, graph.node(node.inputs[0]).channels, plan.dtype)
                 : weight.detach().to(at::kFloat, false, true, at::MemoryFormat::ChannelsLast3d);
      to.bias = copied(tensors.get(node.name + ".bias"), plan.dtype);
    } else if (step.kind == Step::Kind::TransposedConv) {
      to = transposedWeights(std::get<TransposedConvOp>(node.op), weight, direct, plan.dtype);
      to.bias = copied(tensors.get(node.name + ".bias"), plan.dtype);
    }
    for (const ReadList& reads : step.reads) {
      for (const Part& part : reads) {
        if (part.norm && std::holds_alternative<BatchNormOp>(graph.node(*part.norm).op) &&
            weights.folded.count(*part.norm) == 0) {
          weights.folded[*part.norm] = folded(tensors, graph.node(*part.norm), plan.dtype);
        }
      }
    }
  }
  return weights;
}

}  // namespace argand::engine
