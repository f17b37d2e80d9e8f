// SPDX-License-Identifier: Apache-2.0
#include "models/networks/meshnet.h"

#include "core/base/assert.h"

#include <string>

namespace argand::models {

engine::Graph meshNet(const MeshNetOptions& options) {
  ARGAND_ASSERT(!options.dilations.empty());
  engine::Graph graph;
  engine::NodeId x = graph.add("input", engine::InputOp{options.inputChannels});
  for (std::size_t n = 0; n < options.dilations.size(); ++n) {
    const std::string name = "layer" + std::to_string(n + 1);
    const std::int64_t dilation = options.dilations[n];
    engine::ConvOp conv;
    conv.channels = options.channels;
    conv.padding = {dilation, dilation, dilation};
    conv.dilation = conv.padding;
    x = graph.add(name + ".conv", conv, {x});
    if (options.norm == MeshNetOptions::Norm::Batch) {
      x = graph.add(name + ".norm", engine::BatchNormOp{}, {x});
    }
    x = graph.add(name + ".act", engine::LeakyReluOp{0.0}, {x});
    if (options.dropout > 0.0) {
      x = graph.add(name + ".drop", engine::DropoutOp{options.dropout}, {x});
    }
  }
  engine::ConvOp head;
  head.channels = options.classes;
  head.kernel = {1, 1, 1};
  head.padding = {0, 0, 0};
  graph.add("head", head, {x});
  return graph;
}

}  // namespace argand::models
