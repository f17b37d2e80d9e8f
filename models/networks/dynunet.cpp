// SPDX-License-Identifier: Apache-2.0
#include "models/networks/dynunet.h"

#include "core/base/assert.h"

#include <string>

namespace argand::models {

namespace {

using engine::Extent;
using engine::Graph;
using engine::NodeId;

constexpr Extent kOne{1, 1, 1};

DynUnetOptions filled(DynUnetOptions options) {
  if (options.kernels.empty()) {
    options.kernels.assign(options.channels.size(), {3, 3, 3});
  }
  if (options.strides.empty() && !options.channels.empty()) {
    options.strides.assign(options.channels.size(), {2, 2, 2});
    options.strides[0] = kOne;
  }
  return options;
}

class Builder {
 public:
  explicit Builder(const DynUnetOptions& options) : m_options(filled(options)) {}

  Graph run() {
    const std::size_t levels = m_options.channels.size();
    NodeId x = m_graph.add("input", engine::InputOp{m_options.inputChannels});
    std::vector<NodeId> skips;
    for (std::size_t n = 0; n < levels; ++n) {
      const std::string name = "down" + std::to_string(n);
      x = block(name, x, n, m_options.strides[n], m_options.residual);
      skips.push_back(x);
    }
    for (std::size_t n = levels - 1; n-- > 0;) {
      const std::string name = "up" + std::to_string(n);
      engine::TransposedConvOp up;
      up.channels = m_options.channels[n];
      up.kernel = m_options.strides[n + 1];
      up.stride = m_options.strides[n + 1];
      up.bias = m_options.transposedBias;
      x = m_graph.add(name + ".up", up, {x});
      x = m_graph.add(name + ".concat", engine::ConcatOp{}, {x, skips[n]});
      // The block that joins a skip has the kernel of the level below.
      x = block(name, x, n + 1, kOne, false, m_options.channels[n]);
    }
    conv("head", x, m_options.classes, kOne, kOne, true);
    return std::move(m_graph);
  }

 private:
  NodeId conv(const std::string& name,
              NodeId x,
              std::int64_t out,
              const Extent& kernel,
              const Extent& stride,
              bool bias = false) {
    engine::ConvOp op;
    op.channels = out;
    op.kernel = kernel;
    op.stride = stride;
    for (int axis = 0; axis < 3; ++axis) {
      op.padding[axis] = (kernel[axis] - stride[axis] + 1) / 2;
    }
    op.bias = bias;
    return m_graph.add(name, op, {x});
  }

  NodeId normed(const std::string& suffix, const std::string& name, NodeId x) {
    return m_graph.add(name + ".norm" + suffix, engine::InstanceNormOp{}, {x});
  }

  NodeId block(const std::string& name,
               NodeId x,
               std::size_t level,
               const Extent& stride,
               bool residual,
               std::int64_t channels = 0) {
    const std::int64_t out = channels == 0 ? m_options.channels[level] : channels;
    const Extent& kernel = m_options.kernels[level];
    NodeId shortcut = x;
    if (residual && (stride != kOne || m_graph.node(x).channels != out)) {
      shortcut = normed("3", name, conv(name + ".conv3", x, out, kOne, stride));
    }
    x = normed("1", name, conv(name + ".conv1", x, out, kernel, stride));
    x = m_graph.add(name + ".act1", engine::LeakyReluOp{0.01}, {x});
    x = normed("2", name, conv(name + ".conv2", x, out, kernel, kOne));
    if (residual) {
      x = m_graph.add(name + ".add", engine::AddOp{}, {x, shortcut});
    }
    return m_graph.add(name + ".act2", engine::LeakyReluOp{0.01}, {x});
  }

  DynUnetOptions m_options;
  Graph m_graph;
};

}  // namespace

Result<void> DynUnetOptions::check() const {
  const auto wrong = [](std::string message) { return fail(ErrorCode::Usage, std::move(message)); };
  if (channels.size() < 3) {
    return wrong("it needs the channels of three levels or more");
  }
  const DynUnetOptions all = filled(*this);
  if (all.kernels.size() != channels.size() || all.strides.size() != channels.size()) {
    return wrong(fmt::format("{} kernels and {} strides do not suit {} levels",
                             all.kernels.size(),
                             all.strides.size(),
                             channels.size()));
  }
  for (std::size_t n = 0; n < channels.size(); ++n) {
    for (int axis = 0; axis < 3; ++axis) {
      const std::int64_t kernel = all.kernels[n][axis];
      // A shortcut's kernel is 1.
      if (all.strides[n][axis] > (residual ? 2 : kernel + 1)) {
        return wrong(fmt::format("the stride {} of level {} is too large for a kernel of {}{}",
                                 toString(all.strides[n]),
                                 n,
                                 toString(all.kernels[n]),
                                 residual ? " with a residual" : ""));
      }
      if (kernel % 2 == 0) {
        return wrong(fmt::format("kernels are odd, not {}", toString(all.kernels[n])));
      }
    }
  }
  return {};
}

Graph dynUnet(const DynUnetOptions& options) {
  ARGAND_ASSERT(options.check().has_value());
  return Builder(options).run();
}

}  // namespace argand::models
