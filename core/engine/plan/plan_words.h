// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan.h"

#include <string>

// What the reason of a plan says of how it is divided.
namespace argand::engine {

// "All on cpu:0." or "Slabs over 2 devices; 9 of 24 steps are gathered on cpu:0, ...".
[[nodiscard]] std::string divisionWords(const Plan& plan);

}  // namespace argand::engine
