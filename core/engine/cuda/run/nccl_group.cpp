// SPDX-License-Identifier: Apache-2.0
// LibTorch has its NCCL group inside; this shows its headers.
#define USE_C10D_NCCL
#include "core/engine/cuda/run/nccl_group.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <chrono>
#include <cstdlib>

namespace argand::engine::cuda {

namespace {

class NcclGroup final : public GroupSum {
 public:
  explicit NcclGroup(const GroupRequest& request)
      : m_device(at::kCUDA, static_cast<c10::DeviceIndex>(request.device.index)) {
    // A process that was left alone then gets an exception, and is not ended.
    ::setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 0);
    const c10::cuda::CUDAGuard guard(m_device);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = std::chrono::seconds(request.timeoutSeconds);
    m_nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(
        request.store, request.rank, request.size, std::move(options));
    // NCCL starts with the first sum.
    at::Tensor one = at::ones({1}, at::TensorOptions(at::kFloat).device(m_device));
    sum(one);
  }

  void sum(at::Tensor& values) override {
    const c10::cuda::CUDAGuard guard(m_device);
    std::vector<at::Tensor> there{values.to(m_device)};
    m_nccl->allreduce(there)->wait();
    if (!there[0].is_same(values)) {
      values.copy_(there[0]);
    }
  }

 private:
  const c10::Device m_device;
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> m_nccl;
};

}  // namespace

std::unique_ptr<GroupSum> ncclGroup(const GroupRequest& request) {
  return std::make_unique<NcclGroup>(request);
}

}  // namespace argand::engine::cuda
