// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/gpu/check.h"

namespace argand::gpu_check {

// Sums by NCCL over as many processes as there are GPUs, at most two; one process of
// its own for each, which is this program again.
void checkGroup(Figures& figures, int gpus);

// Such a process, by its arguments: its rank, how many there are, and the file by which
// they meet. Its exit status.
[[nodiscard]] int runRank(int rank, int size, const std::string& file);

}  // namespace argand::gpu_check
