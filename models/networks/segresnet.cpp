// SPDX-License-Identifier: Apache-2.0
#include "models/networks/segresnet.h"

#include "core/base/assert.h"
#include "models/networks/cubic_conv.h"

#include <string>

namespace argand::models {

namespace {

using engine::Graph;
using engine::NodeId;

class Builder {
 public:
  explicit Builder(const SegResNetOptions& options) : m_options(options) {}

  Graph run() {
    NodeId x = m_graph.add("input", engine::InputOp{m_options.inputChannels});
    x = conv("in.conv", x, m_options.width, 3, 1, false);
    if (m_options.dropout > 0.0) {
      x = m_graph.add("in.drop", engine::DropoutOp{m_options.dropout}, {x});
    }
    std::vector<NodeId> skips;
    for (std::size_t n = 0; n < m_options.down.size(); ++n) {
      const std::string name = "down" + std::to_string(n);
      x = n == 0 ? x : conv(name + ".conv", x, m_options.width << n, 3, 2, false);
      x = blocks(name, x, m_options.down[n]);
      skips.push_back(x);
    }
    for (std::size_t n = 0; n < m_options.up.size(); ++n) {
      const std::size_t level = m_options.up.size() - 1 - n;
      const std::string name = "up" + std::to_string(level);
      x = conv(name + ".conv", x, m_options.width << level, 1, 1, false);
      x = m_graph.add(name + ".upsample", engine::UpsampleOp{}, {x});
      x = m_graph.add(name + ".add", engine::AddOp{}, {x, skips[level]});
      x = blocks(name, x, m_options.up[n]);
    }
    x = normed("out.norm", "out.act", x);
    conv("out.conv", x, m_options.classes, 1, 1, true);
    return std::move(m_graph);
  }

 private:
  NodeId conv(const std::string& name,
              NodeId x,
              std::int64_t out,
              std::int64_t kernel,
              std::int64_t stride,
              bool bias) {
    return m_graph.add(name, cubicConv(out, kernel, stride, bias), {x});
  }

  NodeId normed(const std::string& norm, const std::string& activation, NodeId x) {
    x = m_graph.add(norm, engine::GroupNormOp{m_options.groups}, {x});
    return m_graph.add(activation, engine::LeakyReluOp{0.0}, {x});
  }

  NodeId blocks(const std::string& level, NodeId x, std::int64_t count) {
    const std::int64_t channels = m_graph.node(x).channels;
    for (std::int64_t n = 1; n <= count; ++n) {
      const std::string name = fmt::format("{}.block{}", level, n);
      const NodeId before = x;
      x = normed(name + ".norm1", name + ".act1", x);
      x = conv(name + ".conv1", x, channels, 3, 1, false);
      x = normed(name + ".norm2", name + ".act2", x);
      x = conv(name + ".conv2", x, channels, 3, 1, false);
      x = m_graph.add(name + ".add", engine::AddOp{}, {x, before});
    }
    return x;
  }

  SegResNetOptions m_options;
  Graph m_graph;
};

}  // namespace

Result<void> SegResNetOptions::check() const {
  constexpr std::size_t kDeepest = 8;
  const auto wrong = [](std::string message) { return fail(ErrorCode::Usage, std::move(message)); };
  if (down.size() < 2 || down.size() > kDeepest) {
    return wrong(fmt::format("it has from 2 to {} levels, not {}", kDeepest, down.size()));
  }
  if (up.size() + 1 != down.size()) {
    return wrong(fmt::format(
        "{} levels down go with {} up, not {}", down.size(), down.size() - 1, up.size()));
  }
  if (width % groups != 0) {
    return wrong(fmt::format("{} channels cannot be divided into {} groups", width, groups));
  }
  return {};
}

Graph segResNet(const SegResNetOptions& options) {
  ARGAND_ASSERT(options.check().has_value());
  return Builder(options).run();
}

}  // namespace argand::models
