// SPDX-License-Identifier: Apache-2.0
// The runner of CUDA devices on the processor: its tensors lie in host memory, its
// kernels run by host_cuda.h, and nothing is queued.
#include "core/engine/cuda/run/device_runner.h"
#include "tests/gpu/runner_check.h"

#include <ATen/ATen.h>

namespace argand::gpu_check {
namespace {

using namespace engine;

class HostStreams final : public cuda::DeviceStreams {
 public:
  [[nodiscard]] at::Device device() const override { return at::kCPU; }

  [[nodiscard]] cudaStream_t compute() const override { return nullptr; }

  [[nodiscard]] at::Tensor hostMemory(at::IntArrayRef sizes, at::ScalarType type) override {
    return at::full(sizes, std::nan(""), type);  // what is never copied shows
  }

  [[nodiscard]] at::Tensor fetch(const at::Tensor& from) override {
    return from.clone(at::MemoryFormat::Contiguous);
  }

  void store(const at::Tensor& from, const at::Tensor& to) override { to.copy_(from); }

  void pace() override {}

  void settle() override {}
};

class HostBackend final : public DeviceBackend {
 public:
  explicit HostBackend(const BackendRequest& request)
      : m_device(request.device),
        m_ledger(request.ledger),
        m_tables(cuda::tablesOn(at::kCPU, request)) {}

  std::unique_ptr<StepRunner> makeRunner(RunContext& context) override {
    return std::make_unique<cuda::DeviceRunner>(
        context, m_tables, m_device, std::make_unique<HostStreams>(), m_ledger);
  }

 private:
  const int m_device;
  Ledger& m_ledger;
  cuda::DeviceTables m_tables;
};

Result<std::unique_ptr<DeviceBackend>> makeHostBackend(const BackendRequest& request) {
  return std::make_unique<HostBackend>(request);
}

}  // namespace

void useHostBackend() {
  setCudaBackend(&makeHostBackend);
}

}  // namespace argand::gpu_check
