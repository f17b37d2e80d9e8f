// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/inner_graph.h"

#include <ATen/ATen.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

namespace argand::engine::autograd {

using torch::autograd::Edge;
using torch::autograd::edge_list;
using torch::autograd::variable_list;

struct Start::Sink : torch::autograd::Node {
  variable_list apply(variable_list&& gradients) override {
    gradient = std::move(gradients[0]);
    return {};
  }

  at::Tensor gradient;
};

at::Tensor Start::cut(const at::Tensor& value) {
  if (!value.requires_grad()) {
    return value;
  }
  m_sink = std::make_shared<Sink>();
  at::Tensor begun = value.variable_data();
  torch::autograd::create_gradient_edge(begun, m_sink);
  return begun;
}

at::Tensor Start::take() {
  return m_sink ? std::move(m_sink->gradient) : at::Tensor();
}

Edge endOf(const at::Tensor& value) {
  return value.requires_grad() ? torch::autograd::impl::gradient_edge(value) : Edge();
}

namespace {

class OneThread {
 public:
  OneThread() { state().set_multithreading_enabled(false); }

  ~OneThread() { state().set_multithreading_enabled(m_before); }

  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  static c10::AutogradState& state() { return c10::AutogradState::get_tls_state(); }

  const bool m_before = state().get_multithreading_enabled();
};

}  // namespace

void runBackward(edge_list& ends, std::vector<at::Tensor>& gradients) {
  edge_list edges = std::exchange(ends, {});
  variable_list roots = std::exchange(gradients, {});
  for (std::size_t n = edges.size(); n-- > 0;) {
    if (!edges[n].is_valid() || !roots[n].defined()) {
      edges.erase(edges.begin() + static_cast<std::ptrdiff_t>(n));
      roots.erase(roots.begin() + static_cast<std::ptrdiff_t>(n));
    }
  }
  if (!edges.empty()) {
    // On this thread alone, whatever the device: Torch's own threads for GPUs are one for
    // all virtual devices of a GPU, and would wait for each other.
    const OneThread alone;
    torch::autograd::Engine::get_default_engine().execute(edges, roots, false, false, true, {});
  }
}

namespace {

bool isAlone(const at::Tensor& tensor) {
  return tensor.use_count() == 1 && tensor.storage().use_count() == 1 &&
         tensor.is_non_overlapping_and_dense();
}

}  // namespace

void addTo(at::Tensor& sum, at::Tensor part) {
  if (!part.defined()) {
    return;
  }
  if (!sum.defined()) {
    sum = std::move(part);
  } else if (isAlone(sum)) {
    sum.add_(part);
  } else if (isAlone(part)) {
    sum = part.add_(sum);
  } else {
    sum = sum + part;
  }
}

}  // namespace argand::engine::autograd
