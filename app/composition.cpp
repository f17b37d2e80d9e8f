// SPDX-License-Identifier: Apache-2.0
#include "app/composition.h"

#include "models/registry.h"

namespace argand::app {

std::unique_ptr<infer::ModelSource> makeModels() {
  return std::make_unique<models::Registry>();
}

}  // namespace argand::app
