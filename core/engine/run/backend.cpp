// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/backend.h"

#include <dlfcn.h>

#include <mutex>

namespace argand::engine {

namespace {

struct Registered {
  std::mutex mutex;
  BackendFactory factory = nullptr;
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

Result<BackendFactory> cudaBackend() {
  Registered& known = registered();
  const std::lock_guard lock(known.mutex);
  if (known.factory != nullptr) {
    return known.factory;
  }
  void* library = dlopen(kCudaBackendLibrary, RTLD_NOW | RTLD_LOCAL);
  void* entry = library == nullptr ? nullptr : dlsym(library, kCudaBackendEntry);
  if (entry == nullptr) {
    return fail(
        ErrorCode::NoPlan,
        fmt::format("The part of this installation that runs networks on CUDA devices cannot be "
                    "loaded ({}). Use cpu.",
                    loaderMessage()));
  }
  known.factory = reinterpret_cast<BackendFactory (*)()>(entry)();
  return known.factory;
}

void setCudaBackend(BackendFactory factory) {
  const std::lock_guard lock(registered().mutex);
  registered().factory = factory;
}

}  // namespace argand::engine
