// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/cuda/run/device_labels.h"
#include "core/engine/cuda/run/device_reader.h"

#include <optional>

namespace argand::engine::cuda {

// Does the tasks of a device whose memory is not the processor's: queues them, and
// waits for them at the end of each group.
class DeviceRunner final : public StepRunner {
 public:
  DeviceRunner(RunContext& context,
               const DeviceTables& tables,
               int device,
               std::unique_ptr<DeviceStreams> streams);
  ~DeviceRunner() override;
  DeviceRunner(const DeviceRunner&) = delete;
  DeviceRunner& operator=(const DeviceRunner&) = delete;

  Result<void> run(const StepGroup& group, const Task& task) override;
  void finish(const StepGroup& group) override;

 private:
  // Everything about the task at hand.
  struct Now {
    const StepGroup& group;
    const Task& task;
    const Step& step;
    const Node& node;
    Shape in;
    Shape out;
  };

  Result<at::Tensor> compute(const Now& now);
  Result<at::Tensor> convolve(const Now& now);
  Result<at::Tensor> transpose(const Now& now);
  Result<at::Tensor> add(const Now& now);
  Result<at::Tensor> sample(const Now& now);
  Result<at::Tensor> resize(const Now& now);
  [[nodiscard]] at::Tensor rowMeans(const at::Tensor& rows);
  [[nodiscard]] at::Tensor labels(const at::Tensor& scores);

  [[nodiscard]] RowRange computed(const Now& now) const;
  [[nodiscard]] at::Tensor emptyRows(const Now& now, std::int64_t rows, at::ScalarType type) const;
  void keep(const Now& now, const at::Tensor& result);
  [[nodiscard]] at::Tensor momentsOf(const at::Tensor& rows);
  Result<void> handOver(const Now& now, const at::Tensor& scores);
  void drop(const PieceRef& piece);

  const StepWeights& weightsOf(const Now& now) const {
    return m_tables.steps[static_cast<std::size_t>(now.task.step)];
  }

  Slab& slabOf(StepId id) {
    return m_context.activations[static_cast<std::size_t>(id)]
        .slabs[static_cast<std::size_t>(m_device)];
  }

  RunContext& m_context;
  const DeviceTables& m_tables;
  const int m_device;
  std::unique_ptr<DeviceStreams> m_streams;
  DeviceReader m_reader;
  std::optional<DeviceLabels> m_labels;  // where labels are wanted, not scores
  std::int64_t m_spilledBytes = 0;
};

}  // namespace argand::engine::cuda
