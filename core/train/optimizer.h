// SPDX-License-Identifier: Apache-2.0
// Internal to the trainer: brings Torch in.
#pragma once

#include "core/engine/graph/safetensors.h"
#include "core/engine/run/parameters.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace argand::train {

// The rate of step `step` (0-based) of `steps`: up to `peak` over the first
// 30 % and down to nearly nothing, both on a cosine (Smith & Topin 2018; the
// bounds are those of PyTorch's OneCycleLR).
[[nodiscard]] double oneCycleRate(double peak, std::int64_t step, std::int64_t steps);

// AdamW (Loshchilov & Hutter 2019), betas 0.9 and 0.999, epsilon 1e-8. Weights
// decay, biases and norms do not. Gradients longer than 12 in all are scaled to
// that (as nnU-Net does). State is kept by the parameter's name.
class AdamW {
 public:
  AdamW(engine::Parameters& parameters, double weightDecay);

  // `gradients` by name; the parameters are changed in place.
  void step(std::map<std::string, at::Tensor>& gradients, double rate);

  void store(engine::TensorFile& file) const;
  [[nodiscard]] Result<void> restore(const engine::TensorFile& file, std::int64_t steps);

  [[nodiscard]] std::int64_t steps() const { return m_steps; }

 private:
  struct Moments {
    at::Tensor first;
    at::Tensor second;
  };

  engine::Parameters& m_parameters;
  double m_weightDecay;
  std::int64_t m_steps = 0;
  std::map<std::string, Moments> m_moments;
};

// A tensor as it is stored, in fp32, and back into a tensor of the same shape.
[[nodiscard]] engine::StoredTensor storedTensor(const std::string& name, const at::Tensor& tensor);
[[nodiscard]] Result<void> restoreTensor(const engine::TensorFile& file,
                                         const std::string& name,
                                         at::Tensor& tensor);

}  // namespace argand::train
