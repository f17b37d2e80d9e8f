// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace argand::gpu_check {

// Lets plans on CUDA devices run by the code of CUDA devices on the processor.
void useHostBackend();

}  // namespace argand::gpu_check
