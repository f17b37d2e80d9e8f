// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"

#include <QMetaObject>
#include <QObject>
#include <QString>

#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>

namespace argand::ui {

// Runs one plain function at a time, (std::stop_token, const ProgressFn&) ->
// Result<T>, on a thread of its own. Progress and the result arrive on the
// thread that owns the runner; nothing arrives after the runner is destroyed.
class JobRunner : public QObject {
  Q_OBJECT

 public:
  explicit JobRunner(QObject* parent = nullptr);
  // Asks the task to stop and waits for it. A window waits for finished() first,
  // so that its own thread does not stand still here.
  ~JobRunner() override;

  [[nodiscard]] bool busy() const { return m_busy; }

  [[nodiscard]] bool cancelling() const {
    return m_busy && m_thread.get_stop_token().stop_requested();
  }

  [[nodiscard]] const QString& title() const { return m_title; }

  // False, and nothing happens, while a task runs. `done` takes the Result<T>.
  template <typename Task, typename Done>
  bool start(const QString& title, Task task, Done done) {
    if (m_busy) {
      return false;
    }
    begin(title);
    m_thread = std::jthread(
        [this, task = std::move(task), done = std::move(done)](std::stop_token stop) mutable {
          using Outcome = std::invoke_result_t<Task&, std::stop_token, const ProgressFn&>;
          const ProgressFn progress = throttled();
          auto outcome =
              std::make_shared<Outcome>(caught<Outcome>([&] { return task(stop, progress); }));
          QMetaObject::invokeMethod(
              this,
              [this, outcome, done = std::move(done)]() mutable {
                end(outcome->has_value());
                done(std::move(*outcome));
              },
              Qt::QueuedConnection);
        });
    return true;
  }

  // Asks the task to stop; its result arrives as usual, Cancelled if it obeyed.
  void cancel();

 signals:
  void started(const QString& title);
  void progressed(const argand::Progress& progress);
  void cancelRequested();
  void finished(bool succeeded);

 private:
  template <typename Outcome, typename Body>
  static Outcome caught(Body&& body) {
    try {
      return guarded(ErrorCode::Internal, "running a task", std::forward<Body>(body));
    } catch (...) {
      return fail(ErrorCode::Internal, "A task ended in an unknown failure.");
    }
  }

  // Passes on a new stage at once and the rest at most 20 times a second.
  [[nodiscard]] ProgressFn throttled();
  void begin(const QString& title);
  void end(bool succeeded);

  QString m_title;
  bool m_busy = false;
  std::jthread m_thread;
};

}  // namespace argand::ui

Q_DECLARE_METATYPE(argand::Progress)
