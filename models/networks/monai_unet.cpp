// SPDX-License-Identifier: Apache-2.0
#include "models/networks/monai_unet.h"

#include "core/base/assert.h"
#include "models/networks/cubic_conv.h"

#include <algorithm>
#include <string>

namespace argand::models {

namespace {

using engine::Graph;
using engine::NodeId;

class Builder {
 public:
  explicit Builder(const MonaiUnetOptions& options) : m_options(options) {}

  Graph run() {
    const NodeId input = m_graph.add("input", engine::InputOp{m_options.inputChannels});
    level(0, input, m_options.classes);
    return std::move(m_graph);
  }

 private:
  // One level and all below it; gives `out` channels.
  NodeId level(std::size_t n, NodeId x, std::int64_t out) {
    const std::string number = std::to_string(n);
    const std::int64_t channels = m_options.channels[n];
    const std::int64_t stride = m_options.strides[n];
    const NodeId skip = down("down" + number, x, channels, stride);
    const NodeId below = n + 2 < m_options.channels.size()
                             ? level(n + 1, skip, channels)
                             : down("bottom", skip, m_options.channels[n + 1], 1);
    const NodeId joined = m_graph.add("up" + number + ".concat", engine::ConcatOp{}, {skip, below});
    return up("up" + number, joined, out, stride, n == 0);
  }

  NodeId down(const std::string& name, NodeId x, std::int64_t out, std::int64_t stride) {
    if (m_options.units == 0) {
      return finished(name, conv(name + ".conv", x, out, m_options.kernel, stride));
    }
    return residual(name, x, out, stride, m_options.units, false);
  }

  NodeId up(const std::string& name, NodeId x, std::int64_t out, std::int64_t stride, bool last) {
    const std::int64_t padding = m_options.kernel / 2;
    engine::TransposedConvOp op;
    op.channels = out;
    op.kernel = {m_options.kernel, m_options.kernel, m_options.kernel};
    op.stride = {stride, stride, stride};
    op.padding = {padding, padding, padding};
    op.outputPadding = {stride - 1, stride - 1, stride - 1};
    x = m_graph.add(name + ".up", op, {x});
    if (last && m_options.units == 0) {
      return x;
    }
    x = finished(name, x);
    return m_options.units == 0 ? x : residual(name + ".unit", x, out, 1, 1, last);
  }

  NodeId conv(const std::string& name,
              NodeId x,
              std::int64_t out,
              std::int64_t kernel,
              std::int64_t stride) {
    return m_graph.add(name, cubicConv(out, kernel, stride, true), {x});
  }

  // Norm, dropout, activation.
  NodeId finished(const std::string& name, NodeId x) {
    if (m_options.norm == MonaiUnetOptions::Norm::Instance) {
      x = m_graph.add(name + ".norm", engine::InstanceNormOp{1e-5, false}, {x});
    } else {
      x = m_graph.add(name + ".norm", engine::BatchNormOp{}, {x});
    }
    if (m_options.dropout > 0.0) {
      x = m_graph.add(name + ".drop", engine::DropoutOp{m_options.dropout}, {x});
    }
    switch (m_options.activation) {
      case MonaiUnetOptions::Activation::PRelu:
        return m_graph.add(name + ".act", engine::PReluOp{}, {x});
      case MonaiUnetOptions::Activation::Relu:
        return m_graph.add(name + ".act", engine::LeakyReluOp{0.0}, {x});
      default:
        return m_graph.add(name + ".act", engine::LeakyReluOp{0.01}, {x});
    }
  }

  NodeId residual(const std::string& name,
                  NodeId x,
                  std::int64_t out,
                  std::int64_t stride,
                  std::int64_t units,
                  bool last) {
    NodeId shortcut = x;
    if (stride != 1 || m_graph.node(x).channels != out) {
      shortcut = conv(name + ".skip", x, out, stride == 1 ? 1 : m_options.kernel, stride);
    }
    for (std::int64_t n = 1; n <= units; ++n) {
      const std::string unit = fmt::format("{}.unit{}", name, n);
      x = conv(unit + ".conv", x, out, m_options.kernel, n == 1 ? stride : 1);
      x = last && n == units ? x : finished(unit, x);
    }
    return m_graph.add(name + ".add", engine::AddOp{}, {x, shortcut});
  }

  MonaiUnetOptions m_options;
  Graph m_graph;
};

}  // namespace

Result<void> MonaiUnetOptions::check() const {
  const auto wrong = [](std::string message) { return fail(ErrorCode::Usage, std::move(message)); };
  if (channels.size() < 2) {
    return wrong("a U-Net needs the channels of two levels or more");
  }
  if (strides.size() + 1 != channels.size()) {
    return wrong(fmt::format(
        "{} strides do not suit {} channels; there is one fewer", strides.size(), channels.size()));
  }
  if (kernel % 2 == 0) {
    return wrong(fmt::format("the kernel is odd, not {}", kernel));
  }
  return {};
}

Graph monaiUnet(const MonaiUnetOptions& options) {
  ARGAND_ASSERT(options.check().has_value());
  return Builder(options).run();
}

}  // namespace argand::models
