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

using BackendFactory = Result<std::unique_ptr<DeviceBackend>> (*)(const BackendRequest&);

// What makes the backends of CUDA devices: the one set here, else that of the
// plugin, which is loaded at the first call. Fails with NoPlan where there is none.
[[nodiscard]] Result<BackendFactory> cudaBackend();
void setCudaBackend(BackendFactory factory);

// The plugin's entry point: C linkage by name, C++ by type, because the plugin and
// what loads it come from one build (checked by kArgandCudaAbi).
inline constexpr const char* kCudaBackendLibrary = "libargand_engine_cuda_run.so";
inline constexpr const char* kCudaBackendEntry = "argand_engine_cuda_backend_1";

}  // namespace argand::engine
