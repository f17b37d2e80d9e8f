// SPDX-License-Identifier: Apache-2.0
#include "ui/jobs/job_runner.h"

#include <mutex>

namespace argand::ui {

JobRunner::JobRunner(QObject* parent) : QObject(parent) {}

JobRunner::~JobRunner() {
  if (m_thread.joinable()) {
    m_thread.request_stop();
    m_thread.join();
  }
}

void JobRunner::cancel() {
  if (m_busy && m_thread.request_stop()) {
    emit cancelRequested();
  }
}

ProgressFn JobRunner::throttled() {
  struct Last {
    std::mutex mutex;
    std::string stage;
    std::chrono::steady_clock::time_point when;
  };

  constexpr auto kPause = std::chrono::milliseconds(50);
  auto last = std::make_shared<Last>();
  return [this, last, kPause](const Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    {
      const std::scoped_lock lock(last->mutex);
      if (progress.stage == last->stage && now - last->when < kPause) {
        return;
      }
      last->stage = progress.stage;
      last->when = now;
    }
    QMetaObject::invokeMethod(
        this, [this, progress] { emit progressed(progress); }, Qt::QueuedConnection);
  };
}

void JobRunner::begin(const QString& title) {
  m_title = title;
  m_busy = true;
  emit started(title);
}

void JobRunner::end(bool succeeded) {
  m_busy = false;
  emit finished(succeeded);
}

}  // namespace argand::ui
