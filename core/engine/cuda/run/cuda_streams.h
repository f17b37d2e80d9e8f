// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/cuda/run/charges.h"
#include "core/engine/cuda/run/device_streams.h"

#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <deque>

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
  [[nodiscard]] at::Tensor receive(const at::Tensor& from, const Copy& copy) override;
  [[nodiscard]] at::Tensor convolve(const at::Tensor& in,
                                    const at::Tensor& weight,
                                    const at::Tensor& bias,
                                    const ConvOp& conv) override;
  void store(const at::Tensor& from, const at::Tensor& to) override;
  void pace() override;
  void settle() override;

 private:
  // What has been copied by now, for what computes from now on.
  void awaited(const at::Tensor& copied);
  void checkBudget() const;

  // The end of a task that may still run.
  struct Queued {
    c10::cuda::CUDAEvent computed;
    c10::cuda::CUDAEvent copied;
  };

  c10::cuda::CUDAStream m_compute;
  c10::cuda::CUDAStream m_copy;
  c10::cuda::CUDAStreamGuard m_guard;
  ChargeScope m_charges;
  std::deque<Queued> m_queued;
};

}  // namespace argand::engine::cuda
