// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/file_dialog.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QSettings>

#include <deque>
#include <optional>

namespace argand::ui::file_dialog {
namespace {

std::deque<QString> primedNames;

std::optional<QString> primed() {
  if (primedNames.empty()) {
    return std::nullopt;
  }
  QString name = primedNames.front();
  primedNames.pop_front();
  return name;
}

QString settingOf(const QString& topic) {
  return QStringLiteral("folders/") + topic;
}

QString lastFolder(const QString& topic) {
  return QSettings().value(settingOf(topic), QDir::homePath()).toString();
}

QString remembered(const QString& name, const QString& topic) {
  if (!name.isEmpty()) {
    const QFileInfo info(name);
    QSettings().setValue(settingOf(topic),
                         info.isDir() ? info.absoluteFilePath() : info.absolutePath());
  }
  return name;
}

}  // namespace

QString openFile(QWidget* parent,
                 const QString& title,
                 const QString& filter,
                 const QString& topic) {
  if (const auto name = primed()) {
    return *name;
  }
  return remembered(QFileDialog::getOpenFileName(parent, title, lastFolder(topic), filter), topic);
}

QString openFolder(QWidget* parent, const QString& title, const QString& topic) {
  if (const auto name = primed()) {
    return *name;
  }
  return remembered(QFileDialog::getExistingDirectory(parent, title, lastFolder(topic)), topic);
}

QString saveFile(QWidget* parent,
                 const QString& title,
                 const QString& suggestion,
                 const QString& filter,
                 const QString& topic) {
  if (const auto name = primed()) {
    return *name;
  }
  const QString start = QDir(lastFolder(topic)).filePath(suggestion);
  return remembered(QFileDialog::getSaveFileName(parent, title, start, filter), topic);
}

void primeName(const QString& name) {
  primedNames.push_back(name);
}

}  // namespace argand::ui::file_dialog
