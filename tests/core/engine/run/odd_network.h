// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"

namespace argand::engine::test {

// What no U-Net has: groups, dilation, even kernels, overlapping transposed convolutions,
// a sum of three, two activations in a row, norms of a sum and, `norm`, of a concat. Two
// channels in, three classes.
[[nodiscard]] Graph oddNetwork(const Op& norm);

}  // namespace argand::engine::test
