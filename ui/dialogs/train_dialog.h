// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/train/trainer.h"

#include <QDialog>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;

namespace argand::ui {

class CurveWidget;
class DeviceFields;
class PathEdit;
class TrainingRun;

// Fine-tunes a model on a folder of images with their label maps: checks the data,
// trains with live curves, and the result joins the models of this machine. Not
// modal; closing it leaves the training running.
class TrainDialog : public QDialog {
  Q_OBJECT

 public:
  explicit TrainDialog(TrainingRun& run, QWidget* parent = nullptr);

 private:
  [[nodiscard]] QWidget* buildFields();
  [[nodiscard]] QWidget* buildResults();
  void connectRun();
  void fillModels();
  void suggestNames();
  void dataChanged();
  void check();
  void showChecked();
  void start();
  void showEpochs();
  void showProgress(const Progress& progress);
  void ended(const QString& text, const char* role);
  void enableFields();
  [[nodiscard]] Result<train::TrainOptions> options() const;

  TrainingRun& m_run;
  PathEdit* m_folder;
  QPushButton* m_browse;
  QComboBox* m_base;
  QCheckBox* m_scratch;
  QLineEdit* m_name;
  QSpinBox* m_epochs;
  QSpinBox* m_batch;
  QDoubleSpinBox* m_rate;
  QSpinBox* m_validation;
  QComboBox* m_loss;
  QCheckBox* m_augment;
  QCheckBox* m_resume;
  DeviceFields* m_devices;
  QPushButton* m_check;
  QPlainTextEdit* m_findings;
  CurveWidget* m_lossCurve;
  CurveWidget* m_diceCurve;
  QLabel* m_message;
  QLabel* m_stage;
  QProgressBar* m_bar;
  QPushButton* m_start;
  QPushButton* m_cancel;
  QPushButton* m_close;
};

}  // namespace argand::ui
