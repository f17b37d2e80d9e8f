// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace argand::engine::cuda {

// Voxels of a row that a block takes for its statistics. Fixed, like everything that
// decides in which order numbers are added: the type and the number of channels alone.
constexpr std::int64_t kMomentPieceVoxels = 1024;

}  // namespace argand::engine::cuda
