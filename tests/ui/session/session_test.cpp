// SPDX-License-Identifier: Apache-2.0
#include "ui/session/session.h"

#include "core/volume/phantom.h"

#include <QSignalSpy>

#include <gtest/gtest.h>

namespace argand::ui {
namespace {

std::shared_ptr<const Volume> phantomVolume(Modality modality = Modality::Ct,
                                            const std::string& codes = "LPS") {
  const Geometry grid = phantom::grid({40, 36, 30}, {2.0, 2.0, 2.5}, codes);
  Volume volume = phantom::image(grid, phantom::asymmetricTrio(), {40.0, 60.0, 300.0}, -1000.0);
  volume.modality = modality;
  return std::make_shared<const Volume>(std::move(volume));
}

class SessionTest : public testing::Test {
 protected:
  void SetUp() override { m_session.setVolume(m_volume, QStringLiteral("one")); }

  [[nodiscard]] std::int64_t voxels(StructureId id) const {
    return m_session.segmentation().voxelCount(id);
  }

  void stroke(const Vec3& at, bool opposite = false) {
    ASSERT_TRUE(m_session.beginStroke(at, 2, opposite));
    m_session.moveStroke({at.x + 6.0, at.y, at.z});
    m_session.endStroke();
  }

  std::shared_ptr<const Volume> m_volume = phantomVolume();
  Session m_session;
};

TEST_F(SessionTest, StartsInTheMiddleWithTheVolumesOwnWindow) {
  // At the centre of a voxel, so that the place that is said is the slices' own.
  EXPECT_EQ(m_session.cursorVoxel(), (Index3{20, 18, 15}));
  EXPECT_LT(length(m_session.cursorMm() - m_volume->geometry().sliceToLps(20, 18, 15)), 1e-9);
  EXPECT_EQ(m_session.window().width, m_volume->defaultWindow().width);
  EXPECT_TRUE(m_session.segmentation().structures().empty());
  EXPECT_FALSE(m_session.modified());
}

TEST_F(SessionTest, KeepsTheCursorInsideTheVolume) {
  m_session.setCursor({1e4, 0.0, 0.0});
  EXPECT_EQ(m_session.cursorVoxel().i, m_volume->geometry().size.i - 1);
  m_session.setCursorVoxel({3, 4, 5});
  EXPECT_EQ(m_session.cursorVoxel(), (Index3{3, 4, 5}));
}

TEST_F(SessionTest, PaintsIntoTheActiveOrganAndTakesItBack) {
  const StructureId organ = m_session.addStructure(QStringLiteral("Liver"));
  m_session.setTool(Tool::Paint);
  const QSignalSpy changes(&m_session, &Session::segmentationChanged);
  stroke({0.0, 0.0, 0.0});
  const std::int64_t painted = voxels(organ);
  EXPECT_GT(painted, 0);
  EXPECT_GE(changes.count(), 2);
  EXPECT_TRUE(m_session.modified());
  EXPECT_TRUE(m_session.segmentation().find(organ)->edited);
  m_session.undo();
  EXPECT_EQ(voxels(organ), 0);
  m_session.redo();
  EXPECT_EQ(voxels(organ), painted);
}

TEST_F(SessionTest, TheOppositeOfPaintingErases) {
  const StructureId organ = m_session.addStructure();
  m_session.setTool(Tool::Paint);
  stroke({0.0, 0.0, 0.0});
  stroke({0.0, 0.0, 0.0}, true);
  EXPECT_EQ(voxels(organ), 0);
  m_session.setTool(Tool::Erase);
  stroke({0.0, 0.0, 0.0}, true);
  EXPECT_GT(voxels(organ), 0);
}

TEST_F(SessionTest, MakesAnOrganWhereThereIsNoneToPaint) {
  m_session.setTool(Tool::Paint);
  stroke({0.0, 0.0, 0.0});
  ASSERT_EQ(m_session.segmentation().structures().size(), 1U);
  EXPECT_EQ(m_session.activeStructure(), m_session.segmentation().structures().front().id);
}

TEST_F(SessionTest, RefusesToPaintALockedOrganAndSaysSo) {
  const StructureId organ = m_session.addStructure(QStringLiteral("Liver"));
  Structure locked = *m_session.segmentation().find(organ);
  locked.locked = true;
  m_session.updateStructure(locked, QStringLiteral("Lock"));
  const QSignalSpy notices(&m_session, &Session::notice);
  EXPECT_FALSE(m_session.beginStroke({0.0, 0.0, 0.0}, 2, false));
  EXPECT_EQ(notices.count(), 1);
  EXPECT_EQ(voxels(organ), 0);
  m_session.removeStructure(organ);
  EXPECT_NE(m_session.segmentation().find(organ), nullptr);
}

TEST_F(SessionTest, ACancelledStrokeLeavesNothing) {
  const StructureId organ = m_session.addStructure();
  const edit::Edit* before = m_session.history().nextUndo();
  ASSERT_TRUE(m_session.beginStroke({0.0, 0.0, 0.0}, 2, false));
  EXPECT_GT(voxels(organ), 0);
  m_session.cancelStroke();
  EXPECT_EQ(voxels(organ), 0);
  EXPECT_EQ(m_session.history().nextUndo(), before);
}

TEST_F(SessionTest, LimitedPaintingTakesOnlyValuesInTheRange) {
  const StructureId organ = m_session.addStructure();
  BrushState brush = m_session.brush();
  brush.radiusMm = 60.0;
  brush.limitToRange = true;
  brush.lower = 200.0;
  brush.upper = 400.0;
  brush.shape = edit::BrushShape::Ball;
  m_session.setBrush(brush);
  m_session.setTool(Tool::Paint);
  stroke({0.0, 0.0, 0.0});
  const Box box = m_volume->geometry().box();
  const auto mask = m_session.segmentation().mask(organ, box);
  std::size_t at = 0;
  for (std::int64_t k = 0; k < box.end.k; ++k) {
    for (std::int64_t j = 0; j < box.end.j; ++j) {
      for (std::int64_t i = 0; i < box.end.i; ++i, ++at) {
        if (mask[at] != 0) {
          ASSERT_EQ(m_volume->at({i, j, k}), 300.0);
        }
      }
    }
  }
  EXPECT_GT(voxels(organ), 0);
}

TEST_F(SessionTest, ThresholdFindsTheBrightShapeVoxelForVoxel) {
  const StructureId organ = m_session.addStructure();
  BrushState brush = m_session.brush();
  brush.lower = 200.0;
  brush.upper = 400.0;
  m_session.setBrush(brush);
  m_session.applyThreshold(true);
  const Segmentation truth = phantom::rasterized(m_volume->geometry(), phantom::asymmetricTrio());
  EXPECT_EQ(voxels(organ), truth.voxelCount(truth.structures().back().id));
  m_session.setRegion(Box{{0, 0, 0}, {1, 1, 1}});
  m_session.applyThreshold(true);
  EXPECT_EQ(voxels(organ), 0);
}

TEST_F(SessionTest, ConfinesTheRegionToTheVolume) {
  m_session.setRegion(Box{{-5, 2, 3}, {100, 10, 12}});
  ASSERT_TRUE(m_session.region());
  EXPECT_EQ(*m_session.region(), (Box{{0, 2, 3}, {40, 10, 12}}));
  m_session.setRegion(Box{{60, 0, 0}, {70, 5, 5}});
  EXPECT_FALSE(m_session.region());
}

TEST_F(SessionTest, SwapsBetweenTheLastTwoTools) {
  m_session.setTool(Tool::Paint);
  m_session.setTool(Tool::Erase);
  m_session.swapTools();
  EXPECT_EQ(m_session.tool(), Tool::Paint);
  m_session.swapTools();
  EXPECT_EQ(m_session.tool(), Tool::Erase);
}

TEST_F(SessionTest, BrushStepsAreTwentyPercent) {
  BrushState brush = m_session.brush();
  brush.radiusMm = 10.0;
  m_session.setBrush(brush);
  m_session.scaleBrush(1);
  EXPECT_NEAR(m_session.brush().radiusMm, 12.0, 1e-9);
  m_session.scaleBrush(-1);
  EXPECT_NEAR(m_session.brush().radiusMm, 10.0, 1e-9);
  m_session.scaleBrush(1000);
  EXPECT_EQ(m_session.brush().radiusMm, BrushState::kLargestMm);
}

TEST_F(SessionTest, PresetsSetTheCtWindowsAndZeroGoesThroughTheSourcesOwn) {
  m_session.applyPreset(2);
  EXPECT_EQ(m_session.window().width, 1500.0);
  EXPECT_EQ(m_session.window().level, -600.0);
  m_session.applyPreset(0);
  EXPECT_EQ(m_session.window().width, m_volume->defaultWindow().width);

  Volume two = *m_volume;
  two.windows = {{100.0, 10.0, "A"}, {200.0, 20.0, "B"}};
  m_session.setVolume(std::make_shared<const Volume>(std::move(two)), QStringLiteral("two"));
  m_session.setWindow({333.0, 3.0, {}});
  m_session.applyPreset(0);
  EXPECT_EQ(m_session.window().width, 100.0);
  m_session.applyPreset(0);
  EXPECT_EQ(m_session.window().width, 200.0);
  m_session.applyPreset(0);
  m_session.applyPreset(0);
  EXPECT_EQ(m_session.window().width, 100.0);
}

TEST_F(SessionTest, StartsFromTheValuesWhereTheSourcesWindowShowsNothing) {
  Volume dark = *m_volume;
  dark.windows = {{9000.0, 6000.0, "of the whole head"}};
  m_session.setVolume(std::make_shared<const Volume>(std::move(dark)), QStringLiteral("dark"));
  const Volume::Range& values = m_volume->range();
  EXPECT_NEAR(m_session.window().width, values.high - values.low, 1e-9);
  m_session.applyPreset(0);
  EXPECT_EQ(m_session.window().width, 9000.0);
}

TEST_F(SessionTest, GivesNoHounsfieldPresetToAnMr) {
  m_session.setVolume(phantomVolume(Modality::Mr), QStringLiteral("mr"));
  const WindowLevel before = m_session.window();
  const QSignalSpy notices(&m_session, &Session::notice);
  m_session.applyPreset(1);
  EXPECT_EQ(m_session.window().width, before.width);
  EXPECT_EQ(notices.count(), 1);
  m_session.setOwnPreset(Modality::Mr, {77.0, 7.0, {}});
  m_session.applyPreset(9);
  EXPECT_EQ(m_session.window().width, 77.0);
}

TEST_F(SessionTest, BringsBackTheWorkOfASeriesThatWasLeft) {
  const StructureId organ = m_session.addStructure(QStringLiteral("Liver"));
  m_session.setTool(Tool::Paint);
  stroke({0.0, 0.0, 0.0});
  const std::int64_t painted = voxels(organ);
  m_session.setVolume(phantomVolume(), QStringLiteral("two"));
  EXPECT_TRUE(m_session.segmentation().structures().empty());
  EXPECT_EQ(m_session.kept(QStringLiteral("one")), m_volume);
  m_session.setVolume(m_volume, QStringLiteral("one"));
  EXPECT_EQ(voxels(organ), painted);
  m_session.undo();
  EXPECT_EQ(voxels(organ), 0);
}

TEST_F(SessionTest, GoesRoundTheOrgansAndToTheNextUnreviewed) {
  const StructureId a = m_session.addStructure(QStringLiteral("A"));
  const StructureId b = m_session.addStructure(QStringLiteral("B"));
  const StructureId c = m_session.addStructure(QStringLiteral("C"));
  m_session.setActiveStructure(a);
  m_session.chooseNext(-1);
  EXPECT_EQ(m_session.activeStructure(), c);
  m_session.chooseNext(1);
  EXPECT_EQ(m_session.activeStructure(), a);
  Structure reviewed = *m_session.segmentation().find(b);
  reviewed.review = ReviewState::Completed;
  m_session.updateStructure(reviewed, QStringLiteral("Review"));
  m_session.chooseNextUnreviewed(1);
  EXPECT_EQ(m_session.activeStructure(), c);
}

TEST_F(SessionTest, UndoOfAnAdditionChoosesAnotherOrgan) {
  const StructureId a = m_session.addStructure(QStringLiteral("A"));
  const StructureId b = m_session.addStructure(QStringLiteral("B"));
  EXPECT_EQ(m_session.activeStructure(), b);
  m_session.undo();
  EXPECT_EQ(m_session.activeStructure(), a);
  EXPECT_EQ(m_session.segmentation().find(b), nullptr);
}

TEST_F(SessionTest, TheEyeIsNoUndoStep) {
  const StructureId a = m_session.addStructure(QStringLiteral("A"));
  const StructureId b = m_session.addStructure(QStringLiteral("B"));
  const std::string title = m_session.history().nextUndo()->title;
  m_session.setStructureVisible(a, false);
  EXPECT_FALSE(m_session.segmentation().find(a)->visible);
  EXPECT_EQ(m_session.history().nextUndo()->title, title);
  m_session.showOnly(a);
  EXPECT_TRUE(m_session.segmentation().find(a)->visible);
  EXPECT_FALSE(m_session.segmentation().find(b)->visible);
  m_session.showOnly(a);
  EXPECT_TRUE(m_session.segmentation().find(b)->visible);
  m_session.undo();
  EXPECT_EQ(m_session.segmentation().find(b), nullptr);
}

}  // namespace
}  // namespace argand::ui
