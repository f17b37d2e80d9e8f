// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/plugin_abi.h"

#include <cuda_runtime.h>

#include <cstdio>

namespace {

// Never launched: asking for its attributes tells whether this build holds code
// for the device's architecture.
__global__ void probe() {}

void write(char* text, int capacity, cudaError_t status) {
  std::snprintf(text, static_cast<std::size_t>(capacity), "%s", cudaGetErrorString(status));
}

void describe(int index, ArgandCudaDevice& device) {
  device = ArgandCudaDevice{};
  cudaDeviceProp properties{};
  cudaError_t status = cudaGetDeviceProperties(&properties, index);
  if (status == cudaSuccess) {
    std::snprintf(device.name, sizeof device.name, "%s", properties.name);
    device.memoryBytes = static_cast<std::int64_t>(properties.totalGlobalMem);
    device.computeMajor = properties.major;
    device.computeMinor = properties.minor;
    status = cudaSetDevice(index);
  }
  if (status == cudaSuccess) {
    cudaFuncAttributes attributes{};
    status = cudaFuncGetAttributes(&attributes, probe);
  }
  if (status == cudaSuccess) {
    std::size_t freeBytes = 0;
    std::size_t allBytes = 0;
    status = cudaMemGetInfo(&freeBytes, &allBytes);
    device.freeBytes = static_cast<std::int64_t>(freeBytes);
  }
  if (status != cudaSuccess) {
    write(device.problem, sizeof device.problem, status);
    cudaGetLastError();  // the error is reported here, not by the next call
  }
}

}  // namespace

int argand_engine_cuda_abi() {
  return kArgandCudaAbi;
}

int argand_engine_cuda_devices(ArgandCudaDevice* devices,
                               int capacity,
                               char* problem,
                               int problemCapacity) {
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess) {
    if (status == cudaErrorNoDevice) {
      return 0;
    }
    write(problem, problemCapacity, status);
    return -1;
  }
  int before = 0;
  const bool restore = count > 0 && cudaGetDevice(&before) == cudaSuccess;
  for (int index = 0; index < count && index < capacity; ++index) {
    describe(index, devices[index]);
  }
  if (restore) {
    cudaSetDevice(before);
  }
  return count;
}
