// SPDX-License-Identifier: Apache-2.0
#include "tests/ui/main_window_fixture.h"

#include <QAbstractItemView>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QTableView>
#include <QWheelEvent>

namespace argand::ui {
namespace {

// Where keys and the mouse go, and what follows them.
class MainWindowFocus : public MainWindowTest {
 protected:
  void SetUp() override {
    MainWindowTest::SetUp();
    openStudy();
    activate();
  }

  [[nodiscard]] SliceView& view(viz::ViewPlane plane) { return m_window->views().sliceView(plane); }

  // Two organs of a box each, away from the middle.
  void addTwo() {
    m_first = session().addStructure(QStringLiteral("First"));
    m_second = session().addStructure(QStringLiteral("Second"));
    Segmentation after = session().segmentation();
    const auto box = [&](StructureId id, const Box& where) {
      after.assign(id, where, std::vector<std::uint8_t>(std::size_t(where.size().voxels()), 1));
    };
    box(m_first, {{4, 5, 6}, {7, 8, 9}});
    box(m_second, {{30, 25, 28}, {33, 28, 31}});
    ASSERT_TRUE(session().apply(edit::difference(session().segmentation(), after, "Fill")));
    session().setActiveStructure(m_first);
  }

  // The review of each organ, the tool and what is shown: what no key in a field may touch.
  [[nodiscard]] QString state() {
    QString text;
    for (const Structure& structure : session().segmentation().structures()) {
      text += QString::number(int(structure.review));
    }
    const DisplayState& display = session().display();
    return text + QStringLiteral(" %1 %2 %3 %4 %5 %6 %7 %8")
                      .arg(int(session().tool()))
                      .arg(display.organsVisible)
                      .arg(display.overlayOutline)
                      .arg(display.crosshairVisible)
                      .arg(display.overlayOpacity)
                      .arg(session().activeStructure())
                      .arg(session().brush().limitToRange)
                      .arg(find<QWidget>("organDock").isVisible());
  }

  StructureId m_first = 0;
  StructureId m_second = 0;
};

TEST_F(MainWindowFocus, EnterCommitsANameAndReviewsNothing) {
  addTwo();
  auto& table = find<QTableView>("organTable");
  for (const Qt::Key enter : {Qt::Key_Return, Qt::Key_Enter}) {
    trigger("renameOrganAction");
    auto* editor = table.findChild<QLineEdit*>();
    ASSERT_NE(editor, nullptr);
    ASSERT_TRUE(QTest::qWaitFor([&] { return editor->hasFocus(); }));
    editor->selectAll();
    const QString name =
        enter == Qt::Key_Return ? QStringLiteral("vxonqpe1") : QStringLiteral("Wim");
    const QString before = state();
    QTest::keyClicks(editor, name);
    EXPECT_EQ(state(), before);
    QTest::keyClick(editor, enter);
    QCoreApplication::processEvents();
    EXPECT_EQ(session().segmentation().find(m_first)->name, name.toStdString());
    EXPECT_EQ(state(), before);
    EXPECT_EQ(session().segmentation().find(m_first)->review, ReviewState::NotStarted);
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
  }
  // With the focus on a view it is the key of the review.
  session().chooseStructure(m_first);
  QTest::qWait(50);
  QTest::keyClick(&m_window->views().activeSliceView(), Qt::Key_Return);
  EXPECT_EQ(session().segmentation().find(m_first)->review, ReviewState::Completed);
}

TEST_F(MainWindowFocus, EnterCommitsANumberAndReviewsNothing) {
  addTwo();
  trigger("thresholdTool");
  session().chooseStructure(m_first);
  QTest::qWait(50);
  for (const char* name : {"windowWidth", "windowLevel", "rangeLower", "rangeUpper"}) {
    auto& box = find<QDoubleSpinBox>(name);
    box.setFocus();
    ASSERT_TRUE(QTest::qWaitFor([&] { return box.hasFocus(); }));
    box.selectAll();
    const QString before = state();
    QTest::keyClicks(&box, QStringLiteral("321"));
    QTest::keyClick(&box, Qt::Key_Return);
    EXPECT_EQ(box.value(), 321.0) << name;
    EXPECT_EQ(state(), before) << name;
  }
  EXPECT_EQ(session().window().width, 321.0);
  EXPECT_EQ(session().window().level, 321.0);
  EXPECT_EQ(session().segmentation().find(m_first)->review, ReviewState::NotStarted);
}

TEST_F(MainWindowFocus, NoKeyInAFieldIsAShortcut) {
  addTwo();
  session().chooseStructure(m_first);
  QTest::qWait(50);
  auto& filter = find<QLineEdit>("organFilter");
  filter.setFocus();
  ASSERT_TRUE(QTest::qWaitFor([&] { return filter.hasFocus(); }));
  const QString before = state();
  for (const QAction* action : m_window->findChildren<QAction*>(Qt::FindDirectChildrenOnly)) {
    for (const QKeySequence& sequence : action->shortcuts()) {
      const QKeyCombination key = sequence[0];
      const bool function = key.key() >= Qt::Key_F1 && key.key() <= Qt::Key_F35;
      if (sequence.count() == 1 && !function &&
          (key.keyboardModifiers() & ~Qt::ShiftModifier) == Qt::NoModifier &&
          key.key() != Qt::Key_Tab) {
        QTest::keyClick(&filter, key.key(), key.keyboardModifiers());
        EXPECT_EQ(state(), before) << sequence.toString().toStdString();
        EXPECT_TRUE(filter.hasFocus());
      }
    }
  }
  filter.clear();
  const edit::Edit* undo = session().history().nextUndo();
  QTest::keyClicks(&filter, QStringLiteral("sec"));
  QTest::keyClick(&filter, Qt::Key_Z, Qt::ControlModifier);
  QTest::keyClick(&filter, Qt::Key_Y, Qt::ControlModifier);
  EXPECT_EQ(session().history().nextUndo(), undo);
  filter.setText(QStringLiteral("Second"));
  EXPECT_EQ(session().activeStructure(), m_first);  // a search chooses nothing
  QTest::keyClick(&filter, Qt::Key_Return);
  EXPECT_EQ(filter.text(), QStringLiteral("Second"));
  trigger("paintTool");
  QTest::keyClick(&filter, Qt::Key_Escape);
  EXPECT_EQ(session().tool(), Tool::Paint);
  EXPECT_FALSE(filter.hasFocus());
  QTest::keyClick(&m_window->views().activeSliceView(), Qt::Key_Escape);
  EXPECT_EQ(session().tool(), Tool::View);
}

TEST_F(MainWindowFocus, EnterInAFieldOfADialogPressesNoButton) {
  addTwo();
  trigger("exportAction");
  auto& dialog = find<QDialog>("exportDialog");
  ASSERT_TRUE(QTest::qWaitForWindowActive(&dialog));
  auto& path = find<QLineEdit>("exportPath");
  path.setFocus();
  path.setText(QString::fromStdString((m_folder / "x.dcm").string()));
  QTest::keyClick(&path, Qt::Key_Return);
  ASSERT_TRUE(idle());
  EXPECT_FALSE(std::filesystem::exists(m_folder / "x.dcm"));
  EXPECT_TRUE(dialog.isVisible());
  EXPECT_EQ(session().segmentation().find(m_first)->review, ReviewState::NotStarted);
}

TEST_F(MainWindowFocus, EveryWayOfChoosingAnOrganBringsItIntoView) {
  addTwo();
  const auto shows = [&](StructureId id, const char* how) {
    for (const viz::ViewPlane plane :
         {viz::ViewPlane::Axial, viz::ViewPlane::Sagittal, viz::ViewPlane::Coronal}) {
      const SliceView& one = view(plane);
      Box slice = session().segmentation().geometry().box();
      slice.begin[one.frame().sliceAxis()] = one.slice();
      slice.end[one.frame().sliceAxis()] = one.slice() + 1;
      const auto mask = session().segmentation().mask(id, slice);
      EXPECT_TRUE(std::any_of(mask.begin(), mask.end(), [](auto voxel) { return voxel != 0; }))
          << how << ", " << viz::toString(plane);
    }
    EXPECT_EQ(session().activeStructure(), id) << how;
    session().setCursorVoxel({20, 20, 20});
  };
  QWidget* keys = &m_window->views().activeSliceView();
  keys->setFocus();
  QTest::keyClick(keys, Qt::Key_N);
  shows(m_second, "N");
  QTest::keyClick(keys, Qt::Key_N, Qt::ShiftModifier);
  shows(m_first, "Shift+N");
  QTest::keyClick(keys, Qt::Key_Q);
  shows(m_second, "Q");
  QTest::keyClick(keys, Qt::Key_Q, Qt::ShiftModifier);
  shows(m_first, "Shift+Q");
  auto& table = find<QTableView>("organTable");
  table.setFocus();
  QTest::keyClick(&table, Qt::Key_Down);
  shows(m_second, "Down");
  QTest::keyClick(&table, Qt::Key_Up);
  shows(m_first, "Up");
  const auto click = [&](int row) {
    QTest::mouseClick(table.viewport(),
                      Qt::LeftButton,
                      {},
                      table.visualRect(table.model()->index(row, OrganListModel::Name)).center());
  };
  click(1);
  shows(m_second, "click");
  click(1);
  shows(m_second, "click on the active one");
}

TEST_F(MainWindowFocus, TheEyeOfAnOrganChoosesNothing) {
  addTwo();
  auto& table = find<QTableView>("organTable");
  const Vec3 cursor = session().cursorMm();
  QTest::mouseClick(table.viewport(),
                    Qt::LeftButton,
                    {},
                    table.visualRect(table.model()->index(1, OrganListModel::Eye)).center());
  EXPECT_FALSE(session().segmentation().find(m_second)->visible);
  EXPECT_EQ(session().activeStructure(), m_first);
  EXPECT_EQ(session().cursorMm(), cursor);
}

TEST_F(MainWindowFocus, UndoAndRedoOfAResultLeaveTheCurrentOrganAndTheCrosshair) {
  addTwo();
  session().setActiveStructure(m_second);
  const Vec3 cursor = session().cursorMm();
  segment();
  ASSERT_EQ(session().segmentation().structures().size(), 4U);
  EXPECT_EQ(session().activeStructure(), m_second);
  trigger("undoAction");
  EXPECT_EQ(session().activeStructure(), m_second);
  trigger("redoAction");
  EXPECT_EQ(session().activeStructure(), m_second);
  const StructureId found = session().segmentation().structures().back().id;
  session().setActiveStructure(found);
  trigger("undoAction");
  trigger("redoAction");
  EXPECT_EQ(session().activeStructure(), found);
  EXPECT_EQ(session().cursorMm(), cursor);
}

TEST_F(MainWindowFocus, ADoubleClickEnlargesAndLeavesTheCrosshair) {
  for (const viz::ViewPlane plane :
       {viz::ViewPlane::Axial, viz::ViewPlane::Sagittal, viz::ViewPlane::Coronal}) {
    SliceView& one = view(plane);
    const Vec3 before = session().cursorMm();
    const QPoint place = one.rect().center() + QPoint(30, 20);
    QTest::mouseClick(&one, Qt::LeftButton, {}, place);
    EXPECT_NE(session().cursorMm(), before);  // a click moves it
    QTest::mouseDClick(&one, Qt::LeftButton, {}, place);
    EXPECT_TRUE(m_window->views().maximized());
    QTest::qWait(20);
    QTest::mouseDClick(&one, Qt::LeftButton, {}, one.rect().center() + QPoint(-60, 40));
    EXPECT_FALSE(m_window->views().maximized());
    const Vec3 now = session().cursorMm();
    QTest::mouseDClick(&one, Qt::LeftButton, {}, one.rect().center() + QPoint(10, -35));
    QTest::mouseDClick(&one, Qt::LeftButton, {}, one.rect().center() + QPoint(25, -5));
    EXPECT_EQ(session().cursorMm(), now);
  }
}

// The strip says what the volume holds where the mouse is, whatever brought it there.
TEST_F(MainWindowFocus, TheProbeSaysWhatIsUnderTheMouseInEveryView) {
  addTwo();
  const auto expectTrue = [&](SliceView& one, const QPoint& at, const char* what) {
    const Geometry& grid = session().volume()->geometry();
    const Vec3 index = grid.indexFromLps().apply(one.lpsFromWidget(at));
    const Index3 voxel{std::llround(index.x), std::llround(index.y), std::llround(index.z)};
    const std::string where = std::string(what) + ", " + std::string(viz::toString(one.plane()));
    ASSERT_EQ(voxel[one.frame().sliceAxis()], one.slice()) << where;
    ASSERT_TRUE(grid.box().contains(voxel)) << where;
    EXPECT_EQ(find<QLabel>("valueField").text(),
              QString::number(std::llround(session().volume()->at(voxel))))
        << where;
    EXPECT_EQ(find<QLabel>("voxelField").text(),
              QStringLiteral("voxel %1, %2, %3").arg(voxel.i).arg(voxel.j).arg(voxel.k))
        << where;
    const bool first = Box{{4, 5, 6}, {7, 8, 9}}.contains(voxel);
    EXPECT_EQ(find<QLabel>("organField").text(), first ? QStringLiteral("First") : QString())
        << where;
  };
  for (const viz::ViewPlane plane :
       {viz::ViewPlane::Axial, viz::ViewPlane::Sagittal, viz::ViewPlane::Coronal}) {
    SliceView& one = view(plane);
    const QPoint at = one.rect().center() + QPoint(17, -11);
    QTest::mouseMove(&one, at);
    expectTrue(one, at, "moved");
    const QString place = find<QLabel>("voxelField").text();
    QWheelEvent wheel(at, one.mapToGlobal(at), {}, {0, 120}, {}, {}, Qt::NoScrollPhase, false);
    QApplication::sendEvent(&one, &wheel);
    expectTrue(one, at, "wheel");
    EXPECT_NE(find<QLabel>("voxelField").text(), place);
    for (const Qt::Key key : {Qt::Key_Up, Qt::Key_Left, Qt::Key_PageDown, Qt::Key_End, Qt::Key_R}) {
      QTest::keyClick(&one, key);
      expectTrue(one, at, "key");
    }
    QWheelEvent zoom(
        at, one.mapToGlobal(at), {}, {0, 240}, {}, Qt::ControlModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(&one, &zoom);
    expectTrue(one, at, "zoom");
    session().setCursorVoxel({21, 22, 19});
    expectTrue(one, at, "crosshair");
    session().chooseStructure(m_first);
    expectTrue(one, at, "organ");
    session().applyPreset(0);
    session().setWindow({123.0, 45.0, {}});
    expectTrue(one, at, "window");
    emit session().viewResetRequested();
    expectTrue(one, at, "reset");
    trigger("nextOrganAction");
    expectTrue(one, at, "next organ");
  }
  // Outside the image there is no value and no place.
  SliceView& axial = view(viz::ViewPlane::Axial);
  QTest::mouseMove(&axial, QPoint(1, 1));
  axial.resetView();
  const bool outside = !session().volume()->geometry().box().contains([&] {
    const Vec3 index =
        session().volume()->geometry().indexFromLps().apply(axial.lpsFromWidget(QPointF(1, 1)));
    return Index3{std::llround(index.x), std::llround(index.y), std::llround(index.z)};
  }());
  ASSERT_TRUE(outside);
  for (const char* field : {"valueField", "positionField", "voxelField", "organField"}) {
    EXPECT_TRUE(find<QLabel>(field).text().isEmpty()) << field;
  }
}

TEST_F(MainWindowFocus, TheProbeFollowsToAnotherSeries) {
  SliceView& axial = view(viz::ViewPlane::Axial);
  const QPoint at = axial.rect().center() + QPoint(9, 9);
  QTest::mouseMove(&axial, at);
  Volume other = study({30, 30, 20});
  std::vector<std::int16_t> voxels(std::size_t(30 * 30 * 20), 777);
  ASSERT_TRUE(dicom::writeSeries(m_folder / "other",
                                 [&] {
                                   Volume made =
                                       Volume::create(other.geometry(), std::move(voxels)).value();
                                   made.modality = Modality::Mr;
                                   return made;
                                 }(),
                                 {}));
  m_window->open(m_folder / "other");
  ASSERT_TRUE(idle());
  EXPECT_EQ(find<QLabel>("valueField").text(), QStringLiteral("777"));
}

}  // namespace
}  // namespace argand::ui
