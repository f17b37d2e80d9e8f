// SPDX-License-Identifier: Apache-2.0
#include "ui/main_window.h"
#include "ui/panels/organ_panel.h"
#include "ui/session/text.h"
#include "ui/session/window_presets.h"
#include "ui/style/style.h"
#include "ui/views/quad_view.h"

#include <QAction>
#include <QActionGroup>
#include <QDateTime>
#include <QDockWidget>
#include <QKeySequence>
#include <QMenu>
#include <QMenuBar>
#include <QSettings>
#include <QToolBar>
#include <QToolButton>

namespace argand::ui {
namespace {

QList<QKeySequence> keys(std::initializer_list<const char*> texts) {
  QList<QKeySequence> sequences;
  for (const char* text : texts) {
    sequences << QKeySequence(QLatin1String(text));
  }
  return sequences;
}

// What settings say instead of the default, under "keys/<name of the action>".
QList<QKeySequence> remapped(const char* name, const QList<QKeySequence>& defaults) {
  const QVariant set = QSettings().value(QStringLiteral("keys/") + QLatin1String(name));
  return set.isValid() ? QKeySequence::listFromString(set.toString()) : defaults;
}

}  // namespace

QAction* MainWindow::action(QMenu* menu,
                            const char* name,
                            const QString& text,
                            const QString& icon,
                            const QList<QKeySequence>& keys,
                            std::function<void()> run) {
  auto* made = new QAction(text, this);
  made->setObjectName(QLatin1String(name));
  if (!icon.isEmpty()) {
    made->setIcon(ui::icon(icon));
  }
  made->setShortcuts(remapped(name, keys));
  QString tip = text;
  tip.remove(u'&').remove(QStringLiteral("..."));
  if (!made->shortcut().isEmpty()) {
    tip += QStringLiteral("  (%1)").arg(made->shortcut().toString(QKeySequence::NativeText));
  }
  made->setToolTip(tip);
  connect(made, &QAction::triggered, this, std::move(run));
  addAction(made);
  menu->addAction(made);
  return made;
}

void MainWindow::buildActions() {
  buildFileActions();
  buildEditActions();
  buildToolActions();
  buildViewActions();
  buildHelpActions();
  buildToolBar();
}

void MainWindow::buildFileActions() {
  QMenu* menu = m_menus->addMenu(tr("&File"));
  action(menu,
         "openFileAction",
         tr("&Open an image..."),
         QStringLiteral("open"),
         keys({"Ctrl+O"}),
         [this] { openFile(); });
  action(menu, "openFolderAction", tr("Open a &folder..."), {}, keys({"Ctrl+Shift+O"}), [this] {
    openFolder();
  });
  m_recent = menu->addMenu(tr("Open &recent"));
  m_recent->setObjectName(QStringLiteral("recentMenu"));
  connect(m_recent, &QMenu::aboutToShow, this, &MainWindow::fillRecent);
  m_needVolume << action(menu,
                         "openStructuresAction",
                         tr("Open &structures..."),
                         QStringLiteral("structures"),
                         {},
                         [this] { openStructures(); });
  menu->addSeparator();
  m_needStructures << action(
      menu, "exportAction", tr("&Export..."), QStringLiteral("export"), keys({"Ctrl+E"}), [this] {
        showExportDialog();
      });
  menu->addSeparator();
  action(menu, "quitAction", tr("&Quit"), {}, keys({"Ctrl+Q"}), [this] { close(); });
}

void MainWindow::buildEditActions() {
  QMenu* menu = m_menus->addMenu(tr("&Edit"));
  m_undo =
      action(menu, "undoAction", tr("&Undo"), QStringLiteral("undo"), keys({"Ctrl+Z"}), [this] {
        m_session.undo();
      });
  m_redo = action(menu,
                  "redoAction",
                  tr("&Redo"),
                  QStringLiteral("redo"),
                  keys({"Ctrl+Shift+Z", "Ctrl+Y"}),
                  [this] { m_session.redo(); });
  menu->addSeparator();
  m_needVolume << action(
      menu, "addOrganAction", tr("&Add an organ"), QStringLiteral("add"), {}, [this] {
        m_session.addStructure();
      });
  m_needStructures << action(
      menu, "renameOrganAction", tr("Re&name the organ"), {}, keys({"F2"}), [this] {
        m_organPanel->renameActive();
      });
  m_needStructures << action(
      menu, "colourOrganAction", tr("&Colour of the organ..."), {}, {}, [this] {
        m_organPanel->chooseColour();
      });
  m_needStructures << action(
      menu, "deleteOrganAction", tr("&Delete the organ"), QStringLiteral("delete"), {}, [this] {
        m_session.removeStructure(m_session.activeStructure());
      });
  menu->addSeparator();
  m_needStructures << action(menu, "nextOrganAction", tr("Next organ"), {}, keys({"Q"}), [this] {
    m_session.chooseNext(1);
  });
  m_needStructures << action(
      menu, "previousOrganAction", tr("Previous organ"), {}, keys({"Shift+Q"}), [this] {
        m_session.chooseNext(-1);
      });
  m_needStructures << action(
      menu, "nextUnreviewedAction", tr("Next organ to review"), {}, keys({"N"}), [this] {
        m_session.chooseNextUnreviewed(1);
      });
  m_needStructures << action(menu,
                             "previousUnreviewedAction",
                             tr("Previous organ to review"),
                             {},
                             keys({"Shift+N"}),
                             [this] { m_session.chooseNextUnreviewed(-1); });
  m_needStructures << action(
      menu,
      "reviewedAction",
      tr("Mark as reviewed"),
      QStringLiteral("check"),
      keys({"Return", "Enter"}),
      [this] { m_session.setReview(m_session.activeStructure(), ReviewState::Completed); });
}

void MainWindow::buildToolActions() {
  QMenu* menu = m_menus->addMenu(tr("&Tools"));
  m_needVolume << action(
      menu, "segmentAction", tr("&Segment..."), QStringLiteral("segment"), keys({"F5"}), [this] {
        showSegmentDialog();
      });
  action(menu, "trainAction", tr("&Fine-tune a model..."), QStringLiteral("train"), {}, [this] {
    showTrainDialog();
  });
  menu->addSeparator();
  auto* group = new QActionGroup(this);
  const auto addTool =
      [&](Tool tool, const char* name, const QString& text, const char* icon, const char* key) {
        QAction* made = action(menu, name, text, QLatin1String(icon), keys({key}), [this, tool] {
          m_session.setTool(tool);
        });
        made->setCheckable(true);
        group->addAction(made);
        m_tools[int(tool)] = made;
        m_needVolume << made;
      };
  addTool(Tool::View, "viewTool", tr("&Window and move"), "view", "W");
  addTool(Tool::Paint, "paintTool", tr("&Paint"), "paint", "P");
  addTool(Tool::Erase, "eraseTool", tr("&Erase"), "erase", "E");
  addTool(Tool::Threshold, "thresholdTool", tr("&Threshold, and box"), "threshold", "T");
  menu->addSeparator();
  m_needVolume << action(
      menu, "swapToolsAction", tr("Swap the last two tools"), {}, keys({"Space"}), [this] {
        m_session.swapTools();
      });
  m_limit =
      action(menu, "limitAction", tr("Paint only values in the range"), {}, keys({"I"}), [this] {
        BrushState brush = m_session.brush();
        brush.limitToRange = !brush.limitToRange;
        m_session.setBrush(brush);
      });
  m_limit->setCheckable(true);
  m_needVolume << action(
      menu, "clearRegionAction", tr("Forget the box"), {}, {}, [this] { m_session.setRegion({}); });
}

void MainWindow::buildViewActions() {
  QMenu* menu = m_menus->addMenu(tr("&View"));
  QMenu* windows = menu->addMenu(tr("&Window"));
  m_needVolume << action(windows, "preset0Action", tr("Image's own"), {}, keys({"0"}), [this] {
    m_session.applyPreset(0);
  });
  for (const WindowPreset& preset : windowPresets(Modality::Ct)) {
    const QByteArray name = QByteArrayLiteral("preset") + QByteArray::number(preset.key) + "Action";
    const QByteArray key = QByteArray::number(preset.key);
    const QString text =
        tr("%1  (%2 / %3)").arg(preset.name).arg(preset.window.width).arg(preset.window.level);
    m_needVolume << action(
        windows, name.constData(), text, {}, keys({key.constData()}), [this, number = preset.key] {
          m_session.applyPreset(number);
        });
  }
  m_needVolume << action(windows, "preset9Action", tr("My own"), {}, keys({"9"}), [this] {
    m_session.applyPreset(9);
  });
  m_needVolume << action(
      windows, "keepPresetAction", tr("Keep this window as my own"), {}, keys({"Ctrl+9"}), [this] {
        keepOwnPreset();
      });
  menu->addSeparator();
  m_organsShown = action(menu, "organsShownAction", tr("Show &organs"), {}, keys({"V"}), [this] {
    m_peekStarted = QDateTime::currentMSecsSinceEpoch();
    changeDisplay([](DisplayState& display) { display.organsVisible = !display.organsVisible; });
  });
  m_organsShown->setAutoRepeat(false);
  constexpr double kOpacityStep = 0.1;
  action(menu, "lessOpaqueAction", tr("Organs more transparent"), {}, keys({","}), [this] {
    changeDisplay([](DisplayState& display) { display.overlayOpacity -= kOpacityStep; });
  });
  action(menu, "moreOpaqueAction", tr("Organs more opaque"), {}, keys({"."}), [this] {
    changeDisplay([](DisplayState& display) { display.overlayOpacity += kOpacityStep; });
  });
  m_outline = action(
      menu, "outlineAction", tr("Out&lines"), QStringLiteral("outline"), keys({"O"}), [this] {
        changeDisplay(
            [](DisplayState& display) { display.overlayOutline = !display.overlayOutline; });
      });
  m_crosshair = action(
      menu, "crosshairAction", tr("&Crosshair"), QStringLiteral("crosshair"), keys({"X"}), [this] {
        changeDisplay(
            [](DisplayState& display) { display.crosshairVisible = !display.crosshairVisible; });
      });
  m_interpolate = action(menu, "interpolateAction", tr("&Smooth pixels"), {}, {}, [this] {
    changeDisplay([](DisplayState& display) { display.interpolate = !display.interpolate; });
  });
  m_hidePatient = action(
      menu, "hidePatientAction", tr("&Hide patient data"), {}, keys({"Ctrl+Shift+H"}), [this] {
        changeDisplay(
            [](DisplayState& display) { display.patientDataHidden = !display.patientDataHidden; });
      });
  menu->addSeparator();
  m_needVolume << action(
      menu, "resetViewAction", tr("&Reset pan and zoom"), {}, keys({"R"}), [this] {
        emit m_session.viewResetRequested();
      });
  m_needVolume << action(
      menu, "resetAllAction", tr("Reset the window too"), {}, keys({"Shift+R"}), [this] {
        emit m_session.viewResetRequested();
        m_session.setWindow(startWindow(*m_session.volume()));
      });
  m_needVolume << action(menu, "maximiseAction", tr("&One view, or all four"), {}, {}, [this] {
    m_views->toggleMaximized();
  });
  menu->addSeparator();
  m_panels = action(menu, "panelsAction", tr("&Panels"), {}, keys({"Tab"}), [this] {
    for (QDockWidget* dock : {m_studyDock, m_organDock, m_toolDock}) {
      dock->setVisible(m_panels->isChecked());
    }
  });
  QAction* full = action(menu,
                         "fullScreenAction",
                         tr("&Full screen"),
                         QStringLiteral("fullscreen"),
                         keys({"F11"}),
                         [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
  for (QAction* one :
       {m_organsShown, m_outline, m_crosshair, m_interpolate, m_hidePatient, m_panels}) {
    one->setCheckable(true);
  }
  m_panels->setChecked(true);
  full->setMenuRole(QAction::NoRole);
}

void MainWindow::buildHelpActions() {
  QMenu* menu = m_menus->addMenu(tr("&Help"));
  action(menu, "keysAction", tr("&Mouse and keys"), QStringLiteral("help"), keys({"F1"}), [this] {
    showKeys();
  });
  action(menu, "aboutAction", tr("&About Argand"), {}, {}, [this] { showAbout(); });
}

void MainWindow::buildToolBar() {
  auto* bar = addToolBar(tr("Tools"));
  bar->setObjectName(QStringLiteral("toolBar"));
  bar->setMovable(false);
  bar->setIconSize({20, 20});
  const auto add = [&](const char* name, Qt::ToolButtonStyle style = Qt::ToolButtonIconOnly) {
    auto* made = findChild<QAction*>(QLatin1String(name));
    auto* button = new QToolButton(bar);
    button->setDefaultAction(made);
    button->setToolButtonStyle(style);
    button->setIconSize(bar->iconSize());
    button->setFocusPolicy(Qt::NoFocus);
    QString text = made->text();
    button->setText(text.remove(u'&').remove(QStringLiteral("...")));
    bar->addWidget(button);
    return button;
  };
  add("openFileAction", Qt::ToolButtonTextBesideIcon)->setText(tr("Open"));
  bar->addSeparator();
  QToolButton* segment = add("segmentAction", Qt::ToolButtonTextBesideIcon);
  segment->setObjectName(QStringLiteral("segmentButton"));
  bar->addSeparator();
  add("viewTool");
  add("paintTool");
  add("eraseTool");
  add("thresholdTool");
  bar->addSeparator();
  add("undoAction");
  add("redoAction");
  bar->addSeparator();
  add("outlineAction");
  add("crosshairAction");
  auto* gap = new QWidget(bar);
  gap->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  gap->setAttribute(Qt::WA_TransparentForMouseEvents);
  gap->setStyleSheet(QStringLiteral("background: transparent;"));
  bar->addWidget(gap);
  add("exportAction", Qt::ToolButtonTextBesideIcon)->setText(tr("Export"));
  add("trainAction");
  add("keysAction");
}

void MainWindow::enableActions() {
  const bool volume = m_session.volume() != nullptr;
  for (QAction* one : m_needVolume) {
    one->setEnabled(volume);
  }
  const bool structures = volume && !m_session.segmentation().structures().empty();
  for (QAction* one : m_needStructures) {
    one->setEnabled(structures);
  }
  const auto name = [](const QString& verb, const edit::Edit* edit) {
    return edit == nullptr ? verb : QStringLiteral("%1: %2").arg(verb, textOf(edit->title));
  };
  const edit::Edit* undo = m_session.history().nextUndo();
  const edit::Edit* redo = m_session.history().nextRedo();
  m_undo->setEnabled(undo != nullptr);
  m_redo->setEnabled(redo != nullptr);
  m_undo->setText(name(tr("&Undo"), undo));
  m_redo->setText(name(tr("&Redo"), redo));
  m_undo->setToolTip(name(tr("Undo"), undo) + QStringLiteral("  (Ctrl+Z)"));
  m_redo->setToolTip(name(tr("Redo"), redo) + QStringLiteral("  (Ctrl+Shift+Z)"));
}

}  // namespace argand::ui
