// SPDX-License-Identifier: Apache-2.0
#include "tests/core/engine/training/plain_network.h"

#include <stdexcept>

namespace argand::engine::test {

namespace {

std::vector<std::int64_t> list(const Extent& extent) {
  return {extent.d, extent.h, extent.w};
}

std::optional<at::Tensor> given(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

class Plain {
 public:
  Plain(const Parameters& parameters, const Node& node, bool training)
      : m_parameters(parameters), m_node(node), m_training(training) {}

  using Inputs = std::vector<at::Tensor>;

  at::Tensor operator()(const ConvOp& op, const Inputs& x) const {
    return at::conv3d(x[0],
                      get("weight"),
                      given(get("bias")),
                      list(op.stride),
                      list(op.padding),
                      list(op.dilation),
                      op.groups);
  }

  at::Tensor operator()(const TransposedConvOp& op, const Inputs& x) const {
    return at::conv_transpose3d(x[0],
                                get("weight"),
                                given(get("bias")),
                                list(op.stride),
                                list(op.padding),
                                list(op.outputPadding));
  }

  at::Tensor operator()(const InstanceNormOp& op, const Inputs& x) const {
    return at::instance_norm(
        x[0], given(get("weight")), given(get("bias")), {}, {}, true, 0.1, op.epsilon, false);
  }

  at::Tensor operator()(const BatchNormOp& op, const Inputs& x) const {
    return at::batch_norm(x[0],
                          get("weight"),
                          get("bias"),
                          get("running_mean").clone(),
                          get("running_var").clone(),
                          m_training,
                          op.momentum,
                          op.epsilon,
                          false);
  }

  at::Tensor operator()(const GroupNormOp& op, const Inputs& x) const {
    return at::group_norm(
        x[0], op.groups, given(get("weight")), given(get("bias")), op.epsilon, false);
  }

  at::Tensor operator()(const LeakyReluOp& op, const Inputs& x) const {
    return at::leaky_relu(x[0], op.slope);
  }

  at::Tensor operator()(const PReluOp&, const Inputs& x) const {
    return at::prelu(x[0], get("weight"));
  }

  at::Tensor operator()(const SiluOp&, const Inputs& x) const { return x[0] * at::sigmoid(x[0]); }

  at::Tensor operator()(const SigmoidOp&, const Inputs& x) const { return at::sigmoid(x[0]); }

  at::Tensor operator()(const PoolOp& op, const Inputs& x) const {
    return op.kind == PoolOp::Kind::Max
               ? at::max_pool3d(x[0], list(op.kernel), list(op.stride), list(op.padding))
               : at::avg_pool3d(x[0], list(op.kernel), list(op.stride), list(op.padding));
  }

  at::Tensor operator()(const UpsampleOp& op, const Inputs& x) const {
    const std::vector<std::int64_t> size{
        x[0].size(2) * op.factor.d, x[0].size(3) * op.factor.h, x[0].size(4) * op.factor.w};
    return op.kind == UpsampleOp::Kind::Trilinear ? at::upsample_trilinear3d(x[0], size, false)
                                                  : at::upsample_nearest3d(x[0], size);
  }

  at::Tensor operator()(const GlobalPoolOp&, const Inputs& x) const {
    return at::adaptive_avg_pool3d(x[0], {1, 1, 1});
  }

  at::Tensor operator()(const LinearOp&, const Inputs& x) const {
    const at::Tensor y = at::linear(x[0].flatten(1), get("weight"), given(get("bias")));
    return y.view({y.size(0), y.size(1), 1, 1, 1});
  }

  at::Tensor operator()(const ScaleOp&, const Inputs& x) const { return x[0] * x[1]; }

  at::Tensor operator()(const AddOp&, const Inputs& x) const {
    at::Tensor sum = x[0];
    for (std::size_t n = 1; n < x.size(); ++n) {
      sum = sum + x[n];
    }
    return sum;
  }

  at::Tensor operator()(const ConcatOp&, const Inputs& x) const { return at::cat(x, 1); }

  at::Tensor operator()(const SoftmaxOp&, const Inputs& x) const { return at::softmax(x[0], 1); }

  template <typename Other>
  at::Tensor operator()(const Other&, const Inputs&) const {
    throw std::logic_error("the plain network lacks '" + m_node.name + "'");
  }

 private:
  at::Tensor get(const char* suffix) const {
    return m_parameters.tensors().get(m_node.name + "." + suffix);
  }

  const Parameters& m_parameters;
  const Node& m_node;
  bool m_training;
};

}  // namespace

at::Tensor plainNetwork(const Graph& graph,
                        const Parameters& parameters,
                        const at::Tensor& input,
                        bool training) {
  std::vector<at::Tensor> values{input};
  for (NodeId id = 1; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    std::vector<at::Tensor> inputs;
    for (const NodeId read : node.inputs) {
      inputs.push_back(values[static_cast<std::size_t>(read)]);
    }
    const Plain plain(parameters, node, training);
    values.push_back(std::visit([&](const auto& op) { return plain(op, inputs); }, node.op));
  }
  return values.back();
}

Parameters doubleParameters(const Graph& graph) {
  Parameters parameters = *Parameters::initialised(graph, 11);
  at::manual_seed(5);
  auto& tensors = parameters.tensors();
  for (const ParameterSpec& spec : graph.parameters()) {
    at::Tensor& tensor = tensors.byName[spec.name];
    tensor = tensor.to(at::kDouble);
    if (spec.role != ParameterRole::Weight) {
      tensor = tensor + 0.2 * at::rand_like(tensor);
    }
    tensor.set_requires_grad(spec.trainable());
  }
  return parameters;
}

at::Tensor doubleNoise(const Shape& shape) {
  at::manual_seed(3);
  return at::randn({shape.samples, shape.channels, shape.size.d, shape.size.h, shape.size.w},
                   at::kDouble);
}

}  // namespace argand::engine::test
