// SPDX-License-Identifier: Apache-2.0
#include "app/composition.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/version.h"
#include "ui/main_window.h"
#include "ui/session/text.h"
#include "ui/style/style.h"
#include "ui/views/quad_view.h"

#include <QApplication>
#include <QBuffer>
#include <QCommandLineParser>
#include <QStandardPaths>
#include <QTextStream>
#include <QTimer>

#include <filesystem>
#include <string>

namespace {

using namespace argand;
namespace fs = std::filesystem;

// Saves a picture of the window once everything asked for is on the screen, and
// quits: status 0, or 3 where something could not be shown or written.
class Screenshot : public QObject {
 public:
  Screenshot(ui::MainWindow& window, fs::path file, fs::path labels)
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
    if (!m_labels.empty()) {
      m_inputs.push_back(m_labels);
      m_window.openSegmentation(std::exchange(m_labels, {}));
      return;
    }
    if (m_window.views().volumeView().upToDate() && !m_taken) {
      m_taken = true;
      QTimer::singleShot(kSettleMs, this, &Screenshot::take);
    }
  }

  void take() {
    const Result<void> saved = save();
    if (!saved) {
      QTextStream(stderr) << ui::textOf(saved.error().message) << Qt::endl;
    }
    QApplication::exit(saved ? 0 : exitStatus(saved.error().code));
  }

  // Never over what is on the screen.
  [[nodiscard]] Result<void> save() {
    ARGAND_TRY(m_window.workbench().checkOutput(m_file));
    ARGAND_TRY(checkNotAnInput(m_file, m_inputs));
    QBuffer png;
    m_window.grab().save(&png, "PNG");
    const QByteArray& bytes = png.data();
    return writeFileAtomically(m_file, {bytes.constData(), std::size_t(bytes.size())});
  }

  static constexpr int kSettleMs = 400;
  ui::MainWindow& m_window;
  fs::path m_file;
  fs::path m_labels;
  std::vector<fs::path> m_inputs;
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
  // As bytes: the name of a file need not be text.
  QStringList arguments;
  for (int n = 0; n < argc; ++n) {
    arguments << ui::carriedPath(argv[n]);
  }
  parser.process(arguments);

  addLogSink();
  ui::applyStyle(application);
  const auto models = app::makeModels();
  ui::MainWindow window(*models);
  window.show();
  const QStringList paths = parser.positionalArguments();
  const fs::path labelFile = ui::pathFrom(parser.value(labels));
  const bool picture = parser.isSet(screenshot);
  std::unique_ptr<Screenshot> shot;
  if (picture) {
    shot = std::make_unique<Screenshot>(window, ui::pathFrom(parser.value(screenshot)), labelFile);
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
          [&window, file = labelFile] {
            QTimer::singleShot(0, &window, [&window, file] { window.openSegmentation(file); });
          },
          Qt::SingleShotConnection);
    }
  }
  if (!paths.isEmpty()) {
    QTimer::singleShot(
        0, &window, [&window, path = ui::pathFrom(paths.front())] { window.open(path); });
  }
  return QApplication::exec();
}
