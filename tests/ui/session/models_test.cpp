// SPDX-License-Identifier: Apache-2.0
#include "core/volume/phantom.h"
#include "ui/session/organ_list_model.h"
#include "ui/session/session.h"
#include "ui/session/study_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include <gtest/gtest.h>

namespace argand::ui {
namespace {

constexpr int kLongMs = 10000;
constexpr auto kFatal = QAbstractItemModelTester::FailureReportingMode::Fatal;

std::shared_ptr<const Volume> phantomVolume() {
  const Geometry grid = phantom::grid({40, 40, 40}, {2.0, 2.0, 2.0});
  return std::make_shared<const Volume>(
      phantom::image(grid, phantom::asymmetricTrio(), {40.0, 60.0, 300.0}, 0.0));
}

QVariant cell(const OrganListModel& model, int row, int column, int role = Qt::DisplayRole) {
  return model.data(model.index(row, column), role);
}

TEST(OrganListModel, ListsStructuresWithTheirVolumesInMillilitres) {
  Session session;
  OrganListModel model(session);
  const QAbstractItemModelTester tester(&model, kFatal);
  session.setVolume(phantomVolume(), QStringLiteral("one"));
  const Segmentation truth =
      phantom::rasterized(session.volume()->geometry(), phantom::asymmetricTrio());
  Segmentation after = session.segmentation();
  for (const Structure& structure : truth.structures()) {
    Structure added = structure;
    added.id = 0;
    const StructureId id = after.add(added);
    const Box box = truth.geometry().box();
    after.assign(id, box, truth.mask(structure.id, box));
  }
  ASSERT_TRUE(session.apply(edit::difference(session.segmentation(), after, "Add all")));
  ASSERT_EQ(model.rowCount(), 3);
  QSignalSpy counted(&model, &OrganListModel::volumesCounted);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !counted.isEmpty() && !model.counting(); }, kLongMs));
  for (int row = 0; row < 3; ++row) {
    const Structure& structure = truth.structures()[std::size_t(row)];
    EXPECT_EQ(cell(model, row, OrganListModel::Name).toString().toStdString(), structure.name);
    EXPECT_EQ(cell(model, row, OrganListModel::VolumeMl).toString(),
              QString::number(truth.volumeMl(structure.id), 'f', 1));
  }
}

TEST(OrganListModel, RenamesAsOneUndoStepAndRefusesATakenName) {
  Session session;
  OrganListModel model(session);
  const QAbstractItemModelTester tester(&model, kFatal);
  session.setVolume(phantomVolume(), QStringLiteral("one"));
  session.addStructure(QStringLiteral("Liver"));
  session.addStructure(QStringLiteral("Spleen"));
  const QModelIndex name = model.index(0, OrganListModel::Name);
  EXPECT_TRUE(model.setData(name, QStringLiteral("Hepar"), Qt::EditRole));
  EXPECT_EQ(name.data().toString(), QStringLiteral("Hepar"));
  EXPECT_FALSE(model.setData(name, QStringLiteral("Spleen"), Qt::EditRole));
  EXPECT_FALSE(model.setData(name, QStringLiteral("  "), Qt::EditRole));
  session.undo();
  EXPECT_EQ(cell(model, 0, OrganListModel::Name).toString(), QStringLiteral("Liver"));
}

TEST(OrganListModel, FollowsAdditionsRemovalsAndEyes) {
  Session session;
  OrganListModel model(session);
  const QAbstractItemModelTester tester(&model, kFatal);
  session.setVolume(phantomVolume(), QStringLiteral("one"));
  const StructureId a = session.addStructure(QStringLiteral("A"));
  const StructureId b = session.addStructure(QStringLiteral("B"));
  EXPECT_EQ(model.rowOf(b), 1);
  EXPECT_TRUE(
      model.setData(model.index(0, OrganListModel::Eye), false, OrganListModel::VisibleRole));
  EXPECT_FALSE(cell(model, 0, OrganListModel::Eye, OrganListModel::VisibleRole).toBool());
  session.removeStructure(a);
  EXPECT_EQ(model.rowCount(), 1);
  EXPECT_EQ(model.idAt(0), b);
  EXPECT_EQ(model.rowOf(a), -1);
}

TEST(OrganListModel, ClaimsNoHandForWhatCameFromAFile) {
  const Structure given;
  EXPECT_EQ(stateText(given, std::nullopt), QString());
  EXPECT_EQ(stateText(given, 0.0), QStringLiteral("Empty"));
  EXPECT_EQ(stateText(given, 1.2), QStringLiteral("From file"));
  Structure drawn;
  drawn.edited = true;
  EXPECT_EQ(stateText(drawn, 1.2), QStringLiteral("Manual"));
  Structure found;
  found.origin = Origin::Automatic;
  EXPECT_EQ(stateText(found, 1.2), QStringLiteral("AI"));
  found.edited = true;
  EXPECT_EQ(stateText(found, 1.2), QStringLiteral("AI, edited"));
}

study::Entry entryOf(const std::string& studyUid,
                     const std::string& seriesUid,
                     const std::string& name) {
  study::Entry entry;
  entry.path = "/data/" + seriesUid;
  entry.modality = "CT";
  entry.description = name;
  if (!studyUid.empty()) {
    dicom::SeriesEntry series;
    series.studyUid = studyUid;
    series.seriesUid = seriesUid;
    series.patientLabel = "Phantom";
    series.studyDate = "20260131";
    entry.series = series;
  }
  entry.geometry = phantom::grid({10, 11, 12}, {1.0, 1.0, 2.0});
  return entry;
}

TEST(StudyModel, GroupsSeriesByStudyAndListsEachOnce) {
  StudyModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  const study::Found found{{entryOf("1.2", "1.2.1", "Thorax"),
                            entryOf("1.3", "1.3.1", "Head"),
                            entryOf("1.2", "1.2.2", "Abdomen"),
                            entryOf("", "file.nii", "file.nii")},
                           {}};
  const auto keys = model.add(found);
  ASSERT_EQ(keys.size(), 4U);
  EXPECT_EQ(model.rowCount(), 3);
  EXPECT_EQ(model.rowCount(model.index(0, 0)), 2);
  EXPECT_EQ(model.add(found), keys);
  EXPECT_EQ(model.rowCount(model.index(0, 0)), 2);
  EXPECT_EQ(model.indexOf(keys[2]).data().toString(), QStringLiteral("Abdomen"));
  EXPECT_EQ(model.indexOf(keys[2]).parent(), model.index(0, 0));
  EXPECT_EQ(model.entry(keys[3])->description, "file.nii");
  EXPECT_EQ(model.entry(QStringLiteral("nothing")), nullptr);
}

TEST(StudyModel, HidesThePatientOnRequest) {
  StudyModel model;
  model.add({{entryOf("1.2", "1.2.1", "Thorax")}, {}});
  const QModelIndex study = model.index(0, 0);
  EXPECT_EQ(study.data().toString(), QStringLiteral("Phantom"));
  EXPECT_TRUE(study.data(StudyModel::DetailRole).toString().contains(QStringLiteral("2026-01-31")));
  model.setPatientHidden(true);
  EXPECT_FALSE(study.data().toString().contains(QStringLiteral("Phantom")));
  EXPECT_FALSE(study.data(StudyModel::DetailRole).toString().contains(QStringLiteral("2026")));
}

// The picture shows patient right on the left and anterior at the top in whatever
// order the voxels are stored.
TEST(Thumbnail, IsTheSameForEveryAxisOrder) {
  Thumbnail first;
  for (const char* codes : {"LPS", "RAS", "PIR", "SLA", "ARI"}) {
    const Geometry grid = phantom::grid({40, 40, 40}, {2.0, 2.0, 2.0}, codes);
    const Volume volume =
        phantom::image(grid, phantom::asymmetricTrio(), {100.0, 200.0, 300.0}, 0.0);
    const Thumbnail picture = thumbnailOf(volume, 40);
    ASSERT_EQ(picture.width, 40);
    if (first.pixels.isEmpty()) {
      first = picture;
    }
    EXPECT_EQ(picture.pixels, first.pixels) << codes;
  }
}

}  // namespace
}  // namespace argand::ui
