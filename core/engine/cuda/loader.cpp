// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/loader.h"

#include "core/engine/cuda/plugin_abi.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

namespace argand::engine {

namespace {

constexpr int kMostDevices = 64;

std::string loaderMessage() {
  const char* text = dlerror();
  return text == nullptr ? "unknown reason" : text;
}

template <typename Function>
Function* find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

Result<std::vector<CudaDevice>> cudaDevices(const CudaPlugin& plugin) {
  if (dlopen(plugin.driver.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return fail(ErrorCode::NoPlan,
                "This machine has no NVIDIA driver, so it has no CUDA devices. Use cpu.");
  }
  void* library = dlopen(plugin.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(ErrorCode::NoPlan,
                fmt::format("The CUDA part of this installation cannot be loaded ({}). Use cpu.",
                            loaderMessage()));
  }
  const auto abi = find<decltype(argand_engine_cuda_abi)>(library, "argand_engine_cuda_abi");
  const auto list =
      find<decltype(argand_engine_cuda_devices)>(library, "argand_engine_cuda_devices");
  if (abi == nullptr || list == nullptr || abi() != kArgandCudaAbi) {
    return fail(ErrorCode::NoPlan,
                fmt::format("{} belongs to another version of Argand. Install one version alone.",
                            plugin.library));
  }
  std::vector<ArgandCudaDevice> found(kMostDevices);
  std::array<char, 256> problem{};
  const int count =
      list(found.data(), kMostDevices, problem.data(), static_cast<int>(problem.size()));
  if (count < 0) {
    return fail(ErrorCode::NoPlan,
                fmt::format("The NVIDIA driver refuses: {}. Use cpu.", problem.data()));
  }
  std::vector<CudaDevice> devices;
  for (int index = 0; index < std::min(count, kMostDevices); ++index) {
    const ArgandCudaDevice& device = found[static_cast<std::size_t>(index)];
    devices.push_back(CudaDevice{device.name,
                                 device.problem,
                                 device.memoryBytes,
                                 device.freeBytes,
                                 device.computeMajor,
                                 device.computeMinor});
  }
  return devices;
}

}  // namespace argand::engine
