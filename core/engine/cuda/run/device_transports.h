// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/transport.h"

#include <memory>
#include <vector>

// How rows get from one GPU to another. `gpus` has the driver's number of the GPU of
// each of the plan's devices; virtual ones share it. Rows in host memory (spilled
// ones) are copied from there whatever the transport.
namespace argand::engine::cuda {

// Copies by the driver: over NVLink or PCIe where the GPUs reach each other's memory,
// else by way of host memory.
[[nodiscard]] std::unique_ptr<Transport> peerTransport(const std::vector<int>& gpus);

// NCCL's send and receive, both posted by the worker that receives: all GPUs are this
// process's. One communicator per GPU, so one of size 1 where there is but one.
// Throws what NCCL says where it cannot start.
[[nodiscard]] std::unique_ptr<Transport> ncclTransport(const std::vector<int>& gpus);

}  // namespace argand::engine::cuda
