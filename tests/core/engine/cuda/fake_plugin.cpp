// SPDX-License-Identifier: Apache-2.0
// Stands for the CUDA plugin where there is no GPU: two devices, one too old.
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
  if (capacity >= 2) {
    devices[0] = ArgandCudaDevice{"Fake 80GB", "", std::int64_t{80} << 30, 9, 0};
    devices[1] = ArgandCudaDevice{"Old", "no kernel image", std::int64_t{4} << 30, 5, 0};
  }
  return 2;
#endif
}
