// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/model_source.h"

#include <functional>

class QWidget;

namespace argand::ui {

// Version, licence and the models of this machine with their hashes.
void showAboutDialog(QWidget* parent, const infer::ModelSource& models);

// What the program is not for; `acknowledged` is called when the person has said
// that it was read.
void showResearchNotice(QWidget* parent, std::function<void()> acknowledged);

}  // namespace argand::ui
