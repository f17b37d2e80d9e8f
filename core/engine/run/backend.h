// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/run/step_runner.h"

#include <c10/core/Device.h>

#include <memory>

namespace c10d {
class Store;
}

namespace argand::engine {

// Everything that one device of a plan is made from. All of it outlives the backend.
struct BackendRequest {
  const Graph& graph;
  const Program& program;
  const std::vector<Shape>& shapes;
  const Plan& plan;
  const Schedule& schedule;
  const Parameters& parameters;
  int device = 0;
  Ledger& ledger;
};

// A device whose memory is not the processor's. Holds its weights for as long as
// the executor lives.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;

  // Called by the device's worker, which also drops the runner.
  [[nodiscard]] virtual std::unique_ptr<StepRunner> makeRunner(RunContext& context) = 0;
};

// While it lives, the thread that made it works on one device: what it allocates there
// is charged.
class DeviceScope {
 public:
  DeviceScope() = default;
  virtual ~DeviceScope() = default;
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

  // Throws where the ledger had no room for what was allocated.
  virtual void check() const {}
};

// Sums over the processes of a training, with which each calls in the same order.
class GroupSum {
 public:
  GroupSum() = default;
  virtual ~GroupSum() = default;
  GroupSum(const GroupSum&) = delete;
  GroupSum& operator=(const GroupSum&) = delete;

  // In place, the same bits in each. Throws where another process has ended.
  virtual void sum(at::Tensor& values) = 0;
};

// One of several processes, which meet in `store`.
struct GroupRequest {
  const c10::intrusive_ptr<c10d::Store>& store;
  int rank = 0;
  int size = 1;
  DeviceSpec device;  // of this process
  int timeoutSeconds = 0;
};

// How rows get from one CUDA device to another. Automatic: copies by the driver where
// all GPUs of the plan reach each other's memory, else NCCL.
enum class Exchange { Automatic, PeerCopy, Nccl };

// What makes everything of CUDA devices.
struct CudaFactory {
  Result<std::unique_ptr<DeviceBackend>> (*backend)(const BackendRequest&);
  Result<std::unique_ptr<Transport>> (*transport)(const Plan&, Exchange);
  // For training, whose operations are Torch's own there: where a device's tensors lie,
  // and what a thread enters that works there (without a ledger nothing is charged).
  Result<c10::Device> (*device)(const DeviceSpec&);
  std::unique_ptr<DeviceScope> (*enter)(const c10::Device&, Ledger*);
  // By NCCL, for processes with a GPU each.
  Result<std::unique_ptr<GroupSum>> (*group)(const GroupRequest&);
};

// The one set here, else that of the plugin, which is loaded at the first call.
// Fails with NoPlan where there is none.
[[nodiscard]] Result<CudaFactory> cudaFactory();
void setCudaFactory(const CudaFactory& factory);

// The plugin's entry point: C linkage by name, C++ by type, because the plugin and
// what loads it come from one build (checked by kArgandCudaAbi).
inline constexpr const char* kCudaFactoryLibrary = "libargand_engine_cuda_run.so";
inline constexpr const char* kCudaFactoryEntry = "argand_engine_cuda_factory_3";

}  // namespace argand::engine
