// SPDX-License-Identifier: Apache-2.0
#include "models/networks/nnunet_plain.h"

#include "core/base/assert.h"

#include <string>

namespace argand::models {

namespace {

using engine::Graph;
using engine::NodeId;

NodeId block(Graph& graph, const std::string& name, NodeId x, std::int64_t channels, int stride) {
  engine::ConvOp conv;
  conv.channels = channels;
  conv.stride = {stride, stride, stride};
  x = graph.add(name + ".conv", conv, {x});
  x = graph.add(name + ".norm", engine::InstanceNormOp{}, {x});
  return graph.add(name + ".act", engine::LeakyReluOp{0.01}, {x});
}

NodeId stage(Graph& graph, const std::string& name, NodeId x, std::int64_t channels, int stride) {
  x = block(graph, name + ".block1", x, channels, stride);
  return block(graph, name + ".block2", x, channels, 1);
}

}  // namespace

Graph nnunetPlain(const NnunetPlainOptions& options) {
  ARGAND_ASSERT(!options.channels.empty());
  const int stages = static_cast<int>(options.channels.size());
  const auto channels = [&](int n) { return options.channels[static_cast<std::size_t>(n)]; };
  Graph graph;
  NodeId x = graph.add("input", engine::InputOp{options.inputChannels});
  std::vector<NodeId> skips;
  for (int n = 0; n < stages; ++n) {
    x = stage(graph, "encoder" + std::to_string(n), x, channels(n), n == 0 ? 1 : 2);
    skips.push_back(x);
  }
  for (int n = stages - 2; n >= 0; --n) {
    const std::string name = "decoder" + std::to_string(n);
    engine::TransposedConvOp up;
    up.channels = channels(n);
    x = graph.add(name + ".up", up, {x});
    x = graph.add(name + ".concat", engine::ConcatOp{}, {x, skips[static_cast<std::size_t>(n)]});
    x = stage(graph, name, x, channels(n), 1);
  }
  engine::ConvOp head;
  head.channels = options.classes;
  head.kernel = {1, 1, 1};
  head.padding = {0, 0, 0};
  graph.add("head", head, {x});
  return graph;
}

}  // namespace argand::models
