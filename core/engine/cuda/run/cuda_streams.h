// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/cuda/run/charges.h"
#include "core/engine/cuda/run/device_streams.h"

#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <deque>
#include <set>

namespace argand::engine::cuda {

// Two streams of one GPU. While this lives, the stream that computes is Torch's
// current one on this thread, and what the thread allocates there is charged.
class CudaStreams final : public DeviceStreams {
 public:
  CudaStreams(c10::DeviceIndex device, Ledger& ledger);
  ~CudaStreams() override;

  [[nodiscard]] at::Device device() const override { return m_compute.device(); }

  [[nodiscard]] cudaStream_t compute() const override { return m_compute.stream(); }

  [[nodiscard]] at::Tensor hostMemory(at::IntArrayRef sizes, at::ScalarType type) override;
  [[nodiscard]] at::Tensor fetch(const at::Tensor& from) override;
  void store(const at::Tensor& from, const at::Tensor& to) override;
  void pace() override;
  void settle() override;

 private:
  void meet(c10::DeviceIndex peer);
  void checkBudget() const;

  ChargeScope m_charges;
  c10::cuda::CUDAStream m_compute;
  c10::cuda::CUDAStream m_copy;
  c10::cuda::CUDAStreamGuard m_guard;
  std::set<c10::DeviceIndex> m_peers;  // whose memory is read directly where that is possible
  std::deque<c10::cuda::CUDAEvent> m_queued;  // the end of each task that may still run
};

}  // namespace argand::engine::cuda
