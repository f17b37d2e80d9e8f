// SPDX-License-Identifier: Apache-2.0
// Stands for the CUDA plugin where there is no GPU: three devices, the last too old.
#include "core/engine/cuda/plugin_abi.h"

#include <cstdio>

#ifndef ARGAND_FAKE_ABI
#define ARGAND_FAKE_ABI kArgandCudaAbi
#endif

int argand_engine_cuda_abi() {
  return ARGAND_FAKE_ABI;
}

int argand_engine_cuda_devices(ArgandCudaDevice* devices,
                               int capacity,
                               char* problem,
                               int problemCapacity) {
#ifdef ARGAND_FAKE_FAILURE
  (void)devices;
  (void)capacity;
  std::snprintf(problem, static_cast<unsigned>(problemCapacity), "driver and runtime differ");
  return -1;
#else
  (void)problem;
  (void)problemCapacity;
  const std::int64_t gib = std::int64_t{1} << 30;
  if (capacity >= 3) {
    devices[0] = ArgandCudaDevice{"Fake 80GB", "", 80 * gib, 64 * gib, 9, 0};
    devices[1] = ArgandCudaDevice{"NVIDIA L40S", "", 48 * gib, 16 * gib, 8, 9};
    devices[2] = ArgandCudaDevice{"Old", "no kernel image", 4 * gib, 0, 5, 0};
  }
  return 3;
#endif
}
