// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

namespace argand::engine::cuda {

// Throws what a launch or a call of CUDA says.
void must(cudaError_t status, const char* doing);

}  // namespace argand::engine::cuda
