// SPDX-License-Identifier: Apache-2.0
#include "app/composition.h"
#include "core/base/log.h"
#include "core/base/version.h"
#include "ui/main_window.h"
#include "ui/style/style.h"
#include "ui/views/quad_view.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QStandardPaths>
#include <QTextStream>
#include <QTimer>

#include <string>

namespace {

using namespace argand;

// Saves a picture of the window once everything asked for is on the screen, and
// quits: status 0, or 3 where something could not be shown or written.
class Screenshot : public QObject {
 public:
  Screenshot(ui::MainWindow& window, QString file, QString labels)
      : m_window(window), m_file(std::move(file)), m_labels(std::move(labels)) {
    connect(
        &window.workbench(), &ui::Workbench::failed, this, [](const QString&, const QString& text) {
          QTextStream(stderr) << text << Qt::endl;
          QApplication::exit(exitStatus(ErrorCode::InputRefused));
        });
    connect(&window.workbench().jobs(), &ui::JobRunner::finished, this, &Screenshot::next);
    connect(&window.views().volumeView(), &ui::VolumeView::becameUpToDate, this, &Screenshot::next);
  }

  // Once more after the event loop has had its turn: what has just ended may be
  // about to start something else.
  void next() { QTimer::singleShot(kSettleMs, this, &Screenshot::step); }

 private:
  void step() {
    if (m_window.workbench().jobs().busy()) {
      return;
    }
    if (!m_labels.isEmpty()) {
      m_window.openSegmentation(std::exchange(m_labels, {}));
      return;
    }
    if (m_window.views().volumeView().upToDate() && !m_taken) {
      m_taken = true;
      QTimer::singleShot(kSettleMs, this, &Screenshot::take);
    }
  }

  void take() {
    const bool saved = m_window.grab().save(m_file);
    if (!saved) {
      QTextStream(stderr) << m_file << " cannot be written." << Qt::endl;
    }
    QApplication::exit(saved ? 0 : exitStatus(ErrorCode::OutputFailed));
  }

  static constexpr int kSettleMs = 400;
  ui::MainWindow& m_window;
  QString m_file;
  QString m_labels;
  bool m_taken = false;
};

void addLogSink() {
  log::addSink(log::Level::Warning, [](log::Level level, std::string_view message) {
    fmt::print(stderr, "{}: {}\n", log::toString(level), message);
  });
}

}  // namespace

int main(int argc, char** argv) {
  ui::VtkWidget::setDefaultFormat();
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("argand"));
  QApplication::setApplicationName(QStringLiteral("argand"));
  QApplication::setApplicationDisplayName(QStringLiteral("Argand"));
  QApplication::setApplicationVersion(QString::fromLatin1(kVersion));
  QApplication::setDesktopFileName(QStringLiteral("argand"));

  QCommandLineParser parser;
  parser.setApplicationDescription(
      QStringLiteral("Segments a whole CT or MR study. Research use only - not for diagnosis."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(QStringLiteral("path"),
                               QStringLiteral("A study: a file or a folder."),
                               QStringLiteral("[path]"));
  const QCommandLineOption labels(
      QStringLiteral("labels"),
      QStringLiteral("Structures to put onto it: an RTSTRUCT or a label map."),
      QStringLiteral("file"));
  const QCommandLineOption screenshot(
      QStringLiteral("screenshot"),
      QStringLiteral("Save a picture of the window (PNG) and quit."),
      QStringLiteral("file"));
  parser.addOptions({labels, screenshot});
  parser.process(application);

  addLogSink();
  ui::applyStyle(application);
  const auto models = app::makeModels();
  ui::MainWindow window(*models);
  window.show();
  const QStringList paths = parser.positionalArguments();
  const bool picture = parser.isSet(screenshot);
  std::unique_ptr<Screenshot> shot;
  if (picture) {
    shot = std::make_unique<Screenshot>(window, parser.value(screenshot), parser.value(labels));
    if (paths.isEmpty()) {
      shot->next();
    }
  } else {
    QTimer::singleShot(0, &window, &ui::MainWindow::showFirstStartNotice);
    if (parser.isSet(labels)) {
      // After the study that they belong to is on the screen.
      QObject::connect(
          &window.workbench(),
          &ui::Workbench::shown,
          &window,
          [&window, file = parser.value(labels)] {
            QTimer::singleShot(0, &window, [&window, file] { window.openSegmentation(file); });
          },
          Qt::SingleShotConnection);
    }
  }
  if (!paths.isEmpty()) {
    QTimer::singleShot(0, &window, [&window, path = paths.front()] { window.open(path); });
  }
  return QApplication::exec();
}
