// SPDX-License-Identifier: Apache-2.0
#include "ui/main_window.h"

#include "ui/dialogs/about.h"
#include "ui/dialogs/export_dialog.h"
#include "ui/dialogs/key_sheet.h"
#include "ui/dialogs/message_box.h"
#include "ui/dialogs/segment_dialog.h"
#include "ui/dialogs/train_dialog.h"
#include "ui/panels/organ_panel.h"
#include "ui/panels/status_strip.h"
#include "ui/panels/study_panel.h"
#include "ui/panels/tool_panel.h"
#include "ui/session/text.h"
#include "ui/style/style.h"
#include "ui/views/quad_view.h"

#include <QAction>
#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QScrollArea>
#include <QSettings>
#include <QStatusBar>
#include <QTimer>
#include <QVBoxLayout>

namespace argand::ui {
namespace {

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
  m_session.setReviewQuestion([this](const QStringList& reviewed) { return askTake(reviewed); });
  connect(&m_session, &Session::unexportedChanged, this, [this] {
    showTitle();
    m_studies.setUnexported(m_session.unexported());
  });
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
      openSegmentation(entry->path);
    }
  });
  connect(m_studyPanel,
          &StudyPanel::notesRequested,
          this,
          [this](const QString& title, const QStringList& notes) {
            message_box::warning(this, title, notes);
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
          [this](const std::filesystem::path& path, const QString& summary) {
            m_status->say(tr("%1: %2").arg(shownPath(path.filename()), summary));
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
    const QString description = textOf(m_session.volume()->description);
    title = description.isEmpty() ? title : tr("%1[*] - Argand").arg(description);
  }
  setWindowTitle(title.contains(QStringLiteral("[*]")) ? title : title + QStringLiteral("[*]"));
  setWindowModified(m_session.modified());
}

QStringList MainWindow::askOverwrite(const QStringList& edited) {
  if (m_closing) {
    return {};
  }
  const int answer = message_box::ask(this,
                                      tr("Keep your work?"),
                                      tr("These organs were edited by hand, reviewed or are "
                                         "locked:\n\n%1\n\nKeep them as they are, or replace "
                                         "them by the new result? Undo brings them back.")
                                          .arg(edited.join(QStringLiteral(", "))),
                                      {tr("Keep mine"), tr("Replace")});
  return answer == 1 ? edited : QStringList();
}

bool MainWindow::askTake(const QStringList& reviewed) {
  return message_box::ask(this,
                          tr("Change a reviewed organ?"),
                          tr("This takes voxels from organs that are marked as reviewed:\n\n%1\n\n"
                             "They would have to be reviewed again.")
                              .arg(reviewed.join(QStringLiteral(", "))),
                          {tr("Take the voxels")},
                          -1) == 0;
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
  return mayLeaveWork();
}

// Once, for all series: what is left is named.
bool MainWindow::mayLeaveWork() {
  const auto work = m_session.unexported();
  if (work.empty() || m_closing) {
    return true;
  }
  QStringList lines;
  for (const auto& [key, organs] : work) {
    lines << tr("%1:  %2").arg(m_studies.titleOf(key), organs.join(QStringLiteral(", ")));
  }
  const int answer =
      message_box::ask(this,
                       tr("Leave without exporting?"),
                       tr("These were changed since they were last exported. Only an export keeps "
                          "them:\n\n%1")
                           .arg(lines.join(u'\n')),
                       {tr("Export..."), tr("Leave them")});
  if (answer == 0) {
    // The series on the screen first; the others are marked in the list.
    if (!m_session.modified()) {
      m_workbench.show(work.begin()->first);
    }
    showExportDialog();
  }
  if (answer == 1) {
    m_session.leaveUnexported();
  }
  return answer == 1;
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

}  // namespace argand::ui
