// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/calls.h"

#include <fmt/format.h>

#include <stdexcept>

namespace argand::engine::cuda {

void must(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) {
    throw std::runtime_error(
        fmt::format("CUDA error {} while {}", static_cast<int>(status), doing));
  }
}

}  // namespace argand::engine::cuda
