// SPDX-License-Identifier: Apache-2.0
// The kernels of core/engine/cuda/kernels against plain loops, and how fast they
// move memory. Exit status: 0 all figures good, 1 not, 77 there is no GPU.
#include "tests/gpu/check.h"

namespace {

#ifdef ARGAND_CUDA_ON_HOST
bool hasDevice() {
  fmt::print("The kernels' code on the processor, thread by thread; nothing here ran on a GPU.\n");
  return true;
}
#else
bool hasDevice() {
  if (argand::gpu_check::presentDevices("The kernels were") == 0) {
    return false;
  }
  cudaDeviceProp properties{};
  argand::gpu_check::must(cudaGetDeviceProperties(&properties, 0));
  fmt::print("{}, compute capability {}.{}\n", properties.name, properties.major, properties.minor);
  return true;
}
#endif

}  // namespace

int main() {
  if (!hasDevice()) {
    return 77;
  }
  argand::gpu_check::Figures figures;
  try {
    argand::gpu_check::checkGather(figures);
    argand::gpu_check::checkStatistics(figures);
    argand::gpu_check::checkLabels(figures);
    argand::gpu_check::checkResizing(figures);
  } catch (const std::exception& failure) {
    fmt::print("FAILED: {}\n", failure.what());
    return 1;
  }
  return figures.finish();
}
