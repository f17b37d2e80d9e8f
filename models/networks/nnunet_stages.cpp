// SPDX-License-Identifier: Apache-2.0
#include "models/networks/nnunet_stages.h"

#include <algorithm>

namespace argand::models::nnunet {

using engine::ConvOp;
using engine::Extent;
using engine::Graph;
using engine::NodeId;

Result<std::vector<std::int64_t>> perStage(std::vector<std::int64_t> values,
                                           std::size_t stages,
                                           std::int64_t fallback,
                                           std::string_view what) {
  constexpr std::int64_t kMost = 64;
  if (values.empty()) {
    values.assign(stages, fallback);
  }
  if (values.size() != stages) {
    return fail(ErrorCode::Usage,
                fmt::format("There are {} {} for {} stages.", values.size(), what, stages));
  }
  if (std::any_of(values.begin(), values.end(), [](auto n) { return n < 1 || n > kMost; })) {
    return fail(ErrorCode::Usage, fmt::format("The {} are from 1 to {} each.", what, kMost));
  }
  return values;
}

Result<NnunetStages> completed(NnunetStages stages, std::int64_t decoderConvs) {
  const std::size_t count = stages.channels.size();
  const auto wrong = [](std::string message) { return fail(ErrorCode::Usage, std::move(message)); };
  if (count < 2) {
    return wrong("A U-Net needs the channels of two stages or more.");
  }
  if (stages.kernels.empty()) {
    stages.kernels.assign(count, {3, 3, 3});
  }
  if (stages.strides.empty()) {
    stages.strides.assign(count, {2, 2, 2});
    stages.strides[0] = {1, 1, 1};
  }
  if (stages.kernels.size() != count || stages.strides.size() != count) {
    return wrong(fmt::format("There are {} kernels and {} strides for {} stages.",
                             stages.kernels.size(),
                             stages.strides.size(),
                             count));
  }
  constexpr std::int64_t kLargest = 63;
  constexpr std::int64_t kMostChannels = 1 << 16;
  for (std::size_t n = 0; n < count; ++n) {
    for (int axis = 0; axis < 3; ++axis) {
      const std::int64_t kernel = stages.kernels[n][axis];
      const std::int64_t stride = stages.strides[n][axis];
      if (kernel % 2 != 1 || kernel < 1 || kernel > kLargest || stride < 1 || stride > kLargest) {
        return wrong(fmt::format("Kernels are odd and strides from 1 to {}, not {} and {}.",
                                 kLargest,
                                 toString(stages.kernels[n]),
                                 toString(stages.strides[n])));
      }
    }
    if (stages.channels[n] < 1 || stages.channels[n] > kMostChannels) {
      return wrong(fmt::format("A stage cannot have {} channels.", stages.channels[n]));
    }
  }
  if (stages.inputChannels < 1 || stages.classes < 1) {
    return wrong("A network has an input channel and a class at least.");
  }
  if (stages.strides[0] != Extent{1, 1, 1}) {
    return wrong("The first stride is 1: nnU-Net's scores have the size of its input.");
  }
  ARGAND_ASSIGN(
      stages.decoderConvs,
      perStage(
          stages.decoderConvs, count - 1, decoderConvs, "numbers of convolutions of the decoder"));
  return stages;
}

ConvOp convolution(const NnunetStages& stages, std::size_t stage, const Extent& stride) {
  ConvOp conv;
  conv.channels = stages.channels[stage];
  conv.kernel = stages.kernels[stage];
  conv.stride = stride;
  conv.padding = {(conv.kernel.d - 1) / 2, (conv.kernel.h - 1) / 2, (conv.kernel.w - 1) / 2};
  conv.bias = stages.bias;
  return conv;
}

NodeId normed(Graph& graph,
              const NnunetStages& stages,
              const std::string& conv,
              const std::string& norm,
              NodeId x,
              const ConvOp& op) {
  x = graph.add(conv, op, {x});
  return graph.add(norm, engine::InstanceNormOp{stages.epsilon, stages.affine}, {x});
}

NodeId stacked(Graph& graph,
               const NnunetStages& stages,
               const std::string& name,
               NodeId x,
               std::size_t stage,
               const Extent& stride,
               std::int64_t count) {
  for (std::int64_t n = 1; n <= count; ++n) {
    const std::string block = fmt::format("{}.block{}", name, n);
    const ConvOp conv = convolution(stages, stage, n == 1 ? stride : Extent{1, 1, 1});
    x = normed(graph, stages, block + ".conv", block + ".norm", x, conv);
    x = graph.add(block + ".act", engine::LeakyReluOp{stages.slope}, {x});
  }
  return x;
}

void decode(Graph& graph, const NnunetStages& stages, const std::vector<NodeId>& skips) {
  NodeId x = skips.back();
  for (std::size_t n = skips.size() - 1; n-- > 0;) {
    const std::string name = fmt::format("decoder{}", n);
    engine::TransposedConvOp up;
    up.channels = stages.channels[n];
    up.kernel = stages.strides[n + 1];
    up.stride = stages.strides[n + 1];
    up.bias = stages.bias;
    x = graph.add(name + ".up", up, {x});
    x = graph.add(name + ".concat", engine::ConcatOp{}, {x, skips[n]});
    x = stacked(graph, stages, name, x, n, {1, 1, 1}, stages.decoderConvs[skips.size() - 2 - n]);
  }
  ConvOp head;
  head.channels = stages.classes;
  head.kernel = {1, 1, 1};
  head.padding = {0, 0, 0};
  graph.add("head", head, {x});
}

}  // namespace argand::models::nnunet
