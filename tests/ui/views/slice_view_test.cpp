// SPDX-License-Identifier: Apache-2.0
#include "ui/views/slice_view.h"

#include "core/volume/phantom.h"
#include "tests/support/grids.h"
#include "ui/views/slice_annotation.h"

#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>

#include <gtest/gtest.h>

#include <array>

namespace argand::ui {
namespace {

constexpr std::array kPlanes{
    viz::ViewPlane::Axial, viz::ViewPlane::Sagittal, viz::ViewPlane::Coronal};

std::shared_ptr<const Volume> trio(const Geometry& grid) {
  const auto shapes = phantom::asymmetricTrio();
  return std::make_shared<const Volume>(phantom::image(grid, shapes, {100.0, 200.0, 300.0}, 0.0));
}

class SliceViewTest : public ::testing::Test {
 protected:
  void show(viz::ViewPlane plane, const Geometry& grid) {
    m_session.setVolume(trio(grid), QStringLiteral("trio"));
    m_view = std::make_unique<SliceView>(m_session, plane);
    m_view->resize(400, 300);
    m_view->show();
  }

  void wheel(int delta, Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
    QWheelEvent event(QPointF(100, 80),
                      m_view->mapToGlobal(QPointF(100, 80)),
                      QPoint(),
                      QPoint(0, delta),
                      Qt::NoButton,
                      modifiers,
                      Qt::NoScrollPhase,
                      false);
    QApplication::sendEvent(m_view.get(), &event);
  }

  void drag(Qt::MouseButton button, QPoint from, QPoint by, Qt::KeyboardModifiers keys = {}) {
    QTest::mousePress(m_view.get(), button, keys, from);
    const auto move = [&](QPoint to) {
      QMouseEvent event(QEvent::MouseMove, to, m_view->mapToGlobal(to), Qt::NoButton, button, keys);
      QApplication::sendEvent(m_view.get(), &event);
    };
    move(from + by / 2);
    move(from + by);
    QTest::mouseRelease(m_view.get(), button, keys, from + by);
  }

  Session m_session;
  std::unique_ptr<SliceView> m_view;
};

const Geometry kGrid = phantom::grid({60, 60, 40}, {2, 2, 3}, "LPS");

TEST_F(SliceViewTest, FindsTheWayBackFromTheScreenToThePatient) {
  for (const Geometry& grid : {kGrid,
                               phantom::grid({60, 60, 40}, {2, 2, 3}, "SAR"),
                               test::oblique(kGrid, 25.0),
                               test::tilted(kGrid, 14.0)}) {
    for (const viz::ViewPlane plane : kPlanes) {
      show(plane, grid);
      for (const QPointF at : {QPointF(10.5, 20.25), QPointF(200, 150), QPointF(390, 280)}) {
        const QPointF back = m_view->widgetFromLps(m_view->lpsFromWidget(at));
        EXPECT_NEAR(back.x(), at.x(), 1e-6);
        EXPECT_NEAR(back.y(), at.y(), 1e-6);
      }
    }
  }
}

// The brush paints on the acquired slices: it has to be the one that is on the screen.
TEST_F(SliceViewTest, PaintsTheSliceThatIsShownOfAnUnevenSeries) {
  Geometry grid = kGrid;
  double z = -60.0;
  for (std::int64_t k = 0; k < grid.size.k; ++k) {
    grid.sliceOrigins.push_back({grid.lpsFromIndex.offset.x, grid.lpsFromIndex.offset.y, z});
    z += k < 20 ? 1.0 : 5.0;
  }
  show(viz::ViewPlane::Axial, grid);
  m_session.setTool(Tool::Paint);
  for (const std::int64_t k : {3, 12, 19, 25, 38}) {
    m_session.setCursorVoxel({30, 30, k});
    ASSERT_EQ(m_view->slice(), k);
    const StructureId organ = m_session.addStructure();
    QTest::mouseClick(m_view.get(), Qt::LeftButton, {}, QPoint(200, 150));
    const Box box = m_session.segmentation().boundsOf(organ);
    EXPECT_EQ(box.begin.k, k);
    EXPECT_EQ(box.end.k, k + 1);
  }
}

TEST_F(SliceViewTest, PutsTheCrosshairWhereItIsClicked) {
  show(viz::ViewPlane::Coronal, kGrid);
  QTest::mouseClick(m_view.get(), Qt::LeftButton, {}, QPoint(150, 90));
  EXPECT_LT(length(m_session.cursorMm() - m_view->lpsFromWidget({150, 90})), 1e-9);
  EXPECT_EQ(m_session.window().width, m_session.volume()->defaultWindow().width);
}

TEST_F(SliceViewTest, ChangesTheWindowByDraggingAndLeavesTheCrosshair) {
  show(viz::ViewPlane::Axial, kGrid);
  const Vec3 cursor = m_session.cursorMm();
  const WindowLevel before = m_session.window();
  drag(Qt::LeftButton, {200, 150}, {60, 0});
  EXPECT_GT(m_session.window().width, before.width);
  const double level = m_session.window().level;
  drag(Qt::LeftButton, {200, 150}, {0, -60});
  EXPECT_LT(m_session.window().level, level);  // up is brighter
  EXPECT_EQ(m_session.cursorMm(), cursor);
}

TEST_F(SliceViewTest, WalksOneSlicePerNotchAndAddsUpFineSteps) {
  show(viz::ViewPlane::Axial, kGrid);
  const std::int64_t start = m_view->slice();
  wheel(120);
  EXPECT_EQ(m_view->slice(), start + 1);
  for (int n = 0; n < 8; ++n) {
    wheel(15);  // an eighth of a notch
  }
  EXPECT_EQ(m_view->slice(), start + 2);
  wheel(-360);
  EXPECT_EQ(m_view->slice(), start - 1);
  QTest::keyClick(m_view.get(), Qt::Key_Home);
  EXPECT_EQ(m_view->slice(), 0);
  QTest::keyClick(m_view.get(), Qt::Key_PageUp);
  EXPECT_EQ(m_view->slice(), 10);
  QTest::keyClick(m_view.get(), Qt::Key_End);
  EXPECT_EQ(m_view->slice(), 39);
}

TEST_F(SliceViewTest, WalksTowardsTheHeadWhateverTheStorageOrder) {
  for (const char* codes : {"LPS", "LPI", "SAR", "RIA"}) {
    show(viz::ViewPlane::Axial, phantom::grid({40, 40, 40}, {2, 2, 2}, codes));
    const double before = m_session.cursorMm().z;
    wheel(120);
    EXPECT_NEAR(m_session.cursorMm().z - before, 2.0, 1.01) << codes;
    EXPECT_GT(m_session.cursorMm().z, before) << codes;
  }
}

TEST_F(SliceViewTest, PansAndZoomsAboutThePressAndTheCursor) {
  show(viz::ViewPlane::Axial, kGrid);
  const Vec3 held = m_view->lpsFromWidget({100, 80});
  drag(Qt::MiddleButton, {100, 80}, {30, 20});
  EXPECT_LT(length(m_view->lpsFromWidget({130, 100}) - held), 1e-6);
  drag(Qt::LeftButton, {130, 100}, {-30, -20}, Qt::ShiftModifier);
  EXPECT_LT(length(m_view->lpsFromWidget({100, 80}) - held), 1e-6);
  const double before = m_view->camera().mmPerPixel;
  wheel(120, Qt::ControlModifier);
  EXPECT_LT(m_view->camera().mmPerPixel, before);
  EXPECT_LT(length(m_view->lpsFromWidget({100, 80}) - held), 1e-6);
  drag(Qt::RightButton, {100, 80}, {0, 40});
  EXPECT_LT(length(m_view->lpsFromWidget({100, 80}) - held), 1e-6);
  m_view->resetView();
  EXPECT_NEAR(m_view->camera().mmPerPixel, before, 1e-12);
}

TEST_F(SliceViewTest, AsksForItsMenuOnARightClickOnly) {
  show(viz::ViewPlane::Axial, kGrid);
  QSignalSpy asked(m_view.get(), &SliceView::menuRequested);
  drag(Qt::RightButton, {100, 80}, {0, 40});
  EXPECT_EQ(asked.count(), 0);
  QTest::mouseClick(m_view.get(), Qt::RightButton, {}, QPoint(100, 80));
  EXPECT_EQ(asked.count(), 1);
}

TEST_F(SliceViewTest, PaintsWithTheToolAndErasesWithControl) {
  show(viz::ViewPlane::Sagittal, kGrid);
  const StructureId id = m_session.addStructure(QStringLiteral("Organ"));
  m_session.setTool(Tool::Paint);
  drag(Qt::LeftButton, {180, 140}, {60, 30});
  const std::int64_t painted = m_session.segmentation().voxelCount(id);
  EXPECT_GT(painted, 10);
  // Only the slice that was shown.
  const Box box = m_session.segmentation().boundsOf(id);
  EXPECT_EQ(box.size()[m_view->frame().sliceAxis()], 1);
  EXPECT_EQ(box.begin[m_view->frame().sliceAxis()], m_view->slice());
  drag(Qt::LeftButton, {180, 140}, {60, 30}, Qt::ControlModifier);
  EXPECT_EQ(m_session.segmentation().voxelCount(id), 0);
  m_session.undo();
  EXPECT_EQ(m_session.segmentation().voxelCount(id), painted);
  // The window is still at hand.
  const double width = m_session.window().width;
  drag(Qt::LeftButton, {180, 140}, {60, 0}, Qt::AltModifier);
  EXPECT_GT(m_session.window().width, width);
  EXPECT_EQ(m_session.segmentation().voxelCount(id), painted);
  QTest::keyClick(m_view.get(), Qt::Key_Escape);
  EXPECT_EQ(m_session.tool(), Tool::View);
}

TEST_F(SliceViewTest, PaintsTheVoxelUnderTheMouse) {
  for (const viz::ViewPlane plane : kPlanes) {
    show(plane, phantom::grid({60, 60, 40}, {2, 2, 3}, "RIA"));
    const StructureId id = m_session.addStructure();
    m_session.setActiveStructure(id);
    BrushState brush = m_session.brush();
    brush.radiusMm = 0.9;  // less than a voxel
    m_session.setBrush(brush);
    m_session.setTool(Tool::Paint);
    const Index3 voxel{17, 22, 9};
    const Vec3 at = m_session.volume()->geometry().lpsFromIndex.apply({17, 22, 9});
    m_session.setCursor(at);
    // A fine zoom, so that a pixel lies near the voxel's centre.
    m_view->resize(1200, 900);
    QTest::mouseClick(m_view.get(), Qt::LeftButton, {}, m_view->widgetFromLps(at).toPoint());
    EXPECT_EQ(m_session.segmentation().voxelCount(id), 1);
    EXPECT_EQ(m_session.segmentation().boundsOf(id).begin, voxel);
    m_session.setTool(Tool::View);
  }
}

TEST_F(SliceViewTest, DrawsARegionForTheThreshold) {
  show(viz::ViewPlane::Axial, kGrid);
  m_session.setTool(Tool::Threshold);
  drag(Qt::LeftButton, {150, 100}, {80, 60});
  ASSERT_TRUE(m_session.region().has_value());
  const Geometry& grid = m_session.volume()->geometry();
  const Vec3 from = grid.indexFromLps().apply(m_view->lpsFromWidget({150, 100}));
  const Vec3 to = grid.indexFromLps().apply(m_view->lpsFromWidget({230, 160}));
  EXPECT_EQ(m_session.region()->begin.i, std::llround(from.x));
  EXPECT_EQ(m_session.region()->end.i, std::llround(to.x) + 1);
  EXPECT_EQ(m_session.region()->begin.j, std::llround(from.y));
  EXPECT_EQ(m_session.region()->end.k, 40);
}

TEST_F(SliceViewTest, ChangesTheBrushWithShiftAndTheWheel) {
  show(viz::ViewPlane::Axial, kGrid);
  const double radius = m_session.brush().radiusMm;
  const std::int64_t slice = m_view->slice();
  m_session.setTool(Tool::Paint);
  wheel(120, Qt::ShiftModifier);
  EXPECT_NEAR(m_session.brush().radiusMm, 1.2 * radius, 1e-9);
  QTest::keyClick(m_view.get(), Qt::Key_BracketLeft);
  EXPECT_NEAR(m_session.brush().radiusMm, radius, 0.06 * radius);
  EXPECT_EQ(m_view->slice(), slice);
}

SliceAnnotation annotationOf(const Session& session, const SliceView& view, double ratio) {
  return {session,
          view.frame(),
          view.camera(),
          view.slice(),
          QRectF(view.rect()),
          ratio,
          true,
          std::nullopt};
}

TEST_F(SliceViewTest, DrawsTheBrushRingAtItsTrueSize) {
  show(viz::ViewPlane::Axial, kGrid);
  BrushState brush = m_session.brush();
  brush.radiusMm = 12.0;
  m_session.setBrush(brush);
  const SliceAnnotation annotation = annotationOf(m_session, *m_view, 1.0);
  EXPECT_DOUBLE_EQ(annotation.ringRadius(), 12.0 / m_view->camera().mmPerPixel);
  const QPointF middle = m_view->widgetFromLps({0, 0, 0});
  const QPointF edge = m_view->widgetFromLps({12, 0, 0});
  EXPECT_NEAR(edge.x() - middle.x(), annotation.ringRadius(), 1e-9);
  EXPECT_DOUBLE_EQ(annotationOf(m_session, *m_view, 2.0).ringRadius(),
                   annotation.ringRadius() / 2.0);
}

TEST_F(SliceViewTest, ShowsAScaleBarOfARoundLength) {
  show(viz::ViewPlane::Axial, kGrid);
  const auto bar = annotationOf(m_session, *m_view, 1.0).scaleBar(110.0);
  EXPECT_LE(bar.widgetPx, 110.0);
  EXPECT_GT(bar.widgetPx, 110.0 / 2.6);
  EXPECT_NEAR(bar.widgetPx * m_view->camera().mmPerPixel, bar.lengthMm, 1e-9);
  EXPECT_EQ(bar.text, QStringLiteral("20 mm"));
}

TEST_F(SliceViewTest, HidesPatientDataWithOneSwitch) {
  Volume volume = *trio(kGrid);
  volume.source.emplace();
  volume.source->patientAndStudy = {{0x00100010, "PN", "Doe^Jane"}, {0x00080020, "DA", "20240301"}};
  m_session.setVolume(std::make_shared<const Volume>(volume), QStringLiteral("dicom"));
  m_view = std::make_unique<SliceView>(m_session, viz::ViewPlane::Axial);
  m_view->resize(400, 300);
  EXPECT_TRUE(
      annotationOf(m_session, *m_view, 1.0).topLeft().contains(QStringLiteral("Doe, Jane")));
  DisplayState display = m_session.display();
  display.patientDataHidden = true;
  m_session.setDisplay(display);
  EXPECT_TRUE(annotationOf(m_session, *m_view, 1.0).topLeft().isEmpty());
  EXPECT_FALSE(
      annotationOf(m_session, *m_view, 1.0).topRight().contains(QStringLiteral("2024-03-01")));
}

TEST_F(SliceViewTest, PaintsThePictureOfTheSlice) {
  show(viz::ViewPlane::Axial, kGrid);
  m_session.setWindow({100.0, 50.0, {}});
  DisplayState display = m_session.display();
  display.crosshairVisible = false;
  m_session.setDisplay(display);
  const phantom::Shape organ = phantom::asymmetricTrio()[0];
  m_session.setCursor(organ.centroidMm);
  const QImage picture = m_view->grab().toImage();
  const QPointF at = m_view->widgetFromLps(organ.centroidMm) * m_view->devicePixelRatioF();
  EXPECT_GT(qRed(picture.pixel(at.toPoint())), 240);
  EXPECT_EQ(qRed(picture.pixel(20, 60)), 0);
}

}  // namespace
}  // namespace argand::ui
