// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/run/step_runner.h"

#include <memory>

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

// How rows get from one CUDA device to another. Automatic: copies by the driver where
// all GPUs of the plan reach each other's memory, else NCCL.
enum class Exchange { Automatic, PeerCopy, Nccl };

// What makes everything of CUDA devices.
struct CudaFactory {
  Result<std::unique_ptr<DeviceBackend>> (*backend)(const BackendRequest&);
  Result<std::unique_ptr<Transport>> (*transport)(const Plan&, Exchange);
};

// The one set here, else that of the plugin, which is loaded at the first call.
// Fails with NoPlan where there is none.
[[nodiscard]] Result<CudaFactory> cudaFactory();
void setCudaFactory(const CudaFactory& factory);

// The plugin's entry point: C linkage by name, C++ by type, because the plugin and
// what loads it come from one build (checked by kArgandCudaAbi).
inline constexpr const char* kCudaFactoryLibrary = "libargand_engine_cuda_run.so";
inline constexpr const char* kCudaFactoryEntry = "argand_engine_cuda_factory_2";

}  // namespace argand::engine
