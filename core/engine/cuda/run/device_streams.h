// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/ops.h"

#include <ATen/core/Tensor.h>

#include <cuda_runtime_api.h>

#include <functional>

namespace argand::engine::cuda {

// The two queues of work of one device, used by its worker alone: one computes,
// one copies beside it. Failures of either, and of the budget, are thrown.
class DeviceStreams {
 public:
  virtual ~DeviceStreams() = default;

  [[nodiscard]] virtual at::Device device() const = 0;

  // What computes; also Torch's current stream on the worker.
  [[nodiscard]] virtual cudaStream_t compute() const = 0;

  // Host memory that copies may run from and to beside the computation.
  [[nodiscard]] virtual at::Tensor hostMemory(at::IntArrayRef sizes, at::ScalarType type) = 0;

  // A copy on this device of a dense tensor in memory of hostMemory(). The copy runs
  // beside what computes; what is queued from now on finds it done.
  [[nodiscard]] virtual at::Tensor fetch(const at::Tensor& from) = 0;

  // The same of a dense tensor of another device, whose contents are complete: `copy`
  // is given memory here and the queue that it puts the copy into.
  using Copy = std::function<void(std::byte* memory, cudaStream_t stream)>;
  [[nodiscard]] virtual at::Tensor receive(const at::Tensor& from, const Copy& copy) = 0;

  // Padded along height and width only. Channels-last, like `in` and `weight`.
  [[nodiscard]] virtual at::Tensor convolve(const at::Tensor& in,
                                            const at::Tensor& weight,
                                            const at::Tensor& bias,
                                            const ConvOp& conv) = 0;

  // Copies what is computed by then to host memory, beside what is queued later.
  virtual void store(const at::Tensor& from, const at::Tensor& to) = 0;

  // At the end of a task: waits where too many are queued, so that a stop is
  // followed soon.
  virtual void pace() = 0;

  // Waits until all that is queued is done.
  virtual void settle() = 0;
};

}  // namespace argand::engine::cuda
