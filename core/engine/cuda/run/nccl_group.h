// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/backend.h"

namespace argand::engine::cuda {

// LibTorch's c10d over NCCL. Throws what it says where it cannot start.
[[nodiscard]] std::unique_ptr<GroupSum> ncclGroup(const GroupRequest& request);

}  // namespace argand::engine::cuda
