// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/parameters.h"

#include "core/base/text.h"
#include "core/engine/run/parameters_torch.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>

namespace argand::engine {

namespace {

// Inputs that one output is summed from.
std::int64_t fanIn(const Graph& graph, const ParameterSpec& spec) {
  const Node& node = graph.node(spec.node);
  const std::int64_t in = graph.node(node.inputs[0]).channels;
  if (const auto* conv = std::get_if<ConvOp>(&node.op)) {
    return in / conv->groups * conv->kernel.voxels();
  }
  if (std::holds_alternative<LinearOp>(node.op)) {
    return in;
  }
  const auto& up = std::get<TransposedConvOp>(node.op);
  return std::max<std::int64_t>(1, in * up.kernel.voxels() / up.stride.voxels());
}

at::Tensor initialValue(const Graph& graph, const ParameterSpec& spec, at::Generator& generator) {
  switch (spec.role) {
    case ParameterRole::Weight: {
      constexpr double kSlope = 0.01;
      const double gain = std::sqrt(2.0 / (1.0 + kSlope * kSlope));
      const double deviation = gain / std::sqrt(static_cast<double>(fanIn(graph, spec)));
      return at::randn(spec.shape, generator, at::kFloat).mul_(deviation);
    }
    case ParameterRole::Slope:
      return at::full(spec.shape, 0.25, at::kFloat);
    case ParameterRole::Scale:
    case ParameterRole::RunningVariance:
      return at::ones(spec.shape, at::kFloat);
    default:
      return at::zeros(spec.shape, at::kFloat);
  }
}

std::optional<at::ScalarType> typeOf(std::string_view dtype) {
  if (dtype == "F32") {
    return at::kFloat;
  }
  if (dtype == "F64") {
    return at::kDouble;
  }
  if (dtype == "F16") {
    return at::kHalf;
  }
  if (dtype == "BF16") {
    return at::kBFloat16;
  }
  return std::nullopt;
}

std::string shapeText(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<at::Tensor> tensorOf(const TensorFile& file, const ParameterSpec& spec) {
  const StoredTensor* stored = file.find(spec.name);
  if (stored == nullptr) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The weights lack the tensor '{}' of this network.", spec.name));
  }
  if (stored->shape != spec.shape) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The tensor '{}' of the weights is {}, this network needs {}.",
                            spec.name,
                            shapeText(stored->shape),
                            shapeText(spec.shape)));
  }
  const auto type = typeOf(stored->dtype);
  if (!type) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The tensor '{}' of the weights is of type {}; a floating type is "
                            "needed.",
                            spec.name,
                            stored->dtype));
  }
  at::Tensor tensor = at::empty(spec.shape, *type);
  if (!stored->data.empty()) {
    std::memcpy(tensor.mutable_data_ptr(), stored->data.data(), stored->data.size());
  }
  return tensor.to(at::kFloat);
}

}  // namespace

at::Tensor Parameters::Tensors::get(const std::string& name) const {
  const auto found = byName.find(name);
  return found == byName.end() ? at::Tensor() : found->second;
}

std::vector<at::Tensor> Parameters::Tensors::trainableTensors() const {
  std::vector<at::Tensor> tensors;
  for (const std::string& name : trainable) {
    tensors.push_back(byName.at(name));
  }
  return tensors;
}

Parameters::Parameters() : m_tensors(std::make_shared<Tensors>()) {}

Parameters::~Parameters() = default;
Parameters::Parameters(const Parameters&) = default;
Parameters::Parameters(Parameters&&) noexcept = default;
Parameters& Parameters::operator=(const Parameters&) = default;
Parameters& Parameters::operator=(Parameters&&) noexcept = default;

Result<Parameters> Parameters::initialised(const Graph& graph, std::uint64_t seed) {
  return guarded(ErrorCode::Internal, "making a network's first weights", [&] {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    Parameters parameters;
    for (const ParameterSpec& spec : graph.parameters()) {
      parameters.m_tensors->byName[spec.name] = initialValue(graph, spec, generator);
      if (spec.trainable()) {
        parameters.m_tensors->trainable.push_back(spec.name);
      }
    }
    return parameters;
  });
}

Result<Parameters> Parameters::fromFile(const Graph& graph, const TensorFile& file) {
  return guarded(ErrorCode::InputRefused, "reading weights", [&]() -> Result<Parameters> {
    Parameters parameters;
    for (const ParameterSpec& spec : graph.parameters()) {
      ARGAND_ASSIGN(at::Tensor tensor, tensorOf(file, spec));
      parameters.m_tensors->byName[spec.name] = std::move(tensor);
      if (spec.trainable()) {
        parameters.m_tensors->trainable.push_back(spec.name);
      }
    }
    for (const StoredTensor& stored : file.tensors) {
      if (parameters.m_tensors->byName.count(stored.name) == 0) {
        return fail(ErrorCode::InputRefused,
                    fmt::format("The weights have a tensor '{}' that this network lacks; they "
                                "belong to another one.",
                                stored.name));
      }
    }
    return parameters;
  });
}

Result<Parameters> Parameters::load(const Graph& graph, const std::filesystem::path& path) {
  ARGAND_ASSIGN(const TensorFile file, readTensorFile(path));
  auto parameters = fromFile(graph, file);
  if (!parameters) {
    return fail(parameters.error().code,
                fmt::format("{}: {}", displayed(path), parameters.error().message));
  }
  return parameters;
}

TensorFile Parameters::toFile() const {
  TensorFile file;
  for (const auto& [name, tensor] : m_tensors->byName) {
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    StoredTensor stored;
    stored.name = name;
    stored.dtype = "F32";
    stored.shape = values.sizes().vec();
    stored.data.resize(static_cast<std::size_t>(values.nbytes()));
    if (!stored.data.empty()) {
      std::memcpy(stored.data.data(), values.const_data_ptr(), stored.data.size());
    }
    file.tensors.push_back(std::move(stored));
  }
  return file;
}

Result<void> Parameters::save(const std::filesystem::path& path) const {
  return writeTensorFile(path, toFile());
}

Parameters Parameters::clone() const {
  Parameters copy;
  copy.m_tensors->trainable = m_tensors->trainable;
  for (const auto& [name, tensor] : m_tensors->byName) {
    copy.m_tensors->byName[name] =
        tensor.detach().clone().set_requires_grad(tensor.requires_grad());
  }
  return copy;
}

}  // namespace argand::engine
