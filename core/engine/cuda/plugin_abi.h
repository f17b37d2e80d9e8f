// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// What the CUDA half of the engine exports. The plugin is loaded where there is
// an NVIDIA driver, so nothing else of Argand links CUDA. Plain C, because nvcc
// compiles the plugin in an older dialect of C++ than the rest.
extern "C" {

// Raised when a struct or a function below changes; a plugin of another number is refused.
enum { kArgandCudaAbi = 2 };

struct ArgandCudaDevice {
  char name[256];
  // Empty, else why this build's code cannot run there.
  char problem[256];
  std::int64_t memoryBytes;
  std::int64_t freeBytes;  // of it, with what a process takes by using the device taken off
  int computeMajor;
  int computeMinor;
};

int argand_engine_cuda_abi();

// Fills at most `capacity` devices and returns how many there are. On failure
// returns -1 and writes the driver's reason, ended by a zero, to `problem`.
int argand_engine_cuda_devices(ArgandCudaDevice* devices,
                               int capacity,
                               char* problem,
                               int problemCapacity);
}
