// SPDX-License-Identifier: Apache-2.0
#include "ui/main_window.h"

#include "models/registry.h"
#include "tests/ui/main_window_fixture.h"
#include "ui/dialogs/file_dialog.h"

#include <QComboBox>
#include <QMenu>
#include <QPlainTextEdit>
#include <QSpinBox>

namespace argand::ui {
namespace {

TEST_F(MainWindowTest, SegmentsPaintsUndoesExportsAndReadsBack) {
  openStudy();
  segment();
  ASSERT_EQ(session().segmentation().structures().size(), 2U);
  const std::vector<LabelValue> automatic = labels();
  EXPECT_TRUE(
      std::any_of(automatic.begin(), automatic.end(), [](LabelValue label) { return label != 0; }));

  // The same labels as the engine gives without a window.
  infer::SegmentRequest request;
  request.channels = {session().volume()};
  request.model = "sample";
  request.devices = engine::parseDevices("cpu").value();
  const auto direct = infer::segment(request, m_models);
  ASSERT_TRUE(direct) << direct.error().message;
  EXPECT_EQ(flattened(direct->segmentation).value().voxels, automatic);

  activate();
  QTest::keyClick(&m_window->views().activeSliceView(), Qt::Key_P);
  ASSERT_EQ(session().tool(), Tool::Paint);
  strokeInAxialView();
  const std::vector<LabelValue> painted = labels();
  EXPECT_NE(painted, automatic);
  trigger("undoAction");
  EXPECT_EQ(labels(), automatic);
  trigger("redoAction");
  EXPECT_EQ(labels(), painted);
  picture(*m_window, "painted");

  const auto file = m_folder / "out.dcm";
  trigger("exportAction");
  find<QLineEdit>("exportPath").setText(QString::fromStdString(file.string()));
  picture(find<QDialog>("exportDialog"), "export");
  find("exportStart").click();
  ASSERT_TRUE(idle());
  EXPECT_TRUE(find<QLabel>("exportMessage").text().contains(QStringLiteral("Dice 1.0000")))
      << find<QLabel>("exportMessage").text().toStdString();
  EXPECT_FALSE(session().modified());
  const Volume& volume = *session().volume();
  const auto read = dicom::readRtStruct(file, volume.geometry(), *volume.source);
  ASSERT_TRUE(read) << read.error().message;
  for (const Structure& structure : session().segmentation().structures()) {
    const Structure* same = read->segmentation.findByName(structure.name);
    ASSERT_NE(same, nullptr);
    const Box box = volume.geometry().box();
    EXPECT_EQ(read->segmentation.mask(same->id, box),
              session().segmentation().mask(structure.id, box));
  }
}

TEST_F(MainWindowTest, KeepsAnEditedOrganUnlessToldOtherwise) {
  openStudy();
  segment();
  const std::vector<LabelValue> automatic = labels();
  trigger("paintTool");
  strokeInAxialView();
  const std::vector<LabelValue> painted = labels();
  ASSERT_NE(painted, automatic);
  message_box::primeAnswer(0);
  segment();
  const StructureId edited = session().activeStructure();
  EXPECT_TRUE(session().segmentation().find(edited)->edited);
  ASSERT_EQ(message_box::takeShown().size(), 1);
  message_box::primeAnswer(1);
  segment();
  EXPECT_EQ(labels(), automatic);
  ASSERT_EQ(message_box::takeShown().size(), 1);
  // The whole result is one undo step.
  trigger("undoAction");
  EXPECT_TRUE(session().segmentation().find(edited)->edited);
}

TEST_F(MainWindowTest, ExportsALabelMapAndPutsItBack) {
  openStudy();
  segment();
  const std::vector<LabelValue> before = labels();
  const auto file = m_folder / "labels.nii.gz";
  trigger("exportAction");
  find<QComboBox>("formatBox").setCurrentIndex(2);
  find<QLineEdit>("exportPath").setText(QString::fromStdString(file.string()));
  find("exportStart").click();
  ASSERT_TRUE(idle());
  ASSERT_TRUE(std::filesystem::exists(file));
  while (!session().segmentation().structures().empty()) {
    session().removeStructure(session().segmentation().structures().front().id);
  }
  file_dialog::primeName(file);
  trigger("openStructuresAction");
  ASSERT_TRUE(idle());
  EXPECT_EQ(labels(), before);
}

TEST_F(MainWindowTest, SaysInPlaceWhyAPlanCannotBe) {
  openStudy();
  trigger("segmentAction");
  find<QLineEdit>("budgetEdit").setText(QStringLiteral("1MiB"));
  auto& message = find<QLabel>("segmentMessage");
  ASSERT_TRUE(QTest::qWaitFor([&] { return !message.text().isEmpty(); }, kLongMs));
  EXPECT_FALSE(find("segmentStart").isEnabled());
  picture(find<QDialog>("segmentDialog"), "segment-refused");
  find<QLineEdit>("budgetEdit").clear();
  EXPECT_TRUE(QTest::qWaitFor([&] { return find("segmentStart").isEnabled(); }, kLongMs));
  find("segmentClose").click();
}

TEST_F(MainWindowTest, NamesTheReasonWhereNothingCanBeOpened) {
  m_window->open(m_folder / "absent");
  ASSERT_TRUE(idle());
  EXPECT_EQ(message_box::takeShown().size(), 1);
  EXPECT_FALSE(find<QAction>("segmentAction").isEnabled());
}

TEST_F(MainWindowTest, KeysReachTheSession) {
  openStudy();
  activate();
  QWidget* view = &m_window->views().activeSliceView();
  view->setFocus();
  QTest::keyClick(view, Qt::Key_X);
  EXPECT_FALSE(session().display().crosshairVisible);
  QTest::keyClick(view, Qt::Key_O);
  EXPECT_TRUE(session().display().overlayOutline);
  const double opacity = session().display().overlayOpacity;
  QTest::keyClick(view, Qt::Key_Period);
  EXPECT_NEAR(session().display().overlayOpacity, opacity + 0.1, 1e-9);
  QTest::keyClick(view, Qt::Key_E);
  EXPECT_EQ(session().tool(), Tool::Erase);
  QTest::keyClick(view, Qt::Key_Space);
  EXPECT_EQ(session().tool(), Tool::View);
  QTest::keyClick(view, Qt::Key_H, Qt::ControlModifier | Qt::ShiftModifier);
  EXPECT_TRUE(session().display().patientDataHidden);
  const std::int64_t slice = session().cursorVoxel().k;
  QTest::keyClick(view, Qt::Key_Up);
  EXPECT_EQ(std::abs(session().cursorVoxel().k - slice), 1);
  QTest::keyClick(view, Qt::Key_Tab);
  EXPECT_FALSE(find<QWidget>("organDock").isVisible());
  QTest::keyClick(view, Qt::Key_Tab);
  EXPECT_TRUE(find<QWidget>("organDock").isVisible());
}

TEST_F(MainWindowTest, EveryActionHasANameAndATipWithItsKey) {
  for (const QAction* action : m_window->findChildren<QAction*>(Qt::FindDirectChildrenOnly)) {
    if (action->menu() == nullptr && !action->isSeparator()) {
      EXPECT_FALSE(action->objectName().isEmpty()) << action->text().toStdString();
    }
    if (!action->shortcut().isEmpty()) {
      EXPECT_TRUE(action->toolTip().contains(action->shortcut().toString(QKeySequence::NativeText)))
          << action->toolTip().toStdString();
    }
  }
  EXPECT_EQ(find<QLabel>("researchStrip").text(),
            QStringLiteral("Research use only - not for diagnosis"));
  EXPECT_TRUE(find<QLabel>("researchStrip").isVisible());
}

TEST_F(MainWindowTest, AsksBeforeUnexportedWorkIsLeft) {
  openStudy();
  session().addStructure();
  message_box::primeAnswer(-1);
  EXPECT_FALSE(m_window->close());
  message_box::primeAnswer(1);
  EXPECT_TRUE(m_window->close());
  EXPECT_EQ(message_box::takeShown().size(), 2);
}

TEST_F(MainWindowTest, ShowsTheNoticeOncePerPerson) {
  m_window->showFirstStartNotice();
  picture(find<QDialog>("researchNotice"), "notice");
  find("understoodButton").click();
  QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
  m_window->showFirstStartNotice();
  EXPECT_EQ(m_window->findChild<QDialog*>(QStringLiteral("researchNotice")), nullptr);
}

TEST_F(MainWindowTest, RemembersWhatWasOpened) {
  openStudy();
  auto& recent = find<QMenu>("recentMenu");
  emit recent.aboutToShow();
  EXPECT_TRUE(recent.actions().front()->text().endsWith(QStringLiteral("dicom")));
  trigger("keysAction");
  picture(find<QDialog>("keySheet"), "keys");
  find<QDialog>("keySheet").close();
  trigger("aboutAction");
  picture(find<QDialog>("aboutDialog"), "about");
  find<QDialog>("aboutDialog").close();
}

TEST_F(MainWindowTest, FineTunesOnAFolderAndInstallsTheResult) {
  std::filesystem::create_directories(m_folder / "data/images");
  std::filesystem::create_directories(m_folder / "data/labels");
  const Volume image = study({24, 24, 20});
  LabelMap truth{image.geometry(), {}};
  image.visit([&](const auto& voxels) {
    for (const auto value : voxels) {
      truth.voxels.push_back(value > 600 ? 2 : value > 300 ? 1 : 0);
    }
  });
  for (const char* id : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(io::writeImage(m_folder / "data/images" / (std::string(id) + ".nii.gz"), image));
    ASSERT_TRUE(io::writeLabels(m_folder / "data/labels" / (std::string(id) + ".nii.gz"), truth));
  }
  qputenv("XDG_DATA_HOME", QByteArray::fromStdString((m_folder / "home").string()));
  trigger("trainAction");
  find<QLineEdit>("dataFolder").setText(QString::fromStdString((m_folder / "data").string()));
  find("checkData").click();
  auto& findings = find<QPlainTextEdit>("findings");
  ASSERT_TRUE(QTest::qWaitFor([&] { return !findings.toPlainText().isEmpty(); }, kLongMs));
  EXPECT_TRUE(findings.toPlainText().contains(QStringLiteral("4 cases")));
  find<QSpinBox>("epochsBox").setValue(2);
  ASSERT_TRUE(QTest::qWaitFor([&] { return find("trainStart").isEnabled(); }, kLongMs));
  find("trainStart").click();
  auto& message = find<QLabel>("trainMessage");
  ASSERT_TRUE(QTest::qWaitFor([&] { return !message.text().isEmpty(); }, kLongMs));
  EXPECT_EQ(m_models.installed, std::vector<std::string>{"sample-tuned"})
      << message.text().toStdString();
  picture(find<QDialog>("trainDialog"), "train");
  find<QDialog>("trainDialog").close();
}

TEST(MainWindowWithTheShippedModel, FindsBothPartsOfAHippocampus) {
  ARGAND_REQUIRE_TEST_DATA(data);
  message_box::setSilent(true);
  models::Registry models;
  MainWindow window(models);
  window.resize(1440, 900);
  window.show();
  window.open(data / "hippocampus/dicom/Study1");
  Session& session = window.session();
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.volume() != nullptr; }, kLongMs));
  window.showSegmentDialog();
  auto* start = window.findChild<QPushButton*>(QStringLiteral("segmentStart"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return start->isEnabled(); }, kLongMs));
  MainWindowTest::picture(*window.findChild<QDialog*>(QStringLiteral("segmentDialog")), "shipped");
  start->click();
  ASSERT_TRUE(
      QTest::qWaitFor([&] { return !session.segmentation().structures().empty(); }, kLongMs));
  const Segmentation& found = session.segmentation();
  const Structure* anterior = found.findByName("Hippo_Ant");
  const Structure* posterior = found.findByName("Hippo_Post");
  ASSERT_TRUE(anterior != nullptr && posterior != nullptr);
  for (const Structure* part : {anterior, posterior}) {
    EXPECT_GT(found.volumeMl(part->id), 0.5);
    EXPECT_LT(found.volumeMl(part->id), 4.0);
  }
  // y grows to posterior.
  EXPECT_LT(found.centroidMm(anterior->id)->y, found.centroidMm(posterior->id)->y);
  EXPECT_TRUE(QTest::qWaitFor([&] { return window.views().volumeView().upToDate(); }, kLongMs));
  MainWindowTest::picture(window, "hippocampus");
  session.leaveUnexported();
  window.close();
}

}  // namespace
}  // namespace argand::ui
