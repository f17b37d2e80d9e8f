// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

#include <filesystem>

class QWidget;

// File and folder names from the person. The only place that makes a QFileDialog,
// so that a test can give the names beforehand. Each returns an empty path where the
// person cancelled. `topic` is what the last folder is remembered by.
namespace argand::ui::file_dialog {

[[nodiscard]] std::filesystem::path openFile(QWidget* parent,
                                             const QString& title,
                                             const QString& filter,
                                             const QString& topic);
[[nodiscard]] std::filesystem::path openFolder(QWidget* parent,
                                               const QString& title,
                                               const QString& topic);
// Starts from `suggestion`, a whole path. Remembers nothing: the folder of a file that
// was never written is none to start from (see remember). Does not ask about a file that
// exists: who writes it does.
[[nodiscard]] std::filesystem::path saveFile(QWidget* parent,
                                             const QString& title,
                                             const std::filesystem::path& suggestion,
                                             const QString& filter);

// The folder that the topic was last used in; the person's home at first.
[[nodiscard]] std::filesystem::path lastFolder(const QString& topic);
void remember(const std::filesystem::path& folder, const QString& topic);

// For tests: the next dialog of any kind returns this path.
void primeName(const std::filesystem::path& path);

}  // namespace argand::ui::file_dialog
