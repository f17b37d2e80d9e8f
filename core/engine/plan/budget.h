// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan.h"

#include <string>

// Whether what a plan is predicted to need is there.
namespace argand::engine {

[[nodiscard]] bool fitsBudgets(const Plan& plan);

// Largest share of its budget that a device would need.
[[nodiscard]] double tightness(const Plan& plan);

// What one sentence says about the tightest device.
[[nodiscard]] std::string shortfall(const Plan& plan);

}  // namespace argand::engine
