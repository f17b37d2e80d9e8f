// SPDX-License-Identifier: Apache-2.0
#include "models/networks/nnunet_resenc.h"

namespace argand::models {

namespace {

using engine::ConvOp;
using engine::Extent;
using engine::Graph;
using engine::NodeId;

Result<NnunetResencOptions> completed(const NnunetResencOptions& options) {
  constexpr std::int64_t kBlocks[] = {1, 3, 4, 6};
  NnunetResencOptions all = options;
  ARGAND_ASSIGN(static_cast<NnunetStages&>(all), nnunet::completed(options, 1));
  for (std::size_t n = 0; options.blocks.empty() && n < all.channels.size(); ++n) {
    all.blocks.push_back(kBlocks[std::min<std::size_t>(n, 3)]);
  }
  ARGAND_ASSIGN(all.blocks,
                nnunet::perStage(all.blocks, all.channels.size(), 1, "numbers of blocks"));
  return all;
}

NodeId block(Graph& graph,
             const NnunetStages& stages,
             const std::string& name,
             NodeId x,
             std::size_t stage,
             const Extent& stride) {
  constexpr Extent kOne{1, 1, 1};
  const std::int64_t in = graph.node(x).channels;
  const ConvOp first = nnunet::convolution(stages, stage, stride);
  NodeId y = nnunet::normed(graph, stages, name + ".conv1", name + ".norm1", x, first);
  y = graph.add(name + ".act1", engine::LeakyReluOp{stages.slope}, {y});
  const ConvOp second = nnunet::convolution(stages, stage, kOne);
  y = nnunet::normed(graph, stages, name + ".conv2", name + ".norm2", y, second);
  if (stride != kOne) {
    engine::PoolOp pool;
    pool.kind = engine::PoolOp::Kind::Average;
    pool.kernel = stride;
    pool.stride = stride;
    x = graph.add(name + ".skip_pool", pool, {x});
  }
  if (in != stages.channels[stage]) {
    ConvOp project;
    project.channels = stages.channels[stage];
    project.kernel = kOne;
    project.padding = {0, 0, 0};
    project.bias = false;
    x = nnunet::normed(graph, stages, name + ".skip_conv", name + ".skip_norm", x, project);
  }
  y = graph.add(name + ".add", engine::AddOp{}, {y, x});
  return graph.add(name + ".act2", engine::LeakyReluOp{stages.slope}, {y});
}

}  // namespace

Result<void> NnunetResencOptions::check() const {
  ARGAND_TRY(completed(*this));
  return {};
}

Graph nnunetResenc(const NnunetResencOptions& options) {
  constexpr Extent kOne{1, 1, 1};
  const NnunetResencOptions all = completed(options).value();
  Graph graph;
  NodeId x = graph.add("input", engine::InputOp{all.inputChannels});
  x = nnunet::stacked(graph, all, "stem", x, 0, kOne, 1);
  std::vector<NodeId> skips;
  for (std::size_t stage = 0; stage < all.channels.size(); ++stage) {
    for (std::int64_t n = 1; n <= all.blocks[stage]; ++n) {
      x = block(graph,
                all,
                fmt::format("encoder{}.block{}", stage, n),
                x,
                stage,
                n == 1 ? all.strides[stage] : kOne);
    }
    skips.push_back(x);
  }
  nnunet::decode(graph, all, skips);
  return graph;
}

}  // namespace argand::models
