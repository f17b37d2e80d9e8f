// SPDX-License-Identifier: Apache-2.0
#include "core/train/optimizer.h"

#include "core/engine/run/parameters_torch.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace argand::train {

namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;
constexpr double kLongestGradient = 12.0;

constexpr const char* kFirst = "adam.first.";
constexpr const char* kSecond = "adam.second.";

double cosine(double from, double to, double share) {
  return to + (from - to) * (1.0 + std::cos(std::numbers::pi * share)) / 2.0;
}

// Kernels have more than one dimension; biases, scales and shifts have one.
bool decays(const at::Tensor& parameter) {
  return parameter.dim() > 1;
}

void shorten(std::map<std::string, at::Tensor>& gradients) {
  double squares = 0.0;
  for (const auto& [name, gradient] : gradients) {
    const double norm = gradient.norm().item<double>();
    squares += norm * norm;
  }
  const double length = std::sqrt(squares);
  if (length > kLongestGradient) {
    for (auto& [name, gradient] : gradients) {
      gradient.mul_(kLongestGradient / length);
    }
  }
}

}  // namespace

double oneCycleRate(double peak, std::int64_t step, std::int64_t steps) {
  constexpr double kUp = 0.3;
  const double start = peak / 25.0;
  const double end = start / 1e4;
  const double last = static_cast<double>(steps - 1);
  const double top = std::max(1.0, kUp * static_cast<double>(steps) - 1.0);
  const auto at = static_cast<double>(step);
  if (at <= top) {
    return cosine(start, peak, at / top);
  }
  return cosine(peak, end, (at - top) / std::max(1.0, last - top));
}

AdamW::AdamW(engine::Parameters& parameters, double weightDecay)
    : m_parameters(parameters), m_weightDecay(weightDecay) {
  for (const std::string& name : parameters.tensors().trainable) {
    const at::Tensor& parameter = parameters.tensors().byName.at(name);
    m_moments[name] = {at::zeros_like(parameter), at::zeros_like(parameter)};
  }
}

void AdamW::step(std::map<std::string, at::Tensor>& gradients, double rate) {
  const c10::NoGradGuard noGradients;
  shorten(gradients);
  ++m_steps;
  const double correction1 = 1.0 - std::pow(kBeta1, static_cast<double>(m_steps));
  const double correction2 = 1.0 - std::pow(kBeta2, static_cast<double>(m_steps));
  for (auto& [name, moments] : m_moments) {
    at::Tensor& parameter = m_parameters.tensors().byName.at(name);
    const at::Tensor& gradient = gradients.at(name);
    moments.first.mul_(kBeta1).add_(gradient, 1.0 - kBeta1);
    moments.second.mul_(kBeta2).addcmul_(gradient, gradient, 1.0 - kBeta2);
    if (decays(parameter)) {
      parameter.mul_(1.0 - rate * m_weightDecay);
    }
    const at::Tensor deviation = moments.second.sqrt().div_(std::sqrt(correction2)).add_(kEpsilon);
    parameter.addcdiv_(moments.first, deviation, -rate / correction1);
  }
}

void AdamW::store(engine::TensorFile& file) const {
  for (const auto& [name, moments] : m_moments) {
    file.tensors.push_back(storedTensor(kFirst + name, moments.first));
    file.tensors.push_back(storedTensor(kSecond + name, moments.second));
  }
}

Result<void> AdamW::restore(const engine::TensorFile& file, std::int64_t steps) {
  m_steps = steps;
  for (auto& [name, moments] : m_moments) {
    ARGAND_TRY(restoreTensor(file, kFirst + name, moments.first));
    ARGAND_TRY(restoreTensor(file, kSecond + name, moments.second));
  }
  return {};
}

engine::StoredTensor storedTensor(const std::string& name, const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  engine::StoredTensor stored{name, "F32", values.sizes().vec(), {}};
  stored.data.resize(static_cast<std::size_t>(values.nbytes()));
  if (!stored.data.empty()) {
    std::memcpy(stored.data.data(), values.const_data_ptr(), stored.data.size());
  }
  return stored;
}

Result<void> restoreTensor(const engine::TensorFile& file,
                           const std::string& name,
                           at::Tensor& tensor) {
  const engine::StoredTensor* stored = file.find(name);
  if (stored == nullptr || stored->dtype != "F32" || stored->shape != tensor.sizes().vec()) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("The checkpoint has no tensor '{}' of the shape that is needed.", name));
  }
  const c10::NoGradGuard noGradients;
  at::Tensor values = at::empty(stored->shape, at::kFloat);
  if (!stored->data.empty()) {
    std::memcpy(values.mutable_data_ptr(), stored->data.data(), stored->data.size());
  }
  tensor.copy_(values);
  return {};
}

}  // namespace argand::train
