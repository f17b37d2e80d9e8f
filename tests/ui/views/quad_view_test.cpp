// SPDX-License-Identifier: Apache-2.0
#include "ui/views/quad_view.h"

#include "core/volume/phantom.h"
#include "ui/views/view_style.h"

#include <QSignalSpy>
#include <QTest>

#include <gtest/gtest.h>

namespace argand::ui {
namespace {

constexpr int kPatienceMs = 20'000;

class QuadViewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Geometry grid = phantom::grid({50, 50, 50}, {2, 2, 2}, "RAS");
    const std::vector<phantom::Shape> shapes{phantom::sphere("LeftHead", {24, 0, 24}, 14),
                                             phantom::sphere("RightFeet", {-24, 0, -24}, 14)};
    m_session.setVolume(
        std::make_shared<const Volume>(phantom::image(grid, shapes, {500.0, 500.0}, 0.0)),
        QStringLiteral("two"));
    const Segmentation made = phantom::rasterized(grid, shapes);
    ASSERT_TRUE(m_session.apply(edit::difference(m_session.segmentation(), made, "Two")));
    m_view = std::make_unique<QuadView>(m_session);
    m_view->resize(800, 700);
    m_view->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(m_view.get()));
  }

  [[nodiscard]] bool surfacesMade() const {
    return QTest::qWaitFor([this] { return m_view->volumeView().upToDate(); }, kPatienceMs);
  }

  Session m_session;
  std::unique_ptr<QuadView> m_view;
};

TEST_F(QuadViewTest, PutsTheFourViewsWhereTheyBelong) {
  const auto middle = [&](const QWidget& view) {
    return view.mapTo(m_view.get(), view.rect().center());
  };
  const QPoint axial = middle(m_view->sliceView(viz::ViewPlane::Axial));
  const QPoint sagittal = middle(m_view->sliceView(viz::ViewPlane::Sagittal));
  const QPoint coronal = middle(m_view->sliceView(viz::ViewPlane::Coronal));
  const QPoint volume = middle(m_view->volumeView());
  EXPECT_LT(axial.x(), sagittal.x());
  EXPECT_LT(axial.y(), coronal.y());
  EXPECT_GT(volume.x(), coronal.x());
  EXPECT_GT(volume.y(), sagittal.y());
}

TEST_F(QuadViewTest, FollowsTheCursorInAllViews) {
  SliceView& coronal = m_view->sliceView(viz::ViewPlane::Coronal);
  const QPoint at(60, 70);
  const Vec3 expected = coronal.lpsFromWidget(at);
  QTest::mouseClick(&coronal, Qt::LeftButton, {}, at);
  for (const viz::ViewPlane plane : {viz::ViewPlane::Axial, viz::ViewPlane::Sagittal}) {
    const SliceView& view = m_view->sliceView(plane);
    EXPECT_EQ(view.slice(), view.frame().nearestSlice(expected));
  }
}

TEST_F(QuadViewTest, GivesOneViewTheWholeAreaAndBack) {
  SliceView& axial = m_view->sliceView(viz::ViewPlane::Axial);
  const int before = axial.width();
  QTest::mouseDClick(&axial, Qt::LeftButton);
  ASSERT_TRUE(QTest::qWaitFor([&] { return axial.width() > 780; }));
  EXPECT_TRUE(m_view->maximized());
  EXPECT_FALSE(m_view->volumeView().isVisible());
  QTest::mouseDClick(&axial, Qt::LeftButton);
  ASSERT_TRUE(QTest::qWaitFor([&] { return axial.width() == before; }));
  EXPECT_TRUE(m_view->volumeView().isVisible());
}

TEST_F(QuadViewTest, MakesASurfaceOfEveryStructureAndDrawsIt) {
  ASSERT_TRUE(surfacesMade());
  EXPECT_EQ(m_view->volumeView().surfaceCount(), 2U);
  Structure red = m_session.segmentation().structures()[0];
  red.color = {255, 0, 0};
  m_session.updateStructure(red, QStringLiteral("Colour"));
  const QImage picture = m_view->volumeView().grab().toImage();
  double x = 0.0;
  int count = 0;
  for (int row = 0; row < picture.height() / 2; ++row) {
    for (int column = 0; column < picture.width(); ++column) {
      const QRgb pixel = picture.pixel(column, row);
      if (qRed(pixel) > 80 && qRed(pixel) > 3 * qBlue(pixel)) {
        x += column;
        ++count;
      }
    }
  }
  ASSERT_GT(count, 200);  // up is the head, and the patient's left is on the right
  EXPECT_GT(x / count, picture.width() / 2.0);
}

TEST_F(QuadViewTest, RemakesTheSurfaceOfWhatWasPaintedOnly) {
  ASSERT_TRUE(surfacesMade());
  m_session.setActiveStructure(m_session.segmentation().structures()[0].id);
  m_session.setTool(Tool::Paint);
  SliceView& axial = m_view->sliceView(viz::ViewPlane::Axial);
  QTest::mouseClick(&axial, Qt::LeftButton, {}, axial.rect().center());
  EXPECT_FALSE(m_view->volumeView().upToDate());
  ASSERT_TRUE(surfacesMade());
  m_session.removeStructure(m_session.segmentation().structures()[1].id);
  ASSERT_TRUE(surfacesMade());
  EXPECT_EQ(m_view->volumeView().surfaceCount(), 1U);
}

TEST_F(QuadViewTest, PutsTheCursorOntoTheSurfaceThatIsClickedIn3D) {
  ASSERT_TRUE(surfacesMade());
  VolumeView& volume = m_view->volumeView();
  DisplayState display = m_session.display();
  display.crosshairVisible = false;
  m_session.setDisplay(display);
  volume.grab();  // draws
  // The upper ball from the front: its nearest point is 14 mm before its centre.
  int best = -1;
  const QImage picture = volume.grab().toImage();
  QPoint at;
  for (int y = 0; y < picture.height() / 2; y += 2) {
    for (int x = picture.width() / 2; x < picture.width(); x += 2) {
      const QRgb pixel = picture.pixel(x, y);
      const int light = qRed(pixel) + qGreen(pixel) + qBlue(pixel);
      if (light > best) {
        best = light;
        at = QPoint(x, y);
      }
    }
  }
  QTest::mouseClick(&volume, Qt::LeftButton, {}, at);
  EXPECT_LT(length(m_session.cursorMm() - Vec3{24, 0, 24}), 17.0);
  EXPECT_GT(length(m_session.cursorMm() - Vec3{24, 0, 24}), 11.0);
}

TEST_F(QuadViewTest, SurvivesGoingIntoAnotherWindow) {
  ASSERT_TRUE(surfacesMade());
  QWidget other;
  other.resize(700, 600);
  m_view->setParent(&other);
  m_view->setGeometry(other.rect());
  m_view->show();
  other.show();
  ASSERT_TRUE(QTest::qWaitForWindowExposed(&other));
  ASSERT_TRUE(QTest::qWaitFor([&] { return m_view->volumeView().ready(); }));
  const QImage picture = m_view->volumeView().grab().toImage();
  int light = 0;
  for (int row = 0; row < picture.height(); row += 2) {
    for (int column = 0; column < picture.width(); column += 2) {
      light += qGray(picture.pixel(column, row)) > 80 ? 1 : 0;
    }
  }
  EXPECT_GT(light, 300);
  m_view->setParent(nullptr);
}

}  // namespace
}  // namespace argand::ui
