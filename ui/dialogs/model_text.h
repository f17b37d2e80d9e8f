// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/model_card.h"

#include <QString>

namespace argand::ui {

// A model card as rich text: what it is for, what it takes and finds, how good it
// was on what, where it came from.
[[nodiscard]] QString modelText(const infer::ModelCard& card);

}  // namespace argand::ui
