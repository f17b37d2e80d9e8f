// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/backend.h"

namespace argand::gpu_check {

// Lets plans on CUDA devices run by the code of CUDA devices on the processor.
[[nodiscard]] engine::CudaFactory hostFactory();

}  // namespace argand::gpu_check
