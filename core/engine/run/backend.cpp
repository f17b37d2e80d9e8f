// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/backend.h"

#include <dlfcn.h>

#include <mutex>
#include <optional>

namespace argand::engine {

namespace {

struct Registered {
  std::mutex mutex;
  std::optional<CudaFactory> factory;
};

Registered& registered() {
  static Registered instance;
  return instance;
}

std::string loaderMessage() {
  const char* text = dlerror();
  return text == nullptr ? "unknown reason" : text;
}

}  // namespace

Result<CudaFactory> cudaFactory() {
  Registered& known = registered();
  const std::lock_guard lock(known.mutex);
  if (known.factory) {
    return *known.factory;
  }
  void* library = dlopen(kCudaFactoryLibrary, RTLD_NOW | RTLD_LOCAL);
  void* entry = library == nullptr ? nullptr : dlsym(library, kCudaFactoryEntry);
  if (entry == nullptr) {
    return fail(
        ErrorCode::NoPlan,
        fmt::format("The part of this installation that runs networks on CUDA devices cannot be "
                    "loaded ({}). Use cpu.",
                    loaderMessage()));
  }
  known.factory = *reinterpret_cast<const CudaFactory* (*)()>(entry)();
  return *known.factory;
}

void setCudaFactory(const CudaFactory& factory) {
  const std::lock_guard lock(registered().mutex);
  registered().factory = factory;
}

}  // namespace argand::engine
