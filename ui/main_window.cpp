// SPDX-License-Identifier: Apache-2.0
#include "ui/main_window.h"

#include "ui/dialogs/about.h"
#include "ui/dialogs/export_dialog.h"
#include "ui/dialogs/file_dialog.h"
#include "ui/dialogs/key_sheet.h"
#include "ui/dialogs/message_box.h"
#include "ui/dialogs/segment_dialog.h"
#include "ui/dialogs/train_dialog.h"
#include "ui/panels/organ_panel.h"
#include "ui/panels/status_strip.h"
#include "ui/panels/study_panel.h"
#include "ui/panels/tool_panel.h"
#include "ui/style/style.h"
#include "ui/views/quad_view.h"

#include <QAction>
#include <QApplication>
#include <QCloseEvent>
#include <QDateTime>
#include <QDockWidget>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QScrollArea>
#include <QSettings>
#include <QStatusBar>
#include <QTimer>
#include <QVBoxLayout>

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

QStringList localPaths(const QMimeData& data) {
  QStringList paths;
  for (const QUrl& url : data.urls()) {
    if (url.isLocalFile()) {
      paths << url.toLocalFile();
    }
  }
  return paths;
}

QString ownPresetSetting(Modality modality) {
  return QStringLiteral("window/own/%1").arg(int(modality));
}

}  // namespace

MainWindow::MainWindow(infer::ModelSource& models, QWidget* parent)
    : QMainWindow(parent),
      m_workbench(m_session, m_studies, models),
      m_training(models),
      m_organs(m_session) {
  setObjectName(QStringLiteral("mainWindow"));
  setAcceptDrops(true);
  setDockNestingEnabled(true);
  setContextMenuPolicy(Qt::NoContextMenu);
  resize(1440, 900);
  m_views = new QuadView(m_session, this);
  setCentralWidget(m_views);
  buildStrip();
  buildDocks();
  buildActions();
  m_status = new StatusStrip(m_session, m_workbench.jobs(), this);
  statusBar()->addWidget(m_status, 1);
  statusBar()->setSizeGripEnabled(false);
  connectSession();
  connectWorkbench();
  readSettings();
  showTitle();
  enableActions();
  qApp->installEventFilter(this);
}

MainWindow::~MainWindow() {
  qApp->removeEventFilter(this);
}

void MainWindow::buildStrip() {
  auto* top = new QWidget(this);
  auto* layout = new QVBoxLayout(top);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  auto* strip = new QLabel(tr("Research use only - not for diagnosis"), top);
  strip->setObjectName(QStringLiteral("researchStrip"));
  strip->setAlignment(Qt::AlignCenter);
  m_menus = new QMenuBar(top);
  m_menus->setObjectName(QStringLiteral("menuBar"));
  m_menus->setNativeMenuBar(false);
  layout->addWidget(strip);
  layout->addWidget(m_menus);
  setMenuWidget(top);
}

void MainWindow::buildDocks() {
  const auto dock =
      [this](const char* name, const QString& title, QWidget* content, Qt::DockWidgetArea area) {
        auto* made = new QDockWidget(title, this);
        made->setObjectName(QLatin1String(name));
        made->setFeatures(QDockWidget::DockWidgetMovable);
        made->setWidget(content);
        addDockWidget(area, made);
        return made;
      };
  m_studyPanel = new StudyPanel(m_studies, this);
  m_organPanel = new OrganPanel(m_session, m_organs, this);
  auto* scroll = new QScrollArea(this);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(new ToolPanel(m_session, scroll));
  m_studyDock = dock("studyDock", tr("Studies"), m_studyPanel, Qt::LeftDockWidgetArea);
  m_organDock = dock("organDock", tr("Organs"), m_organPanel, Qt::RightDockWidgetArea);
  m_toolDock = dock("toolDock", tr("Display and tools"), scroll, Qt::RightDockWidgetArea);
  resizeDocks({m_studyDock, m_organDock}, {250, 330}, Qt::Horizontal);
  resizeDocks({m_organDock, m_toolDock}, {520, 330}, Qt::Vertical);
}

void MainWindow::connectSession() {
  connect(m_views, &QuadView::pointerMoved, &m_session, &Session::setPointer);
  connect(m_organPanel, &OrganPanel::hovered, m_views, &QuadView::setHighlighted);
  connect(&m_session, &Session::volumeChanged, this, [this] {
    showTitle();
    enableActions();
    m_views->activeSliceView().setFocus();
  });
  connect(&m_session, &Session::structuresChanged, this, &MainWindow::enableActions);
  connect(&m_session, &Session::historyChanged, this, &MainWindow::enableActions);
  connect(&m_session, &Session::modifiedChanged, this, &MainWindow::showTitle);
  const auto showTool = [this] { m_tools[int(m_session.tool())]->setChecked(true); };
  connect(&m_session, &Session::toolChanged, this, showTool);
  showTool();
  const auto showBrush = [this] { m_limit->setChecked(m_session.brush().limitToRange); };
  connect(&m_session, &Session::brushChanged, this, showBrush);
  const auto showDisplay = [this] {
    const DisplayState& display = m_session.display();
    m_outline->setChecked(display.overlayOutline);
    m_crosshair->setChecked(display.crosshairVisible);
    m_organsShown->setChecked(display.organsVisible);
    m_hidePatient->setChecked(display.patientDataHidden);
    m_interpolate->setChecked(display.interpolate);
    m_studies.setPatientHidden(display.patientDataHidden);
    showTitle();
  };
  connect(&m_session, &Session::displayChanged, this, showDisplay);
  showDisplay();
}

void MainWindow::connectWorkbench() {
  m_workbench.setOverwriteQuestion(
      [this](const QStringList& edited) { return askOverwrite(edited); });
  connect(m_studyPanel, &StudyPanel::showRequested, &m_workbench, &Workbench::show);
  connect(m_studyPanel, &StudyPanel::structuresRequested, this, [this](const QString& key) {
    if (const study::Entry* entry = m_studies.entry(key)) {
      openSegmentation(QString::fromStdString(entry->path.string()));
    }
  });
  connect(&m_workbench, &Workbench::opened, this, &MainWindow::remember);
  connect(
      &m_workbench, &Workbench::failed, this, [this](const QString& title, const QString& text) {
        message_box::error(this, title, text);
      });
  connect(&m_workbench,
          &Workbench::exportFailed,
          this,
          [this](const QString& title, const QString& text) {
            if (m_exportDialog == nullptr || !m_exportDialog->isVisible()) {
              message_box::error(this, title, text);
            }
          });
  connect(&m_workbench,
          &Workbench::warned,
          this,
          [this](const QString& title, const QStringList& sentences) {
            message_box::warning(this, title, sentences);
          });
  connect(&m_workbench, &Workbench::segmented, m_status, &StatusStrip::say);
  connect(&m_workbench,
          &Workbench::exported,
          this,
          [this](const QString& path, const QString& summary) {
            m_status->say(tr("%1: %2").arg(QFileInfo(path).fileName(), summary));
          });
  connect(&m_workbench.jobs(), &JobRunner::finished, this, [this] {
    if (m_closing) {
      QTimer::singleShot(0, this, &QWidget::close);
    }
  });
  connect(&m_training, &TrainingRun::installed, this, [this](const QString& id) {
    m_status->say(tr("The model %1 is ready to use.").arg(id));
    if (m_segmentDialog != nullptr) {
      m_segmentDialog->refresh();
    }
  });
  connect(&m_training.jobs(), &JobRunner::finished, this, [this] {
    if (m_closing) {
      QTimer::singleShot(0, this, &QWidget::close);
    }
  });
}

void MainWindow::showTitle() {
  QString title = QStringLiteral("Argand");
  if (m_session.volume() && !m_session.display().patientDataHidden) {
    const QString description = QString::fromStdString(m_session.volume()->description);
    title = description.isEmpty() ? title : tr("%1[*] - Argand").arg(description);
  }
  setWindowTitle(title.contains(QStringLiteral("[*]")) ? title : title + QStringLiteral("[*]"));
  setWindowModified(m_session.modified());
}

void MainWindow::open(const QString& path) {
  m_workbench.open({path});
}

void MainWindow::openFile() {
  if (const QString name =
          file_dialog::openFile(this, tr("Open an image"), imageFilter(), QStringLiteral("study"));
      !name.isEmpty()) {
    open(name);
  }
}

void MainWindow::openFolder() {
  if (const QString name =
          file_dialog::openFolder(this, tr("Open a folder of studies"), QStringLiteral("study"));
      !name.isEmpty()) {
    open(name);
  }
}

void MainWindow::openStructures() {
  const QString name = file_dialog::openFile(
      this, tr("Open structures"), structureFilter(), QStringLiteral("study"));
  if (!name.isEmpty()) {
    openSegmentation(name);
  }
}

// What several files that were dropped together are is no one name.
void MainWindow::remember(const QStringList& paths) {
  if (paths.size() != 1) {
    return;
  }
  QSettings settings;
  QStringList recent = settings.value(QStringLiteral("recent")).toStringList();
  const QString absolute = QFileInfo(paths.front()).absoluteFilePath();
  recent.removeAll(absolute);
  recent.prepend(absolute);
  settings.setValue(QStringLiteral("recent"), QStringList(recent.mid(0, kMostRecent)));
}

void MainWindow::fillRecent() {
  m_recent->clear();
  const QStringList recent = QSettings().value(QStringLiteral("recent")).toStringList();
  for (const QString& path : recent) {
    const QString shown = fontMetrics().elidedText(path, Qt::ElideMiddle, 480);
    m_recent->addAction(shown, this, [this, path] { open(path); });
  }
  m_recent->addSeparator();
  QAction* clear = m_recent->addAction(
      tr("Forget these"), this, [] { QSettings().remove(QStringLiteral("recent")); });
  clear->setEnabled(!recent.isEmpty());
}

QStringList MainWindow::askOverwrite(const QStringList& edited) {
  if (m_closing) {
    return {};
  }
  const int answer = message_box::ask(this,
                                      tr("Keep your work?"),
                                      tr("These organs were edited by hand or are "
                                         "locked:\n\n%1\n\nKeep them as they are, or replace "
                                         "them by the new result? Undo brings them back.")
                                          .arg(edited.join(QStringLiteral(", "))),
                                      {tr("Keep mine"), tr("Replace")});
  return answer == 1 ? edited : QStringList();
}

void MainWindow::showSegmentDialog() {
  if (!m_session.volume()) {
    return;
  }
  if (m_segmentDialog == nullptr) {
    m_segmentDialog = new SegmentDialog(m_session, m_workbench, this);
  } else {
    m_segmentDialog->refresh();
  }
  m_segmentDialog->show();
  m_segmentDialog->raise();
  m_segmentDialog->activateWindow();
}

void MainWindow::showExportDialog() {
  if (!m_session.volume()) {
    return;
  }
  if (m_exportDialog == nullptr) {
    m_exportDialog = new ExportDialog(m_session, m_workbench, this);
  }
  m_exportDialog->refresh();
  m_exportDialog->show();
  m_exportDialog->raise();
  m_exportDialog->activateWindow();
}

void MainWindow::showTrainDialog() {
  if (m_trainDialog == nullptr) {
    m_trainDialog = new TrainDialog(m_training, this);
  }
  m_trainDialog->show();
  m_trainDialog->raise();
  m_trainDialog->activateWindow();
}

void MainWindow::showKeys() {
  showKeySheet(this, findChildren<QAction*>());
}

void MainWindow::showAbout() {
  showAboutDialog(this, m_workbench.models());
}

void MainWindow::showFirstStartNotice() {
  const QString setting = QStringLiteral("notice/acknowledged");
  if (QSettings().value(setting).toBool()) {
    return;
  }
  showResearchNotice(this, [setting] { QSettings().setValue(setting, true); });
}

void MainWindow::changeDisplay(const std::function<void(DisplayState&)>& change) {
  DisplayState display = m_session.display();
  change(display);
  m_session.setDisplay(display);
}

void MainWindow::keepOwnPreset() {
  if (const auto& volume = m_session.volume()) {
    m_session.setOwnPreset(volume->modality, m_session.window());
    QSettings().setValue(ownPresetSetting(volume->modality),
                         QVariantList{m_session.window().width, m_session.window().level});
    m_session.say(tr("Key 9 has this window now."));
  }
}

void MainWindow::readSettings() {
  QSettings settings;
  for (const Modality modality :
       {Modality::Unknown, Modality::Ct, Modality::Mr, Modality::Pet, Modality::Other}) {
    const QVariantList window = settings.value(ownPresetSetting(modality)).toList();
    if (window.size() == 2 && window[0].toDouble() > 0.0) {
      m_session.setOwnPreset(modality, {window[0].toDouble(), window[1].toDouble(), {}});
    }
  }
  restoreGeometry(settings.value(QStringLiteral("window/geometry")).toByteArray());
  restoreState(settings.value(QStringLiteral("window/state")).toByteArray());
}

void MainWindow::writeSettings() {
  QSettings settings;
  settings.setValue(QStringLiteral("window/geometry"), saveGeometry());
  settings.setValue(QStringLiteral("window/state"), saveState());
}

bool MainWindow::mayClose() {
  if (m_training.jobs().busy() && !m_closing) {
    const int answer = message_box::ask(
        this,
        tr("Stop fine-tuning?"),
        tr("A fine-tuning is running. It can be resumed later from its last finished epoch."),
        {tr("Go on"), tr("Stop and close")});
    if (answer != 1) {
      return false;
    }
  }
  if (m_session.modified() && !m_closing) {
    const int answer =
        message_box::ask(this,
                         tr("Leave without exporting?"),
                         tr("The structures were changed since they were last exported."),
                         {tr("Export..."), tr("Leave")});
    if (answer == 0) {
      showExportDialog();
    }
    if (answer != 1) {
      return false;
    }
  }
  return true;
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!mayClose()) {
    event->ignore();
    return;
  }
  if (m_workbench.jobs().busy() || m_training.jobs().busy()) {
    // Closed when the tasks have ended; the window never waits for them.
    m_closing = true;
    m_workbench.jobs().cancel();
    m_training.jobs().cancel();
    setEnabled(false);
    event->ignore();
    return;
  }
  writeSettings();
  event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (!localPaths(*event->mimeData()).isEmpty()) {
    event->acceptProposedAction();
  }
}

void MainWindow::dropEvent(QDropEvent* event) {
  const QStringList paths = localPaths(*event->mimeData());
  if (paths.isEmpty()) {
    return;
  }
  event->acceptProposedAction();
  // Later: the program that they were dragged from waits for the end of this event,
  // not for the answer to a question.
  QTimer::singleShot(0, this, [this, paths] { openDropped(paths); });
}

void MainWindow::openDropped(const QStringList& paths) {
  const QString& path = paths.front();
  // A single image file may as well be a label map; only the person knows.
  if (paths.size() == 1 && m_session.volume() && io::formatOf(path.toStdString())) {
    const int answer =
        message_box::ask(this,
                         tr("Open"),
                         tr("Is %1 an image, or a label map of the study that is shown?")
                             .arg(QFileInfo(path).fileName()),
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

void MainWindow::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    if (m_workbench.jobs().busy()) {
      m_workbench.jobs().cancel();
    } else {
      m_session.setTool(Tool::View);
    }
    return;
  }
  QMainWindow::keyPressEvent(event);
}

// V held down is a peek: the organs come back (or go again) when it is released.
bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
  constexpr qint64 kHeldMs = 350;
  if (event->type() == QEvent::KeyRelease && m_peekStarted != 0) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->key() == Qt::Key_V && !key->isAutoRepeat()) {
      if (QDateTime::currentMSecsSinceEpoch() - m_peekStarted > kHeldMs) {
        changeDisplay(
            [](DisplayState& display) { display.organsVisible = !display.organsVisible; });
      }
      m_peekStarted = 0;
    }
  }
  return QMainWindow::eventFilter(watched, event);
}

}  // namespace argand::ui
