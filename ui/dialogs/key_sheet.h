// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QList>

class QAction;
class QWidget;

namespace argand::ui {

// One sheet of what the mouse does and what every key does, taken from the actions
// themselves.
void showKeySheet(QWidget* parent, const QList<QAction*>& actions);

}  // namespace argand::ui
