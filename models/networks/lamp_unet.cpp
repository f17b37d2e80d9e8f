// SPDX-License-Identifier: Apache-2.0
#include "models/networks/lamp_unet.h"

#include "core/base/assert.h"
#include "models/networks/cubic_conv.h"

#include <algorithm>
#include <string>
#include <vector>

namespace argand::models {

namespace {

using engine::Graph;
using engine::NodeId;

class Builder {
 public:
  explicit Builder(const LampUnetOptions& options) : m_options(options) {}

  Graph run() {
    const int depth = m_options.depth;
    NodeId x = m_graph.add("input", engine::InputOp{m_options.inputChannels});
    x = strided("in", x, channels(0));
    std::vector<NodeId> skips{x};
    for (int level = 1; level <= depth; ++level) {
      const std::string name = "down" + std::to_string(level);
      x = strided(name, x, channels(level));
      x = conv(name + ".conv2", x, channels(level), 3, true);
      skips.push_back(x);
    }
    for (int level = depth; level >= 1; --level) {
      x = up(level, x, skips[static_cast<std::size_t>(level - 1)]);
    }
    engine::TransposedConvOp last;
    last.channels = std::min<std::int64_t>(std::max<std::int64_t>(1, m_options.width / 2), 32);
    x = m_graph.add("out.up", last, {x});
    x = activation("out", x);
    conv("out.conv", x, m_options.classes, 3, true);
    return std::move(m_graph);
  }

 private:
  std::int64_t channels(int level) const {
    return std::min<std::int64_t>(m_options.width << level, 1024);
  }

  NodeId conv(const std::string& name, NodeId x, std::int64_t out, int kernel, bool bias) {
    return m_graph.add(name, cubicConv(out, kernel, 1, bias), {x});
  }

  NodeId activation(const std::string& name, NodeId x) {
    return m_graph.add(name + ".act", engine::LeakyReluOp{0.01}, {x});
  }

  NodeId normed(const std::string& name, NodeId x) {
    if (m_options.norm == LampUnetOptions::Norm::Batch) {
      x = m_graph.add(name + ".norm", engine::BatchNormOp{}, {x});
    } else {
      x = m_graph.add(name + ".norm", engine::InstanceNormOp{}, {x});
    }
    return activation(name, x);
  }

  NodeId strided(const std::string& name, NodeId x, std::int64_t out) {
    engine::ConvOp op;
    op.channels = out;
    op.stride = {2, 2, 2};
    op.bias = false;
    return normed(name, m_graph.add(name + ".conv", op, {x}));
  }

  NodeId up(int level, NodeId x, NodeId skip) {
    const std::string name = "up" + std::to_string(level);
    engine::TransposedConvOp op;
    op.channels = channels(level - 1);
    x = m_graph.add(name + ".up", op, {x});
    x = m_graph.add(name + ".concat", engine::ConcatOp{}, {x, skip});
    x = conv(name + ".mix", x, channels(level), 1, true);
    x = conv(name + ".conv", x, channels(level - 1), 3, false);
    x = normed(name, x);
    return conv(name + ".conv2", x, channels(level - 1), 3, true);
  }

  LampUnetOptions m_options;
  Graph m_graph;
};

}  // namespace

Graph lampUnet(const LampUnetOptions& options) {
  ARGAND_ASSERT(options.width >= 1 && options.classes >= 1 && options.inputChannels >= 1);
  ARGAND_ASSERT(options.depth >= 1 && options.depth <= 10);
  return Builder(options).run();
}

}  // namespace argand::models
