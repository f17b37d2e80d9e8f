// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace argand::engine {

struct CudaDevice {
  std::string name;     // "NVIDIA H100 80GB HBM3"
  std::string problem;  // empty, else why this build's code cannot run there
  std::int64_t memoryBytes = 0;
  std::int64_t freeBytes = 0;  // of it, by now
  int computeMajor = 0;
  int computeMinor = 0;
};

struct CudaPlugin {
  // A bare name is looked for along the run path of whoever links this library.
  std::string driver = "libcuda.so.1";
  std::string library = "libargand_engine_cuda.so";
};

// The machine's CUDA devices in the driver's order, asked of the CUDA half of
// the engine, which is loaded here, at the first call that finds a driver, and
// stays loaded. An empty list is a driver without a device. Fails with NoPlan
// where there is no driver, where this build has no CUDA half, and where the
// driver refuses.
[[nodiscard]] Result<std::vector<CudaDevice>> cudaDevices(const CudaPlugin& plugin = {});

}  // namespace argand::engine
