// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/affine.h"
#include "ui/jobs/job_runner.h"
#include "ui/jobs/stage_clock.h"

#include <QString>
#include <QTimer>
#include <QWidget>

#include <optional>

class QLabel;
class QProgressBar;
class QToolButton;

namespace argand::ui {

class Session;

// "L 12.3  P 4.5  H 678.9 mm" of a point in LPS.
[[nodiscard]] QString positionText(const Vec3& lpsMm);

// The strip at the bottom: value, position, voxel and organ under the mouse (or the
// crosshair), memory, and the task that runs.
class StatusStrip : public QWidget {
  Q_OBJECT

 public:
  StatusStrip(Session& session, JobRunner& jobs, QWidget* parent = nullptr);

  // A sentence that gives way to the values after a while.
  void say(const QString& sentence);

 private:
  void showPoint();
  void showMemory();
  void showProgress(const Progress& progress);

  Session& m_session;
  JobRunner& m_jobs;
  QLabel* m_value;
  QLabel* m_position;
  QLabel* m_voxel;
  QLabel* m_organ;
  QLabel* m_notice;
  QLabel* m_task;
  QProgressBar* m_bar;
  QToolButton* m_cancel;
  QLabel* m_memory;
  StageClock m_clock;
  QTimer m_noticeTimer;
  QTimer m_memoryTimer;
};

}  // namespace argand::ui
