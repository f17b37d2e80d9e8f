// SPDX-License-Identifier: Apache-2.0
#include "models/networks/lamp_se_unet.h"

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
  explicit Builder(const LampSeUnetOptions& options) : m_options(options) {}

  Graph run() {
    const int depth = m_options.depth;
    NodeId x = m_graph.add("input", engine::InputOp{m_options.inputChannels});
    x = conv("in.conv", x, channels(0), 3, 2, false);
    x = activation("in", norm("in.norm", x));
    std::vector<NodeId> skips{x};
    for (int level = 1; level <= depth; ++level) {
      x = block("down" + std::to_string(level), x, channels(level), 2);
      skips.push_back(x);
    }
    for (int level = depth; level >= 1; --level) {
      const std::string name = "up" + std::to_string(level);
      engine::TransposedConvOp up;
      up.channels = channels(level - 1);
      x = m_graph.add(name + ".up", up, {x});
      const NodeId skip = skips[static_cast<std::size_t>(level - 1)];
      x = m_graph.add(name + ".concat", engine::ConcatOp{}, {x, skip});
      x = conv(name + ".mix", x, channels(level), 1, 1, true);
      x = block(name, x, channels(level - 1), 1);
    }
    engine::TransposedConvOp last;
    last.channels = std::clamp<std::int64_t>(m_options.width / 2, 1, 32);
    x = m_graph.add("out.up", last, {x});
    x = activation("out", x);
    conv("out.conv", x, m_options.classes, 3, 1, true);
    return std::move(m_graph);
  }

 private:
  std::int64_t channels(int level) const {
    return std::min<std::int64_t>(m_options.width << level, 1024);
  }

  NodeId conv(const std::string& name,
              NodeId x,
              std::int64_t out,
              std::int64_t kernel,
              std::int64_t stride,
              bool bias) {
    return m_graph.add(name, cubicConv(out, kernel, stride, bias), {x});
  }

  NodeId norm(const std::string& name, NodeId x) {
    if (m_options.norm == LampSeUnetOptions::Norm::Batch) {
      return m_graph.add(name, engine::BatchNormOp{}, {x});
    }
    return m_graph.add(name, engine::InstanceNormOp{}, {x});
  }

  NodeId activation(const std::string& name, NodeId x) {
    return m_graph.add(name + ".act", engine::LeakyReluOp{0.01}, {x});
  }

  NodeId block(const std::string& name, NodeId x, std::int64_t out, std::int64_t stride) {
    NodeId y = conv(name + ".conv", x, out, 3, stride, false);
    y = activation(name, norm(name + ".norm", y));
    y = conv(name + ".conv2", y, out, 3, 1, true);
    y = m_graph.add(name + ".scale", engine::ScaleOp{}, {y, gate(name + ".se", y, out)});
    const NodeId shortcut =
        norm(name + ".skip_norm", conv(name + ".skip", x, out, 1, stride, false));
    y = m_graph.add(name + ".add", engine::AddOp{}, {y, shortcut});
    return m_graph.add(name + ".act2", engine::LeakyReluOp{0.01}, {y});
  }

  NodeId gate(const std::string& name, NodeId x, std::int64_t out) {
    const std::int64_t squeezed = std::max<std::int64_t>(1, out / m_options.reduction);
    x = m_graph.add(name + ".pool", engine::GlobalPoolOp{}, {x});
    x = m_graph.add(name + ".squeeze", engine::LinearOp{squeezed}, {x});
    x = m_graph.add(name + ".relu", engine::LeakyReluOp{0.0}, {x});
    x = m_graph.add(name + ".excite", engine::LinearOp{out}, {x});
    return m_graph.add(name + ".sigmoid", engine::SigmoidOp{}, {x});
  }

  LampSeUnetOptions m_options;
  Graph m_graph;
};

}  // namespace

Graph lampSeUnet(const LampSeUnetOptions& options) {
  ARGAND_ASSERT(options.width >= 1 && options.classes >= 1 && options.inputChannels >= 1);
  ARGAND_ASSERT(options.depth >= 1 && options.depth <= 10 && options.reduction >= 1);
  return Builder(options).run();
}

}  // namespace argand::models
