// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

class QWidget;

// File and folder names from the person. The only place that makes a QFileDialog,
// so that a test can give the names beforehand. Each returns an empty name where
// the person cancelled. `topic` is what the last folder is remembered by.
namespace argand::ui::file_dialog {

[[nodiscard]] QString openFile(QWidget* parent,
                               const QString& title,
                               const QString& filter,
                               const QString& topic);
[[nodiscard]] QString openFolder(QWidget* parent, const QString& title, const QString& topic);
[[nodiscard]] QString saveFile(QWidget* parent,
                               const QString& title,
                               const QString& suggestion,
                               const QString& filter,
                               const QString& topic);

// For tests: the next dialog of any kind returns this name.
void primeName(const QString& name);

}  // namespace argand::ui::file_dialog
