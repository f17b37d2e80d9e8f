// SPDX-License-Identifier: Apache-2.0
#include "ui/jobs/job_runner.h"

#include <QCoreApplication>
#include <QSignalSpy>
#include <QTest>
#include <QThread>

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace argand::ui {
namespace {

constexpr int kLongMs = 10000;

// Opens once; tasks wait for it instead of sleeping.
class Gate {
 public:
  void open() {
    const std::scoped_lock lock(m_mutex);
    m_open = true;
    m_changed.notify_all();
  }

  void wait() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_open; });
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_changed;
  bool m_open = false;
};

Result<int> untilStopped(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::yield();
  }
  return fail(ErrorCode::Cancelled, "Cancelled.");
}

TEST(JobRunner, DeliversTheResultOnTheOwnersThread) {
  JobRunner runner;
  const QThread* worker = nullptr;
  const QThread* receiver = nullptr;
  int value = 0;
  ASSERT_TRUE(runner.start(
      QStringLiteral("Work"),
      [&](const std::stop_token&, const ProgressFn&) -> Result<int> {
        worker = QThread::currentThread();
        return 42;
      },
      [&](const Result<int>& result) {
        receiver = QThread::currentThread();
        value = result.value();
      }));
  EXPECT_TRUE(runner.busy());
  EXPECT_EQ(runner.title(), QStringLiteral("Work"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return receiver != nullptr; }, kLongMs));
  EXPECT_EQ(value, 42);
  EXPECT_EQ(receiver, QThread::currentThread());
  EXPECT_NE(worker, QThread::currentThread());
  EXPECT_FALSE(runner.busy());
}

TEST(JobRunner, IsFreeAgainWhenTheResultArrives) {
  JobRunner runner;
  int results = 0;
  const auto task = [](const std::stop_token&, const ProgressFn&) -> Result<int> { return 1; };
  ASSERT_TRUE(runner.start(QStringLiteral("First"), task, [&](const Result<int>&) {
    ++results;
    EXPECT_TRUE(
        runner.start(QStringLiteral("Second"), task, [&](const Result<int>&) { ++results; }));
  }));
  EXPECT_TRUE(QTest::qWaitFor([&] { return results == 2; }, kLongMs));
}

TEST(JobRunner, RefusesASecondTaskWhileOneRuns) {
  JobRunner runner;
  Gate gate;
  bool done = false;
  ASSERT_TRUE(runner.start(
      QStringLiteral("First"),
      [&](const std::stop_token&, const ProgressFn&) -> Result<int> {
        gate.wait();
        return 1;
      },
      [&](const Result<int>&) { done = true; }));
  EXPECT_FALSE(runner.start(
      QStringLiteral("Second"),
      [](const std::stop_token&, const ProgressFn&) -> Result<int> { return 2; },
      [](const Result<int>&) { ADD_FAILURE() << "The second task ran."; }));
  gate.open();
  EXPECT_TRUE(QTest::qWaitFor([&] { return done; }, kLongMs));
}

TEST(JobRunner, CancelsATaskThatLooksAtItsToken) {
  JobRunner runner;
  const QSignalSpy finished(&runner, &JobRunner::finished);
  std::optional<ErrorCode> code;
  ASSERT_TRUE(runner.start(
      QStringLiteral("Endless"),
      [](const std::stop_token& stop, const ProgressFn&) { return untilStopped(stop); },
      [&](const Result<int>& result) { code = result.error().code; }));
  runner.cancel();
  EXPECT_TRUE(runner.cancelling());
  ASSERT_TRUE(QTest::qWaitFor([&] { return code.has_value(); }, kLongMs));
  EXPECT_EQ(*code, ErrorCode::Cancelled);
  ASSERT_EQ(finished.count(), 1);
  EXPECT_FALSE(finished.front().front().toBool());
}

TEST(JobRunner, TurnsAThrownExceptionIntoAnError) {
  JobRunner runner;
  std::string message;
  ASSERT_TRUE(runner.start(
      QStringLiteral("Throwing"),
      [](const std::stop_token&, const ProgressFn&) -> Result<int> {
        throw std::runtime_error("the disk is on fire");
      },
      [&](const Result<int>& result) { message = result.error().message; }));
  ASSERT_TRUE(QTest::qWaitFor([&] { return !message.empty(); }, kLongMs));
  EXPECT_NE(message.find("the disk is on fire"), std::string::npos);
}

TEST(JobRunner, JoinsItsThreadAndDropsTheResultWhenDestroyed) {
  std::atomic<bool> ended = false;
  bool delivered = false;
  {
    JobRunner runner;
    ASSERT_TRUE(runner.start(
        QStringLiteral("Endless"),
        [&](const std::stop_token& stop, const ProgressFn&) {
          Result<int> result = untilStopped(stop);
          ended = true;
          return result;
        },
        [&](const Result<int>&) { delivered = true; }));
  }
  EXPECT_TRUE(ended);
  QCoreApplication::processEvents();
  EXPECT_FALSE(delivered);
}

TEST(JobRunner, PassesOnEveryStageButNotEveryStep) {
  JobRunner runner;
  std::vector<Progress> seen;
  QObject::connect(&runner, &JobRunner::progressed, &runner, [&](const Progress& progress) {
    seen.push_back(progress);
  });
  bool done = false;
  constexpr int kSteps = 10000;
  ASSERT_TRUE(runner.start(
      QStringLiteral("Steps"),
      [](const std::stop_token&, const ProgressFn& progress) -> Result<int> {
        for (const char* stage : {"Reading", "Network"}) {
          for (int step = 0; step < kSteps; ++step) {
            report(progress, stage, double(step) / kSteps);
          }
        }
        return 0;
      },
      [&](const Result<int>&) { done = true; }));
  ASSERT_TRUE(QTest::qWaitFor([&] { return done; }, kLongMs));
  ASSERT_GE(seen.size(), 2U);
  EXPECT_LT(seen.size(), std::size_t{kSteps});
  EXPECT_EQ(seen.front().stage, "Reading");
  EXPECT_EQ(seen.front().fraction, 0.0);
  EXPECT_EQ(seen.back().stage, "Network");
}

}  // namespace
}  // namespace argand::ui
