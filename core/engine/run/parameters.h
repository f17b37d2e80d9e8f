// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"
#include "core/engine/graph/safetensors.h"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace argand::engine {

// The tensors of a network by layer name. Copies share the tensors; clone()
// does not. The tensors themselves: parameters_torch.h.
class Parameters {
 public:
  Parameters();
  ~Parameters();
  Parameters(const Parameters&);
  Parameters(Parameters&&) noexcept;
  Parameters& operator=(const Parameters&);
  Parameters& operator=(Parameters&&) noexcept;

  // Weights by Kaiming's normal rule (He et al. 2015: fan-in, gain of leaky
  // ReLU 0.01), biases and shifts 0, scales and variances 1,
  // learned slopes 0.25. Equal seeds give equal tensors.
  [[nodiscard]] static Result<Parameters> initialised(const Graph& graph, std::uint64_t seed);

  // Fails, naming the tensor, where one is missing, has another shape or is not a float type.
  [[nodiscard]] static Result<Parameters> fromFile(const Graph& graph, const TensorFile& file);
  [[nodiscard]] static Result<Parameters> load(const Graph& graph,
                                               const std::filesystem::path& path);

  [[nodiscard]] TensorFile toFile() const;  // in fp32
  [[nodiscard]] Result<void> save(const std::filesystem::path& path) const;

  [[nodiscard]] Parameters clone() const;

  struct Tensors;

  [[nodiscard]] Tensors& tensors() { return *m_tensors; }

  [[nodiscard]] const Tensors& tensors() const { return *m_tensors; }

 private:
  std::shared_ptr<Tensors> m_tensors;
};

}  // namespace argand::engine
