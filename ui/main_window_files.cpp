// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/file_dialog.h"
#include "ui/dialogs/message_box.h"
#include "ui/main_window.h"
#include "ui/session/text.h"

#include <QDropEvent>
#include <QMenu>
#include <QMimeData>
#include <QSettings>
#include <QTimer>
#include <QUrl>

namespace argand::ui {
namespace {

constexpr int kMostRecent = 10;

QString imageFilter() {
  return MainWindow::tr("Images (*.dcm *.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd);;All files (*)");
}

QString structureFilter() {
  return MainWindow::tr(
      "Structures (*.dcm *.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd);;All files (*)");
}

std::vector<std::filesystem::path> localPaths(const QMimeData& data) {
  std::vector<std::filesystem::path> paths;
  for (const QUrl& url : data.urls()) {
    if (std::filesystem::path path = pathFrom(url); !path.empty()) {
      paths.push_back(std::move(path));
    }
  }
  return paths;
}

// The recent paths, as bytes: their names may be any.
constexpr QLatin1String kRecentSetting("recentPaths");

std::vector<std::filesystem::path> recentPaths() {
  std::vector<std::filesystem::path> paths;
  for (const QVariant& one : QSettings().value(kRecentSetting).toList()) {
    paths.emplace_back(one.toByteArray().toStdString());
  }
  return paths;
}

}  // namespace

void MainWindow::open(const std::filesystem::path& path) {
  m_workbench.open({path});
}

void MainWindow::openFile() {
  if (const auto name =
          file_dialog::openFile(this, tr("Open an image"), imageFilter(), QStringLiteral("study"));
      !name.empty()) {
    open(name);
  }
}

void MainWindow::openFolder() {
  if (const auto name =
          file_dialog::openFolder(this, tr("Open a folder of studies"), QStringLiteral("study"));
      !name.empty()) {
    open(name);
  }
}

void MainWindow::openStructures() {
  if (const auto name = file_dialog::openFile(
          this, tr("Open structures"), structureFilter(), QStringLiteral("study"));
      !name.empty()) {
    openSegmentation(name);
  }
}

// What several files that were dropped together are is no one name.
void MainWindow::remember(const std::vector<std::filesystem::path>& paths) {
  if (paths.size() != 1) {
    return;
  }
  std::error_code ignored;
  const auto absolute = std::filesystem::absolute(paths.front(), ignored).lexically_normal();
  std::vector<std::filesystem::path> recent = recentPaths();
  std::erase(recent, absolute);
  recent.insert(recent.begin(), absolute);
  QVariantList kept;
  for (const std::filesystem::path& path : recent) {
    if (kept.size() < kMostRecent) {
      kept << QByteArray::fromStdString(path.native());
    }
  }
  QSettings().setValue(kRecentSetting, kept);
}

void MainWindow::fillRecent() {
  m_recent->clear();
  const std::vector<std::filesystem::path> recent = recentPaths();
  for (const std::filesystem::path& path : recent) {
    const QString shown = fontMetrics().elidedText(shownPath(path), Qt::ElideMiddle, 480);
    m_recent->addAction(shown, this, [this, path] { open(path); });
  }
  m_recent->addSeparator();
  QAction* clear =
      m_recent->addAction(tr("Forget these"), this, [] { QSettings().remove(kRecentSetting); });
  clear->setEnabled(!recent.empty());
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (!localPaths(*event->mimeData()).empty()) {
    event->acceptProposedAction();
  }
}

void MainWindow::dropEvent(QDropEvent* event) {
  const std::vector<std::filesystem::path> paths = localPaths(*event->mimeData());
  if (paths.empty()) {
    return;
  }
  event->acceptProposedAction();
  // Later: the program that they were dragged from waits for the end of this event,
  // not for the answer to a question.
  QTimer::singleShot(0, this, [this, paths] { openDropped(paths); });
}

void MainWindow::openDropped(const std::vector<std::filesystem::path>& paths) {
  const std::filesystem::path& path = paths.front();
  // A single image file may as well be a label map; only the person knows.
  if (paths.size() == 1 && m_session.volume() && io::formatOf(path)) {
    const int answer =
        message_box::ask(this,
                         tr("Open"),
                         tr("Is %1 an image, or a label map of the study that is shown?")
                             .arg(shownPath(path.filename())),
                         {tr("Image"), tr("Label map")});
    if (answer == 0) {
      open(path);
    } else if (answer == 1) {
      openSegmentation(path);
    }
    return;
  }
  m_workbench.open(paths);
}

}  // namespace argand::ui
