// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/model_source.h"

#include <memory>

// The one place that knows both what the programs need and what exists.
namespace argand::app {

// The shipped models and the person's own.
[[nodiscard]] std::unique_ptr<infer::ModelSource> makeModels();

}  // namespace argand::app
