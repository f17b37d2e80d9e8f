// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/segmenter.h"
#include "ui/jobs/job_runner.h"
#include "ui/jobs/stage_clock.h"

#include <QDialog>
#include <QTimer>

#include <vector>

class QCheckBox;
class QComboBox;
class QLabel;
class QListWidget;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QTextBrowser;

namespace argand::ui {

class CheckList;
class DeviceBars;
class DeviceFields;
class Session;
class Workbench;

// Chooses a model, where and on what to run it, shows the plan that would be
// followed, and runs it. Not modal: the study can be looked at meanwhile.
class SegmentDialog : public QDialog {
  Q_OBJECT

 public:
  SegmentDialog(Session& session, Workbench& workbench, QWidget* parent = nullptr);
  ~SegmentDialog() override;

  // Reads the models' cards and the present volume again.
  void refresh();

 protected:
  void reject() override;

 private:
  [[nodiscard]] QWidget* buildChoice();
  [[nodiscard]] QWidget* buildPlan();
  void connectWorkbench();
  void showCard();
  void planLater();
  void plan();
  void planned(const Result<infer::SegmentPlan>& plan);
  [[nodiscard]] Result<infer::SegmentRequest> request() const;
  [[nodiscard]] const infer::ModelCard* card() const;
  void addRegion();
  void showRegionButton();
  void start();
  void setRunning(bool running);
  void showProgress(const Progress& progress);
  void showStopping();

  Session& m_session;
  Workbench& m_workbench;
  std::vector<infer::ModelCard> m_cards;
  std::vector<infer::Region> m_regions;
  bool m_running = false;
  QTimer m_planTimer;

  QListWidget* m_models;
  QTextBrowser* m_info;
  CheckList* m_structures;
  DeviceFields* m_devices;
  QListWidget* m_regionList;
  QComboBox* m_side;
  QPushButton* m_addRegion;
  QPushButton* m_removeRegion;
  QCheckBox* m_force;
  QLabel* m_message;
  DeviceBars* m_bars;
  QPlainTextEdit* m_planText;
  QLabel* m_stage;
  QProgressBar* m_bar;
  StageClock m_clock;
  QPushButton* m_start;
  QPushButton* m_close;
  JobRunner m_planner;
};

}  // namespace argand::ui
