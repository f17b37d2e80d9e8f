// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/model_source.h"
#include "ui/session/organ_list_model.h"
#include "ui/session/session.h"
#include "ui/session/study_model.h"
#include "ui/session/training_run.h"
#include "ui/session/workbench.h"

#include <QMainWindow>

#include <filesystem>
#include <functional>

class QAction;
class QDockWidget;
class QLabel;
class QMenu;
class QMenuBar;

namespace argand::ui {

class ExportDialog;
class OrganPanel;
class QuadView;
class SegmentDialog;
class StatusStrip;
class StudyPanel;
class TrainDialog;

// The window: views in the middle, studies left, organs and tools right, and the
// strip that says what the program is not for. Joins the session with the panels
// and dialogs; holds no state of the study itself.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  // `models` must outlive the window. Nothing is read from it before a dialog asks.
  explicit MainWindow(infer::ModelSource& models, QWidget* parent = nullptr);
  ~MainWindow() override;

  [[nodiscard]] Session& session() { return m_session; }

  [[nodiscard]] Workbench& workbench() { return m_workbench; }

  [[nodiscard]] QuadView& views() { return *m_views; }

  void open(const std::filesystem::path& path);

  void openSegmentation(const std::filesystem::path& path) { m_workbench.openSegmentation(path); }

  // The notice of what the program is not for, once per person.
  void showFirstStartNotice();

 public slots:
  void openFile();
  void openFolder();
  void openStructures();
  void showSegmentDialog();
  void showExportDialog();
  void showTrainDialog();
  void showKeys();
  void showAbout();

 protected:
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void buildStrip();
  void buildDocks();
  // Actions are made in main_window_actions.cpp.
  void buildActions();
  void buildFileActions();
  void buildEditActions();
  void buildToolActions();
  void buildViewActions();
  void buildHelpActions();
  void buildToolBar();
  // A new action of `menu`; `keys` are its default shortcuts, which settings may change.
  QAction* action(QMenu* menu,
                  const char* name,
                  const QString& text,
                  const QString& icon,
                  const QList<QKeySequence>& keys,
                  std::function<void()> run);
  void connectSession();
  void connectWorkbench();
  void showTitle();
  void enableActions();
  void fillRecent();
  void remember(const std::vector<std::filesystem::path>& paths);
  void openDropped(const std::vector<std::filesystem::path>& paths);
  [[nodiscard]] QStringList askOverwrite(const QStringList& edited);
  [[nodiscard]] bool askTake(const QStringList& reviewed);
  [[nodiscard]] bool mayLeaveWork();
  // True where the key goes to a field for text that has the focus, and to nothing else.
  bool keepForText(QObject* watched, QEvent* event);
  void keepOwnPreset();
  void readSettings();
  void writeSettings();
  [[nodiscard]] bool mayClose();
  void changeDisplay(const std::function<void(DisplayState&)>& change);

  Session m_session;
  StudyModel m_studies;
  Workbench m_workbench;
  TrainingRun m_training;
  OrganListModel m_organs;

  QuadView* m_views = nullptr;
  StatusStrip* m_status = nullptr;
  StudyPanel* m_studyPanel = nullptr;
  OrganPanel* m_organPanel = nullptr;
  QDockWidget* m_studyDock = nullptr;
  QDockWidget* m_organDock = nullptr;
  QDockWidget* m_toolDock = nullptr;
  QMenuBar* m_menus = nullptr;
  QMenu* m_recent = nullptr;
  QList<QAction*> m_needVolume;
  QList<QAction*> m_needStructures;
  QAction* m_undo = nullptr;
  QAction* m_redo = nullptr;
  QMap<int, QAction*> m_tools;  // by Tool
  QAction* m_outline = nullptr;
  QAction* m_crosshair = nullptr;
  QAction* m_organsShown = nullptr;
  QAction* m_limit = nullptr;
  QAction* m_hidePatient = nullptr;
  QAction* m_interpolate = nullptr;
  QAction* m_panels = nullptr;
  SegmentDialog* m_segmentDialog = nullptr;
  ExportDialog* m_exportDialog = nullptr;
  TrainDialog* m_trainDialog = nullptr;
  bool m_closing = false;
  qint64 m_peekStarted = 0;  // ms; 0: the V key is up
};

}  // namespace argand::ui
