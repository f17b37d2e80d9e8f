// SPDX-License-Identifier: Apache-2.0
#include "core/volume/phantom.h"
#include "ui/session/middle_voxel.h"
#include "ui/session/session.h"

#include <QSignalSpy>

#include <gtest/gtest.h>

namespace argand::ui {
namespace {

std::shared_ptr<const Volume> phantomVolume() {
  const Geometry grid = phantom::grid({40, 36, 30}, {2.0, 2.0, 2.5}, "LPS");
  Volume volume = phantom::image(grid, phantom::asymmetricTrio(), {40.0, 60.0, 300.0}, -1000.0);
  volume.modality = Modality::Ct;
  return std::make_shared<const Volume>(std::move(volume));
}

// Two organs side by side on slice 15, both seen and reviewed.
class Work : public testing::Test {
 protected:
  void SetUp() override {
    m_session.setVolume(m_volume, QStringLiteral("one"));
    m_a = m_session.addStructure(QStringLiteral("A"));
    m_b = m_session.addStructure(QStringLiteral("B"));
    fill(m_a, {{5, 5, 15}, {10, 10, 16}});
    fill(m_b, {{12, 5, 15}, {17, 10, 16}});
    m_session.noteDrawn(2, 15);
    m_session.setReview(m_a, ReviewState::Completed);
    m_session.setReview(m_b, ReviewState::Completed);
    ASSERT_EQ(review(m_a), ReviewState::Completed);
    ASSERT_EQ(review(m_b), ReviewState::Completed);
    const auto mark = m_session.exportMark({});
    m_session.markExported(mark);
    ASSERT_FALSE(m_session.modified());
  }

  void fill(StructureId id, const Box& box, Session::Source source = Session::Source::Work) {
    Segmentation after = m_session.segmentation();
    after.assign(id, box, std::vector<std::uint8_t>(std::size_t(box.size().voxels()), 1));
    ASSERT_TRUE(m_session.apply(edit::difference(m_session.segmentation(), after, "Fill"), source));
  }

  [[nodiscard]] ReviewState review(StructureId id) const {
    return m_session.segmentation().find(id)->review;
  }

  // A threshold that holds for every voxel, inside `box`.
  void thresholdInto(StructureId id, const Box& box) {
    m_session.setActiveStructure(id);
    BrushState brush = m_session.brush();
    brush.lower = -5000.0;
    brush.upper = 5000.0;
    m_session.setBrush(brush);
    m_session.setRegion(box);
    m_session.applyThreshold(false);
  }

  std::shared_ptr<const Volume> m_volume = phantomVolume();
  Session m_session;
  StructureId m_a = 0;
  StructureId m_b = 0;
};

TEST_F(Work, AReviewEndsWhereANeighboursThresholdTakesTheVoxels) {
  int asked = 0;
  m_session.setReviewQuestion([&](const QStringList& organs) {
    ++asked;
    EXPECT_EQ(organs, QStringList{QStringLiteral("A")});
    return true;
  });
  thresholdInto(m_b, {{5, 5, 15}, {10, 10, 16}});
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(m_session.segmentation().voxelCount(m_a), 0);
  EXPECT_EQ(review(m_a), ReviewState::InProgress);
  EXPECT_EQ(review(m_b), ReviewState::InProgress);
  // Undone and redone, its voxels changed each time.
  m_session.undo();
  EXPECT_EQ(m_session.segmentation().voxelCount(m_a), 25);
  EXPECT_EQ(review(m_a), ReviewState::InProgress);
  m_session.redo();
  EXPECT_EQ(review(m_a), ReviewState::InProgress);
  EXPECT_EQ(review(m_b), ReviewState::InProgress);
  EXPECT_EQ(asked, 1);
}

TEST_F(Work, SaysWhyAReviewEndedOnlyWhereNobodyTookItBack) {
  const QSignalSpy notices(&m_session, &Session::notice);
  m_session.setReview(m_a, ReviewState::InProgress);
  EXPECT_EQ(notices.count(), 0);
  fill(m_b, {{12, 5, 16}, {17, 10, 17}});
  ASSERT_EQ(notices.count(), 1);
  EXPECT_TRUE(notices[0][0].toString().contains(QStringLiteral("B")));
}

TEST_F(Work, AReviewedOrganKeepsItsVoxelsWhereThePersonSaysSo) {
  m_session.setReviewQuestion([](const QStringList&) { return false; });
  const edit::Edit* before = m_session.history().nextUndo();
  thresholdInto(m_b, {{5, 5, 15}, {10, 10, 16}});
  EXPECT_EQ(m_session.segmentation().voxelCount(m_a), 25);
  EXPECT_EQ(review(m_a), ReviewState::Completed);
  EXPECT_EQ(m_session.history().nextUndo(), before);

  m_session.setTool(Tool::Paint);
  const Geometry& grid = m_volume->geometry();
  ASSERT_TRUE(m_session.beginStroke(grid.lpsFromIndex.apply({7, 7, 15}), 2, false));
  m_session.endStroke();
  EXPECT_EQ(m_session.segmentation().voxelCount(m_a), 25);
  EXPECT_EQ(review(m_a), ReviewState::Completed);
  EXPECT_EQ(review(m_b), ReviewState::Completed);
  EXPECT_FALSE(m_session.strokeActive());
}

TEST_F(Work, AStrokeEndsTheReviewOfBothAndUndoOfAFillToo) {
  m_session.setActiveStructure(m_b);
  m_session.setTool(Tool::Paint);
  ASSERT_TRUE(m_session.beginStroke(m_volume->geometry().lpsFromIndex.apply({7, 7, 15}), 2, false));
  m_session.endStroke();
  EXPECT_EQ(review(m_a), ReviewState::InProgress);
  EXPECT_EQ(review(m_b), ReviewState::InProgress);
  m_session.noteDrawn(2, 15);
  m_session.setReview(m_b, ReviewState::Completed);
  ASSERT_EQ(review(m_b), ReviewState::Completed);
  m_session.undo();  // the review
  m_session.undo();  // the stroke
  EXPECT_EQ(review(m_a), ReviewState::InProgress);
  EXPECT_EQ(review(m_b), ReviewState::InProgress);
}

TEST_F(Work, AnEmptyOrganIsNotReviewedAndOneThatNobodySawIsNot) {
  const QSignalSpy notices(&m_session, &Session::notice);
  const StructureId c = m_session.addStructure(QStringLiteral("C"));
  m_session.setReview(c, ReviewState::Completed);
  EXPECT_EQ(review(c), ReviewState::NotStarted);
  ASSERT_EQ(notices.count(), 1);
  EXPECT_TRUE(notices[0][0].toString().contains(QStringLiteral("C is empty")));

  fill(c, {{5, 20, 3}, {8, 23, 6}});
  m_session.setReview(c, ReviewState::Completed);
  EXPECT_EQ(review(c), ReviewState::NotStarted);
  ASSERT_EQ(notices.count(), 2);
  EXPECT_TRUE(notices[1][0].toString().contains(QStringLiteral("has not been on the screen")));

  m_session.noteDrawn(2, 20);  // a slice without it
  m_session.setStructureVisible(c, false);
  m_session.noteDrawn(2, 4);  // one with it, its eye shut
  m_session.setStructureVisible(c, true);
  DisplayState hidden = m_session.display();
  hidden.organsVisible = false;
  m_session.setDisplay(hidden);
  m_session.noteDrawn(2, 4);  // all organs hidden
  m_session.setReview(c, ReviewState::Completed);
  EXPECT_EQ(review(c), ReviewState::NotStarted);
  hidden.organsVisible = true;
  m_session.setDisplay(hidden);
  m_session.noteDrawn(0, 6);  // sagittal
  m_session.setReview(c, ReviewState::Completed);
  EXPECT_EQ(review(c), ReviewState::Completed);
}

TEST_F(Work, WhatAFileHoldsIsNoWorkToLose) {
  fill(m_a, {{5, 5, 20}, {10, 10, 22}}, Session::Source::File);
  EXPECT_FALSE(m_session.modified());
  fill(m_a, {{5, 5, 23}, {10, 10, 24}});
  EXPECT_EQ(m_session.unexported(),
            (std::map<QString, QStringList>{{QStringLiteral("one"), {QStringLiteral("A")}}}));
}

TEST_F(Work, OfASeriesPutAsideIsNotForgottenAndNamesTheOrgans) {
  fill(m_a, {{5, 5, 20}, {10, 10, 22}});
  m_session.removeStructure(m_b);
  m_session.setVolume(phantomVolume(), QStringLiteral("two"));
  EXPECT_FALSE(m_session.modified());
  const std::map<QString, QStringList> expected{
      {QStringLiteral("one"), {QStringLiteral("A"), QStringLiteral("B (deleted)")}}};
  EXPECT_EQ(m_session.unexported(), expected);
  m_session.setVolume(m_volume, QStringLiteral("one"));
  EXPECT_TRUE(m_session.modified());
  EXPECT_EQ(m_session.unexported(), expected);
}

TEST_F(Work, AnExportEndsOnlyWhatItWrote) {
  fill(m_a, {{5, 5, 20}, {10, 10, 22}});
  fill(m_b, {{12, 5, 20}, {17, 10, 22}});
  const auto onlyA = m_session.exportMark({m_a});
  m_session.markExported(onlyA);
  EXPECT_EQ(m_session.unexported().begin()->second, QStringList{QStringLiteral("B")});
  // What is changed while the export runs is not in it; another series may be shown.
  const auto all = m_session.exportMark({});
  fill(m_a, {{5, 5, 25}, {10, 10, 26}});
  m_session.setVolume(phantomVolume(), QStringLiteral("two"));
  m_session.markExported(all);
  EXPECT_EQ(m_session.unexported(),
            (std::map<QString, QStringList>{{QStringLiteral("one"), {QStringLiteral("A")}}}));
}

TEST_F(Work, UndoAndRedoGiveTheCurrentOrganBack) {
  m_session.setActiveStructure(m_b);
  fill(m_a, {{5, 5, 20}, {10, 10, 22}});
  m_session.undo();
  m_session.redo();
  EXPECT_EQ(m_session.activeStructure(), m_b);
  const StructureId c = m_session.addStructure(QStringLiteral("C"));
  ASSERT_EQ(m_session.activeStructure(), c);
  m_session.undo();
  m_session.redo();
  EXPECT_EQ(m_session.activeStructure(), c);
  m_session.undo();
  m_session.setActiveStructure(m_b);  // a choice of the person's own holds
  m_session.redo();
  EXPECT_EQ(m_session.activeStructure(), m_b);
}

TEST_F(Work, AChosenOrganComesIntoViewAtAVoxelOfItsOwn) {
  const StructureId ring = m_session.addStructure(QStringLiteral("Two ends"));
  fill(ring, {{2, 2, 2}, {5, 5, 4}});
  fill(ring, {{30, 30, 24}, {33, 33, 28}});  // the centroid lies between
  m_session.setCursorVoxel({20, 1, 1});
  m_session.chooseStructure(ring);
  EXPECT_EQ(m_session.segmentation().mask(ring,
                                          Box{m_session.cursorVoxel(),
                                              {m_session.cursorVoxel().i + 1,
                                               m_session.cursorVoxel().j + 1,
                                               m_session.cursorVoxel().k + 1}}),
            std::vector<std::uint8_t>{1});
  m_session.chooseStructure(m_a);
  EXPECT_EQ(m_session.cursorVoxel(), (Index3{7, 7, 15}));
  m_session.chooseNext(1);
  EXPECT_EQ(m_session.cursorVoxel(), (Index3{14, 7, 15}));
}

// By brute force over all voxels, on a grid whose voxels are no cubes.
TEST_F(Work, TheMiddleVoxelIsTheOneNearestToTheCentroid) {
  Segmentation segmentation = phantom::rasterized(m_volume->geometry(), phantom::asymmetricTrio());
  const Geometry& grid = segmentation.geometry();
  for (const Structure& structure : segmentation.structures()) {
    const Vec3 centroid = *segmentation.centroidMm(structure.id);
    const Box box = grid.box();
    const auto mask = segmentation.mask(structure.id, box);
    double best = 1e9;
    std::size_t n = 0;
    for (std::int64_t k = 0; k < box.end.k; ++k) {
      for (std::int64_t j = 0; j < box.end.j; ++j) {
        for (std::int64_t i = 0; i < box.end.i; ++i, ++n) {
          const Vec3 at = grid.lpsFromIndex.apply({double(i), double(j), double(k)});
          best = mask[n] != 0 ? std::min(best, length(at - centroid)) : best;
        }
      }
    }
    const auto found = middleVoxel(segmentation, structure.id);
    ASSERT_TRUE(found);
    const Vec3 at = grid.lpsFromIndex.apply({double(found->i), double(found->j), double(found->k)});
    EXPECT_NEAR(length(at - centroid), best, 1e-9) << structure.name;
  }
  EXPECT_FALSE(middleVoxel(segmentation, segmentation.add({})));
}

}  // namespace
}  // namespace argand::ui
