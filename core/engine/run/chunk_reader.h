// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/run/kernels/kernels.h"
#include "core/engine/run/step_runner.h"

#include <map>

namespace argand::engine {

// Torch's name of a type of the kernels.
template <typename T>
[[nodiscard]] constexpr at::ScalarType scalarType() {
  if constexpr (std::is_same_v<T, double>) {
    return at::kDouble;
  } else if constexpr (std::is_same_v<T, kernels::BFloat16>) {
    return at::kBFloat16;
  } else if constexpr (std::is_same_v<T, kernels::Float16>) {
    return at::kHalf;
  } else {
    return at::kFloat;
  }
}

template <typename T>
[[nodiscard]] T* dataOf(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.mutable_data_ptr()) : nullptr;
}

// Reads rows of what a step reads for one device: concatenated along channels,
// with norm, activation and gate applied on the way. S is the type that
// activations are stored in.
template <typename S>
class ChunkReader {
  using A = kernels::Wide<S>;

 public:
  ChunkReader(RunContext& context, const DeviceWeights& weights, int device)
      : m_context(context), m_weights(weights), m_device(device) {}

  // Into (row, height, width, channel); rows outside the volume are zero.
  // `group` says whose pieces are this device's own.
  template <typename To>
  [[nodiscard]] Result<void> read(const StepGroup& group,
                                  const ReadList& reads,
                                  const Extent& size,
                                  const RowRange& rows,
                                  To* to);

  // Where the rows of one part lie, for a kernel that transforms what it reads by itself.
  struct Source {
    kernels::Transform<A> transform;
    std::vector<const S*> rows;  // null: outside the volume
  };

  [[nodiscard]] Source sourceOf(const StepGroup& group,
                                const Part& part,
                                std::int64_t depth,
                                const RowRange& rows);

  // Drops the tables of a norm whose source is gone.
  void forget(NodeId norm) { m_tables.erase(norm); }

 private:
  template <typename To>
  Result<void> readInput(const RowRange& rows, To* to, std::int64_t stride);
  [[nodiscard]] const S* rowAt(StepId source, int device, std::int64_t row) const;
  [[nodiscard]] kernels::Transform<A> transformOf(const Part& part);
  const NormTable& tableOf(const Part& part);
  [[nodiscard]] NormTable countedTable(const Part& part) const;

  RunContext& m_context;
  const DeviceWeights& m_weights;
  const int m_device;
  std::map<NodeId, NormTable> m_tables;      // of instance and group norms whose source is live
  std::map<StepId, std::vector<A>> m_gates;  // wide copies
};

}  // namespace argand::engine
