// SPDX-License-Identifier: Apache-2.0
// The runner of CUDA devices on the processor: its tensors lie in host memory, its
// kernels run by host_cuda.h, and nothing is queued.
#include "core/engine/cuda/run/device_runner.h"
#include "core/engine/cuda/run/device_transports.h"
#include "core/engine/plan/task_bytes.h"
#include "tests/core/engine/training/fake_cuda.h"
#include "tests/gpu/runner_check.h"

#include <ATen/ATen.h>

#include <limits>

namespace argand::gpu_check {
namespace {

using namespace engine;

// What the worker allocates is charged like a GPU's memory; what a GPU would have in
// host memory, or inside of cuDNN, is not.
class HostStreams final : public cuda::DeviceStreams {
 public:
  explicit HostStreams(const Ledger& ledger) : m_charges(ledger) {}

  [[nodiscard]] at::Device device() const override { return at::kCPU; }

  [[nodiscard]] cudaStream_t compute() const override { return nullptr; }

  [[nodiscard]] at::Tensor hostMemory(at::IntArrayRef sizes, at::ScalarType type) override {
    const LedgerScope host(m_uncharged);
    // What is never copied shows.
    return at::isFloatingType(type) ? at::full(sizes, std::nan(""), type)
                                    : at::full(sizes, -1, type);
  }

  [[nodiscard]] at::Tensor fetch(const at::Tensor& from) override {
    return held(from.clone(at::MemoryFormat::Contiguous));
  }

  [[nodiscard]] at::Tensor receive(const at::Tensor& from, const Copy& copy) override {
    const at::Tensor to = at::empty(from.sizes(), from.scalar_type());
    copy(static_cast<std::byte*>(to.mutable_data_ptr()), nullptr);
    return held(to);
  }

  // A cuDNN that takes all the workspace that is reserved for it.
  [[nodiscard]] at::Tensor convolve(const at::Tensor& in,
                                    const at::Tensor& weight,
                                    const at::Tensor& bias,
                                    const ConvOp& conv) override {
    at::Tensor made;
    {
      const LedgerScope library(m_uncharged);
      made = at::conv3d(in,
                        weight,
                        bias.defined() ? std::optional(bias) : std::nullopt,
                        {conv.stride.d, conv.stride.h, conv.stride.w},
                        {0, conv.padding.h, conv.padding.w},
                        {conv.dilation.d, conv.dilation.h, conv.dilation.w},
                        conv.groups);
    }
    at::Tensor out = made.clone(at::MemoryFormat::ChannelsLast3d);
    const auto bytes = [](const at::Tensor& tensor) {
      return static_cast<std::int64_t>(tensor.nbytes());
    };
    const at::Tensor workspace =
        at::empty({cudnnWorkspaceBytes(bytes(in), bytes(weight), bytes(out))}, at::kByte);
    return out;
  }

  void store(const at::Tensor& from, const at::Tensor& to) override {
    to.copy_(from);
    held(from);
  }

  void pace() override {
    m_before = std::move(m_now);
    m_now.clear();
  }

  void settle() override {
    m_before.clear();
    m_now.clear();
  }

 private:
  // As long as the copies of a GPU may be under way: until the task after is queued.
  at::Tensor held(const at::Tensor& copied) {
    m_now.push_back(copied);
    return copied;
  }

  LedgerScope m_charges;
  Ledger m_uncharged{"not on the device", std::numeric_limits<std::int64_t>::max()};
  std::vector<at::Tensor> m_now;
  std::vector<at::Tensor> m_before;
};

class HostBackend final : public DeviceBackend {
 public:
  explicit HostBackend(const BackendRequest& request)
      : m_device(request.device), m_ledger(request.ledger) {
    cuda::DeviceTables made = cuda::tablesOn(at::kCPU, request);
    const LedgerScope charged(m_ledger);
    const auto copy = [](at::Tensor& tensor) {
      tensor = tensor.defined() ? tensor.clone() : tensor;
    };
    for (StepWeights& weights : made.steps) {
      copy(weights.weight);
      copy(weights.bias);
    }
    for (auto* tables : {&made.folded, &made.affine}) {
      for (auto& [norm, table] : *tables) {
        copy(table.scale);
        copy(table.shift);
      }
    }
    for (auto& [node, slopes] : made.slopes) {
      copy(slopes);
    }
    m_tables = std::move(made);
  }

  std::unique_ptr<StepRunner> makeRunner(RunContext& context) override {
    return std::make_unique<cuda::DeviceRunner>(
        context, m_tables, m_device, std::make_unique<HostStreams>(m_ledger));
  }

 private:
  const int m_device;
  Ledger& m_ledger;
  cuda::DeviceTables m_tables;
};

Result<std::unique_ptr<DeviceBackend>> makeHostBackend(const BackendRequest& request) {
  return std::make_unique<HostBackend>(request);
}

Result<std::unique_ptr<Transport>> makeHostTransport(const Plan& plan, Exchange exchange) {
  std::vector<int> gpus;
  for (const DevicePlan& device : plan.devices) {
    gpus.push_back(device.device.index);
  }
  return exchange == Exchange::Nccl ? cuda::ncclTransport(gpus) : cuda::peerTransport(gpus);
}

}  // namespace

CudaFactory hostFactory() {
  CudaFactory factory = test::fakeCuda<c10::DeviceType::CPU>();
  factory.backend = &makeHostBackend;
  factory.transport = &makeHostTransport;
  return factory;
}

}  // namespace argand::gpu_check
