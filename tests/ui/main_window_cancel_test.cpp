// SPDX-License-Identifier: Apache-2.0
#include "tests/ui/main_window_fixture.h"

#include <QElapsedTimer>
#include <QProgressBar>
#include <QSignalSpy>
#include <QToolButton>

namespace argand::ui {
namespace {

constexpr int kStopMs = 2000;

// A network that takes seconds, in steps that take far less than the time there is to stop.
class MainWindowCancel : public MainWindowTest {
 protected:
  MainWindowCancel() : MainWindowTest("lamp-unet:n=16,depth=3,classes=3,norm=instance") {}

  void SetUp() override {
    MainWindowTest::SetUp();
    openStudy({96, 88, 72});
  }

  // Starts a run and returns once the network is at work.
  void startRun() {
    trigger("segmentAction");
    auto& start = find("segmentStart");
    ASSERT_TRUE(QTest::qWaitFor([&] { return start.isEnabled(); }, kLongMs))
        << find<QLabel>("segmentMessage").text().toStdString();
    const QSize views = m_window->views().size();
    start.click();
    auto& stage = find<QLabel>("segmentStage");
    ASSERT_TRUE(QTest::qWaitFor(
        [&] {
          return stage.text().startsWith(QStringLiteral("Network")) &&
                 find<QProgressBar>("segmentBar").value() > 0;
        },
        kLongMs))
        << stage.text().toStdString();
    ASSERT_TRUE(m_window->workbench().jobs().busy());
    EXPECT_TRUE(find<QToolButton>("cancelTask").isVisible());
    EXPECT_EQ(m_window->views().size(), views);  // the images stay where they are
  }

  void expectStopped(const std::function<void()>& cancel) {
    startRun();
    const QSignalSpy segmented(&m_window->workbench(), &Workbench::segmented);
    const QSignalSpy stopped(&m_window->workbench(), &Workbench::stopped);
    picture(find<QDialog>("segmentDialog"), "running");
    QElapsedTimer clock;
    clock.start();
    cancel();
    EXPECT_EQ(find<QLabel>("segmentStage").text(), QStringLiteral("Stopping..."));
    EXPECT_TRUE(QTest::qWaitFor([&] { return !m_window->workbench().jobs().busy(); }, kStopMs));
    EXPECT_LT(clock.elapsed(), kStopMs);
    ASSERT_TRUE(idle());
    EXPECT_EQ(stopped.count(), 1);
    EXPECT_EQ(segmented.count(), 0);
    EXPECT_TRUE(session().segmentation().structures().empty());
    EXPECT_EQ(session().history().nextUndo(), nullptr);
    EXPECT_FALSE(session().modified());
    EXPECT_TRUE(message_box::takeShown().isEmpty());
    EXPECT_TRUE(find<QLabel>("segmentMessage").text().isEmpty());
    EXPECT_TRUE(find<QAction>("segmentAction").isEnabled());
    EXPECT_TRUE(QTest::qWaitFor([&] { return find("segmentStart").isEnabled(); }, kLongMs));
    EXPECT_EQ(find("segmentClose").text(), QStringLiteral("Close"));
    EXPECT_FALSE(find<QProgressBar>("segmentBar").isVisible());
    picture(find<QDialog>("segmentDialog"), "cancelled");
  }
};

TEST_F(MainWindowCancel, ByTheButtonOfTheDialogAndRunsAgain) {
  expectStopped([&] {
    ASSERT_EQ(find("segmentClose").text(), QStringLiteral("Cancel"));
    QTest::mouseClick(&find("segmentClose"), Qt::LeftButton);
  });
  EXPECT_TRUE(find<QDialog>("segmentDialog").isVisible());
  segment();
  EXPECT_EQ(session().segmentation().structures().size(), 2U);
}

TEST_F(MainWindowCancel, ByEscInTheDialogWhichStaysOpen) {
  expectStopped([&] { QTest::keyClick(&find<QDialog>("segmentDialog"), Qt::Key_Escape); });
  EXPECT_TRUE(find<QDialog>("segmentDialog").isVisible());
  QTest::keyClick(&find<QDialog>("segmentDialog"), Qt::Key_Escape);
  EXPECT_FALSE(find<QDialog>("segmentDialog").isVisible());
}

TEST_F(MainWindowCancel, ByEscInAView) {
  expectStopped([&] { QTest::keyClick(&m_window->views().activeSliceView(), Qt::Key_Escape); });
}

TEST_F(MainWindowCancel, ByTheButtonOfTheStatusStrip) {
  expectStopped([&] { QTest::mouseClick(&find<QToolButton>("cancelTask"), Qt::LeftButton); });
}

TEST_F(MainWindowCancel, ByClosingTheWindowWhichFollows) {
  startRun();
  QElapsedTimer clock;
  clock.start();
  EXPECT_FALSE(m_window->close());
  EXPECT_TRUE(m_window->isVisible());
  EXPECT_TRUE(m_window->workbench().jobs().cancelling());
  EXPECT_TRUE(QTest::qWaitFor([&] { return !m_window->isVisible(); }, kStopMs));
  EXPECT_LT(clock.elapsed(), kStopMs);
  EXPECT_FALSE(m_window->workbench().jobs().busy());
  EXPECT_TRUE(session().segmentation().structures().empty());
  EXPECT_TRUE(message_box::takeShown().isEmpty());
}

}  // namespace
}  // namespace argand::ui
