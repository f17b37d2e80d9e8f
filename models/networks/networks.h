// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"

#include <string_view>

namespace argand::models {

// A network by name and options: "lamp-unet:n=32,classes=10",
// "nnunet-plain:channels=16-32-64-128,classes=3". Fails with Usage, naming the
// option and what it may be.
[[nodiscard]] Result<engine::Graph> buildNetwork(std::string_view description);

}  // namespace argand::models
