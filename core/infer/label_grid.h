// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/labels.h"
#include "core/infer/preprocess.h"

namespace argand::infer {

// Where the source's voxels lie among the network's, with labels i fastest in
// `grid.box`. Beyond the outermost centres scores stay as there.
[[nodiscard]] engine::LabelGrid labelGrid(const NetworkGrid& grid);

}  // namespace argand::infer
