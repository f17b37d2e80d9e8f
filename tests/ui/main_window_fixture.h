// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/series_writer.h"
#include "core/volume/phantom.h"
#include "tests/core/infer/fake_models.h"
#include "tests/support/test_data.h"
#include "ui/dialogs/message_box.h"
#include "ui/main_window.h"
#include "ui/views/quad_view.h"

#include <QAction>
#include <QApplication>
#include <QDialog>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QTest>

#include <gmock/gmock.h>

#include <cmath>

namespace argand::ui {

inline constexpr int kLongMs = 60000;

// A model of weights by chance: it answers with all its classes somewhere. What is
// installed is kept by id.
class TestModels : public test::FakeModels {
 public:
  using FakeModels::FakeModels;

  [[nodiscard]] Result<void> install(const infer::ModelCard& card,
                                     const std::filesystem::path& weights) override {
    EXPECT_TRUE(std::filesystem::exists(weights));
    installed.push_back(card.id);
    return {};
  }

  std::vector<std::string> installed;
};

inline Volume study(const Size3& size) {
  const Geometry grid = phantom::grid(size, {2.0, 2.0, 2.5}, "LPS");
  const Volume plain = phantom::image(grid, phantom::asymmetricTrio(), {200.0, 400.0, 800.0}, 20.0);
  std::vector<std::int16_t> voxels;
  plain.visit([&](const auto& source) {
    for (std::size_t n = 0; n < source.size(); ++n) {
      voxels.push_back(
          std::int16_t(std::lround(double(source[n]) + 60.0 * std::sin(0.37 * double(n)))));
    }
  });
  Volume volume = Volume::create(grid, std::move(voxels)).value();
  volume.modality = Modality::Mr;
  return volume;
}

// The real window, on a study and with a model of the test's own.
class MainWindowTest : public testing::Test {
 protected:
  explicit MainWindowTest(
      const std::string& network = "lamp-unet:n=4,depth=2,classes=3,norm=instance")
      : m_models(test::sampleCard(network), m_folder) {}

  void SetUp() override {
    QSettings().clear();
    message_box::setSilent(true);
    static_cast<void>(message_box::takeShown());
    m_window = std::make_unique<MainWindow>(m_models);
    m_window->resize(1300, 820);
    m_window->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(m_window.get()));
  }

  void TearDown() override {
    m_window->session().leaveUnexported();
    m_window->close();
    ASSERT_TRUE(idle());
    EXPECT_TRUE(message_box::takeShown().isEmpty());
  }

  // Shortcuts reach only the active window; a display without a window manager gives
  // it to none by itself.
  void activate() {
    m_window->activateWindow();
    ASSERT_TRUE(QTest::qWaitForWindowActive(m_window.get()));
  }

  [[nodiscard]] Session& session() { return m_window->session(); }

  [[nodiscard]] bool idle() {
    return QTest::qWaitFor([&] { return !m_window->workbench().jobs().busy(); }, kLongMs);
  }

  template <typename Widget = QPushButton>
  [[nodiscard]] Widget& find(const char* name) {
    auto* found = m_window->findChild<Widget*>(QLatin1String(name));
    if (found == nullptr) {
      throw std::runtime_error(std::string("There is no ") + name);
    }
    return *found;
  }

  void trigger(const char* action) { find<QAction>(action).trigger(); }

 public:
  // Where the variable names a folder, what is on the screen is kept there to be looked at.
  static void picture(QWidget& widget, const char* name) {
    if (const QString folder = qEnvironmentVariable("ARGAND_UI_PICTURES"); !folder.isEmpty()) {
      QTest::qWait(300);
      widget.grab().save(QDir(folder).filePath(QLatin1String(name) + QStringLiteral(".png")));
    }
  }

 protected:
  void openStudy(const Size3& size = {48, 40, 36}) {
    const auto folder = m_folder / "dicom";
    ASSERT_TRUE(dicom::writeSeries(folder, study(size), {}));
    m_window->open(folder);
    ASSERT_TRUE(QTest::qWaitFor([&] { return session().volume() != nullptr; }, kLongMs));
    ASSERT_TRUE(idle());
  }

  void segment() {
    trigger("segmentAction");
    auto& start = find("segmentStart");
    ASSERT_TRUE(QTest::qWaitFor([&] { return start.isEnabled(); }, kLongMs))
        << find<QLabel>("segmentMessage").text().toStdString();
    picture(find<QDialog>("segmentDialog"), "segment");
    start.click();
    auto& dialog = find<QDialog>("segmentDialog");
    ASSERT_TRUE(QTest::qWaitFor([&] { return !dialog.isVisible(); }, kLongMs))
        << find<QLabel>("segmentMessage").text().toStdString();
  }

  [[nodiscard]] std::vector<LabelValue> labels() {
    return flattened(session().segmentation()).value().voxels;
  }

  // A short stroke in the axial view through its middle.
  void strokeInAxialView(Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
    SliceView& view = m_window->views().sliceView(viz::ViewPlane::Axial);
    const QPoint middle = view.rect().center();
    QTest::mousePress(&view, Qt::LeftButton, modifiers, middle);
    QTest::mouseMove(&view, middle + QPoint(25, 0));
    QTest::mouseRelease(&view, Qt::LeftButton, modifiers, middle + QPoint(25, 0));
  }

  std::filesystem::path m_folder = test::testDir();
  TestModels m_models;
  std::unique_ptr<MainWindow> m_window;
};

}  // namespace argand::ui
