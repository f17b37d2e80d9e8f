// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/time_model.h"

#include <vector>

// The division that LAMP trains with (torchgpipe: Kim et al. 2020): whole layers, in
// order, on one device after the other, balanced by their times. For one volume the
// stages wait for each other, and a peak at full size stays where it is; it is here to
// be compared with.
namespace argand::engine {

// Where each of `parts` contiguous blocks of `seconds` begins, so that the slowest is
// as fast as can be (torchgpipe's balance_by_time).
[[nodiscard]] std::vector<std::size_t> balancedBlocks(const std::vector<double>& seconds,
                                                      std::size_t parts);

// `blank` has devices, input and numbers; nothing rolls, since torchgpipe keeps whole
// tensors. Predicted, and timed with one micro-batch.
[[nodiscard]] Plan layerCutPlan(const Plan& blank,
                                const Graph& graph,
                                const Program& program,
                                const std::vector<Shape>& shapes,
                                const TimeModel& times);

}  // namespace argand::engine
