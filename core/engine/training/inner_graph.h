// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/edge.h>

#include <memory>
#include <utility>
#include <vector>

// Graphs that are differentiated by themselves, inside an operation of a larger one.
namespace argand::engine::autograd {

// Where such a graph begins: keeps the gradient that arrives for a value, and
// nothing of the value itself.
class Start {
 public:
  Start() = default;

  // The same memory without history, from which a new graph is recorded. As it is
  // where it needs no gradient.
  [[nodiscard]] at::Tensor cut(const at::Tensor& value);

  // What arrived; undefined where nothing did.
  [[nodiscard]] at::Tensor take();

 private:
  struct Sink;
  std::shared_ptr<Sink> m_sink;
};

// What may be differentiated later without the value's memory being kept.
[[nodiscard]] torch::autograd::Edge endOf(const at::Tensor& value);

// From `ends` with these gradients (undefined: none) back to where the graphs
// began. Both are empty afterwards.
void runBackward(std::vector<torch::autograd::Edge>& ends, std::vector<at::Tensor>& gradients);

// Adds `part`, in place where nothing else has the memory of one of both.
void addTo(at::Tensor& sum, at::Tensor part);

}  // namespace argand::engine::autograd
