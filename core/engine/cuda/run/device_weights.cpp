// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/device_weights.h"

#include "core/engine/run/parameters_torch.h"

#include <ATen/ATen.h>

namespace argand::engine::cuda {

namespace {

NormTable foldedNorm(const Parameters::Tensors& tensors, const Node& node, at::ScalarType wide) {
  const auto get = [&](std::string_view suffix) {
    return tensors.get(fmt::format("{}.{}", node.name, suffix)).detach().to(at::kDouble);
  };
  const double epsilon = std::get<BatchNormOp>(node.op).epsilon;
  const at::Tensor scale = get("weight") * at::rsqrt(get("running_var") + epsilon);
  const at::Tensor shift = get("bias") - get("running_mean") * scale;
  return {scale.to(wide), shift.to(wide)};
}

at::Tensor placed(const at::Tensor& tensor, const at::Device& device, at::ScalarType type) {
  return tensor.defined() ? tensor.detach().to(type).contiguous().to(device) : at::Tensor();
}

}  // namespace

at::ScalarType torchType(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return at::kDouble;
    case DType::BFloat16:
      return at::kBFloat16;
    case DType::Float16:
      return at::kHalf;
    default:
      return at::kFloat;
  }
}

at::ScalarType wideType(DType dtype) {
  return dtype == DType::Float64 ? at::kDouble : at::kFloat;
}

DeviceTables tablesOn(const at::Device& device, const BackendRequest& request) {
  const Parameters::Tensors& tensors = request.parameters.tensors();
  const at::ScalarType wide = wideType(request.plan.dtype);
  DeviceTables tables;
  for (StepId id = 0; id < static_cast<StepId>(request.program.steps.size()); ++id) {
    const Step& step = request.program.step(id);
    StepWeights& to = tables.steps.emplace_back();
    if (!request.schedule.takesPart(id, request.device)) {
      continue;
    }
    const Node& node = request.graph.node(step.node);
    const at::ScalarType type = step.toConsumer ? wide : torchType(request.plan.dtype);
    const auto get = [&](std::string_view suffix) {
      return tensors.get(fmt::format("{}.{}", node.name, suffix));
    };
    if (step.kind == Step::Kind::Conv) {
      const ConvOp conv = convolutionOf(node.op);
      const std::int64_t in = request.graph.node(node.inputs[0]).channels;
      // A linear layer's weight becomes that of a convolution of one voxel.
      to.weight =
          get("weight")
              .detach()
              .to(type)
              .reshape(
                  {conv.channels, in / conv.groups, conv.kernel.d, conv.kernel.h, conv.kernel.w})
              .contiguous(at::MemoryFormat::ChannelsLast3d)
              .to(device);
      to.bias = placed(get("bias"), device, type);
    } else if (step.kind == Step::Kind::TransposedConv) {
      const at::Tensor weight = get("weight");
      to.weight =
          placed(weight.permute({0, 2, 3, 4, 1}).reshape({weight.size(0), -1}), device, type);
      to.bias = placed(get("bias"), device, type);
    }
    for (const ReadList& reads : step.reads) {
      for (const Part& part : reads) {
        if (part.norm) {
          const Node& norm = request.graph.node(*part.norm);
          if (std::holds_alternative<BatchNormOp>(norm.op)) {
            const NormTable table = foldedNorm(tensors, norm, wide);
            tables.folded[*part.norm] = {table.scale.to(device), table.shift.to(device)};
          } else {
            tables.affine[*part.norm] = {
                placed(tensors.get(norm.name + ".weight"), device, at::kDouble),
                placed(tensors.get(norm.name + ".bias"), device, at::kDouble)};
          }
        }
        if (part.activation && part.activation->kind == Activation::Kind::PRelu) {
          const Node& prelu = request.graph.node(part.activation->node);
          tables.slopes[part.activation->node] = placed(
              tensors.get(prelu.name + ".weight").detach().expand({prelu.channels}), device, wide);
        }
      }
    }
  }
  return tables;
}

}  // namespace argand::engine::cuda
