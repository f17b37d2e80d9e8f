// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/file_dialog.h"

#include "ui/session/text.h"

#include <QDir>
#include <QFileDialog>
#include <QSettings>

#include <deque>
#include <optional>

namespace argand::ui::file_dialog {
namespace {

std::deque<std::filesystem::path> primedNames;

std::optional<std::filesystem::path> primed() {
  if (primedNames.empty()) {
    return std::nullopt;
  }
  std::filesystem::path name = primedNames.front();
  primedNames.pop_front();
  return name;
}

QString settingOf(const QString& topic) {
  return QStringLiteral("folders/") + topic;
}

std::filesystem::path remembered(const QUrl& url, const QString& topic) {
  const std::filesystem::path path = pathFrom(url);
  if (!path.empty()) {
    std::error_code ignored;
    remember(std::filesystem::is_directory(path, ignored) ? path : path.parent_path(), topic);
  }
  return path;
}

}  // namespace

std::filesystem::path openFile(QWidget* parent,
                               const QString& title,
                               const QString& filter,
                               const QString& topic) {
  if (const auto name = primed()) {
    return *name;
  }
  return remembered(QFileDialog::getOpenFileUrl(parent, title, urlFrom(lastFolder(topic)), filter),
                    topic);
}

std::filesystem::path openFolder(QWidget* parent, const QString& title, const QString& topic) {
  if (const auto name = primed()) {
    return *name;
  }
  return remembered(QFileDialog::getExistingDirectoryUrl(parent, title, urlFrom(lastFolder(topic))),
                    topic);
}

std::filesystem::path saveFile(QWidget* parent,
                               const QString& title,
                               const std::filesystem::path& suggestion,
                               const QString& filter) {
  if (const auto name = primed()) {
    return *name;
  }
  return pathFrom(QFileDialog::getSaveFileUrl(
      parent, title, urlFrom(suggestion), filter, nullptr, QFileDialog::DontConfirmOverwrite));
}

// Kept as bytes: a folder's name may be any.
std::filesystem::path lastFolder(const QString& topic) {
  const QByteArray bytes = QSettings().value(settingOf(topic)).toByteArray();
  return bytes.isEmpty() ? pathFrom(QDir::homePath()) : std::filesystem::path(bytes.toStdString());
}

void remember(const std::filesystem::path& folder, const QString& topic) {
  QSettings().setValue(settingOf(topic), QByteArray::fromStdString(folder.native()));
}

void primeName(const std::filesystem::path& path) {
  primedNames.push_back(path);
}

}  // namespace argand::ui::file_dialog
