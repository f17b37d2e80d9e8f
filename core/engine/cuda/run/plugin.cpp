// SPDX-License-Identifier: Apache-2.0
// What the plugin libargand_engine_cuda_run exports: backends of CUDA devices.
#include "core/engine/cuda/run/charges.h"
#include "core/engine/cuda/run/cuda_streams.h"
#include "core/engine/cuda/run/device_runner.h"
#include "core/engine/cuda/run/device_transports.h"
#include "core/engine/cuda/run/nccl_group.h"

#include <ATen/Context.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/PeerToPeerAccess.h>

namespace argand::engine::cuda {

namespace {

class CudaBackend final : public DeviceBackend {
 public:
  CudaBackend(const BackendRequest& request, c10::DeviceIndex index)
      : m_device(request.device), m_index(index), m_ledger(request.ledger) {
    const ChargeScope charges(m_ledger);
    const c10::cuda::CUDAGuard guard(index);
    m_tables = tablesOn(at::Device(at::kCUDA, index), request);
    // Laid out on another stream than the one that will read them.
    c10::cuda::device_synchronize();
    if (!charges.problem().empty()) {
      throw std::runtime_error(charges.problem());
    }
  }

  std::unique_ptr<StepRunner> makeRunner(RunContext& context) override {
    return std::make_unique<DeviceRunner>(
        context, m_tables, m_device, std::make_unique<CudaStreams>(m_index, m_ledger));
  }

 private:
  const int m_device;
  const c10::DeviceIndex m_index;
  Ledger& m_ledger;
  DeviceTables m_tables;
};

Result<std::unique_ptr<DeviceBackend>> makeCudaBackend(const BackendRequest& request) {
  const DeviceSpec& spec = request.plan.devices[static_cast<std::size_t>(request.device)].device;
  return guarded(ErrorCode::NoPlan,
                 fmt::format("placing the weights on {}", spec.name),
                 [&]() -> std::unique_ptr<DeviceBackend> {
                   return std::make_unique<CudaBackend>(request,
                                                        static_cast<c10::DeviceIndex>(spec.index));
                 });
}

// Whether every GPU reads every other one's memory; opens it to Torch's allocator.
bool reachEachOther(const std::vector<int>& gpus) {
  bool all = true;
  for (const int a : gpus) {
    for (const int b : gpus) {
      const auto from = static_cast<c10::DeviceIndex>(a);
      const auto to = static_cast<c10::DeviceIndex>(b);
      if (a != b && c10::cuda::get_p2p_access(from, to)) {
        c10::cuda::CUDACachingAllocator::enablePeerAccess(from, to);
      } else {
        all = all && a == b;
      }
    }
  }
  return all;
}

Result<void> checkPresent(const DeviceSpec& device) {
  const int count = c10::cuda::device_count();
  if (device.index >= count) {
    return fail(
        ErrorCode::NoPlan,
        fmt::format("{} cannot be used: LibTorch finds {} CUDA devices here.", device.name, count));
  }
  return {};
}

Result<std::unique_ptr<Transport>> makeTransport(const Plan& plan, Exchange exchange) {
  std::vector<int> gpus;
  for (const DevicePlan& device : plan.devices) {
    ARGAND_TRY(checkPresent(device.device));
    gpus.push_back(device.device.index);
  }
  return guarded(ErrorCode::NoPlan,
                 "joining the CUDA devices of the plan",
                 [&]() -> std::unique_ptr<Transport> {
                   at::globalContext().lazyInitDevice(at::kCUDA);
                   const bool copies = exchange == Exchange::Automatic
                                           ? reachEachOther(gpus)
                                           : exchange == Exchange::PeerCopy;
                   return copies ? peerTransport(gpus) : ncclTransport(gpus);
                 });
}

// Training computes on the GPU's default stream, which all threads share: what one of
// them queues, another one finds done. Without TF32, and the same way every time.
Result<c10::Device> trainingDevice(const DeviceSpec& device) {
  ARGAND_TRY(checkPresent(device));
  return guarded(ErrorCode::NoPlan, fmt::format("starting {}", device.name), [&] {
    at::Context& context = at::globalContext();
    context.lazyInitDevice(at::kCUDA);
    context.setAllowTF32CuDNN(false);
    context.setDeterministicCuDNN(true);
    return c10::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device.index));
  });
}

class CudaScope final : public DeviceScope {
 public:
  CudaScope(const c10::Device& device, Ledger* ledger) : m_guard(device) {
    if (ledger != nullptr) {
      m_charges.emplace(*ledger);
    }
  }

  void check() const override {
    if (m_charges && !m_charges->problem().empty()) {
      throw std::runtime_error(m_charges->problem());
    }
  }

 private:
  c10::cuda::CUDAGuard m_guard;
  std::optional<ChargeScope> m_charges;
};

std::unique_ptr<DeviceScope> enterDevice(const c10::Device& device, Ledger* ledger) {
  return std::make_unique<CudaScope>(device, ledger);
}

Result<std::unique_ptr<GroupSum>> makeGroup(const GroupRequest& request) {
  ARGAND_ASSIGN(const c10::Device device, trainingDevice(request.device));
  return guarded(ErrorCode::NoPlan,
                 fmt::format("joining the other processes by NCCL on {}", device.str()),
                 [&] { return ncclGroup(request); });
}

constexpr CudaFactory kFactory{
    &makeCudaBackend, &makeTransport, &trainingDevice, &enterDevice, &makeGroup};

}  // namespace

}  // namespace argand::engine::cuda

extern "C" __attribute__((visibility("default"))) const argand::engine::CudaFactory*
argand_engine_cuda_factory_3() {
  return &argand::engine::cuda::kFactory;
}
