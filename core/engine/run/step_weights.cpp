// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/step_bytes.h"
#include "core/engine/run/kernels/kernels.h"
#include "core/engine/run/kernels/winograd.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/run/step_runner.h"

#include <ATen/ATen.h>

namespace argand::engine {

namespace {

at::ScalarType typeOf(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return at::kDouble;
    case DType::BFloat16:
      return at::kBFloat16;
    default:
      return at::kFloat;  // fp16 is computed in fp32
  }
}

// A copy of its own, so that it is charged to the device.
at::Tensor copied(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.defined() ? tensor.detach().to(type, false, true).contiguous() : at::Tensor();
}

template <typename T>
at::Tensor packedAs(const at::Tensor& weight, const ConvOp& conv, std::int64_t in) {
  const at::Tensor plain = weight.to(c10::CppTypeToScalarType<T>::value).contiguous();
  at::Tensor to = at::empty({kernels::packedElements<T>(conv, in)}, plain.scalar_type());
  kernels::packWeights(plain.const_data_ptr<T>(), conv, in, to.mutable_data_ptr<T>());
  return to;
}

at::Tensor packed(const at::Tensor& weight, const ConvOp& conv, std::int64_t in, DType dtype) {
  return dtype == DType::Float64 ? packedAs<double>(weight, conv, in)
                                 : packedAs<float>(weight, conv, in);
}

at::Tensor winogradWeights(const at::Tensor& weight, const ConvOp& conv, std::int64_t in) {
  const at::Tensor plain = weight.to(at::kFloat).contiguous();
  at::Tensor to = at::empty({winogradElements(conv.kernel.d, in, conv.channels)}, at::kFloat);
  kernels::packWinograd(plain.const_data_ptr<float>(),
                        conv.kernel.d,
                        in,
                        conv.channels,
                        to.mutable_data_ptr<float>());
  return to;
}

// A transposed convolution is a 1x1x1 one to every tap of every output channel.
StepWeights transposedWeights(const TransposedConvOp& up,
                              const at::Tensor& weight,
                              bool direct,
                              DType type) {
  const std::int64_t in = weight.size(0);
  const std::int64_t out = up.channels * up.kernel.voxels();
  const at::Tensor taps =
      weight.detach().permute({2, 3, 4, 1, 0}).reshape({out, in, 1, 1, 1}).contiguous();
  if (!direct) {
    return {copied(taps, typeOf(type)), {}};
  }
  ConvOp pointwise;
  pointwise.channels = out;
  pointwise.kernel = {1, 1, 1};
  return {packed(taps, pointwise, in, type), {}};
}

NormTable folded(const Parameters::Tensors& tensors, const Node& node, at::ScalarType wide) {
  const auto& norm = std::get<BatchNormOp>(node.op);
  const auto get = [&](std::string_view suffix) {
    return tensors.get(fmt::format("{}.{}", node.name, suffix)).detach().to(at::kDouble);
  };
  const at::Tensor scale = get("weight") * at::rsqrt(get("running_var") + norm.epsilon);
  const at::Tensor shift = get("bias") - get("running_mean") * scale;
  return {scale.to(wide, false, true), shift.to(wide, false, true)};
}

}  // namespace

DeviceWeights weightsFor(const Graph& graph,
                         const Program& program,
                         const std::vector<Shape>& shapes,
                         const Schedule& schedule,
                         DType dtype,
                         const Parameters& parameters,
                         int device,
                         const DeviceSpec& spec) {
  const Parameters::Tensors& tensors = parameters.tensors();
  const at::ScalarType wide = dtype == DType::Float64 ? at::kDouble : at::kFloat;
  DeviceWeights weights;
  for (StepId id = 0; id < static_cast<StepId>(program.steps.size()); ++id) {
    const Step& step = program.step(id);
    StepWeights& to = weights.steps.emplace_back();
    if (!schedule.takesPart(id, device)) {
      continue;
    }
    const Node& node = graph.node(step.node);
    const at::Tensor weight = tensors.get(node.name + ".weight");
    const ConvKernel kernel = convKernelOf(step, graph, shapes, dtype, spec);
    const bool direct = kernel == ConvKernel::Direct;
    const DType type = computeType(step, graph, shapes, dtype, spec);
    if (step.kind == Step::Kind::Conv) {
      const ConvOp conv = convolutionOf(node.op);
      const std::int64_t in = graph.node(node.inputs[0]).channels;
      // A linear layer's weight becomes that of a convolution of one voxel.
      const at::Tensor shaped = weight.detach().reshape(
          {conv.channels, in / conv.groups, conv.kernel.d, conv.kernel.h, conv.kernel.w});
      if (kernel == ConvKernel::Winograd) {
        to.weight = winogradWeights(shaped, conv, in);
      } else {
        to.weight = direct ? packed(shaped, conv, in, type)
                           : shaped.to(typeOf(type), false, true, at::MemoryFormat::ChannelsLast3d);
      }
      to.bias = copied(tensors.get(node.name + ".bias"), direct ? wide : typeOf(type));
    } else if (step.kind == Step::Kind::TransposedConv) {
      to = transposedWeights(std::get<TransposedConvOp>(node.op), weight, direct, type);
      to.bias = copied(tensors.get(node.name + ".bias"), wide);
    }
    for (const ReadList& reads : step.reads) {
      for (const Part& part : reads) {
        if (part.norm && std::holds_alternative<BatchNormOp>(graph.node(*part.norm).op) &&
            weights.folded.count(*part.norm) == 0) {
          weights.folded[*part.norm] = folded(tensors, graph.node(*part.norm), wide);
        }
        if (part.activation && part.activation->kind == Activation::Kind::PRelu) {
          const Node& prelu = graph.node(part.activation->node);
          weights.slopes[part.activation->node] = tensors.get(prelu.name + ".weight")
                                                      .detach()
                                                      .to(wide)
                                                      .expand({prelu.channels})
                                                      .clone();
        }
      }
    }
  }
  return weights;
}

}  // namespace argand::engine
