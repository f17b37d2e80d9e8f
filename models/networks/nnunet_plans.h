// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"

#include <cstdint>
#include <string_view>

namespace argand::models {

// The network that a configuration ("3d_fullres") of nnU-Net's plans.json
// describes: a PlainConvUNet or a ResidualEncoderUNet. The plans know neither
// the number of input channels nor of classes (dataset.json does). Heads for
// deep supervision serve training only and are not part of it.
//
// Fails with InputRefused, naming what is missing or not supported.
[[nodiscard]] Result<engine::Graph> nnunetFromPlans(std::string_view plans,
                                                    std::string_view configuration,
                                                    std::int64_t inputChannels,
                                                    std::int64_t classes);

}  // namespace argand::models
