// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/seg.h"
#include "tests/ui/main_window_fixture.h"
#include "ui/dialogs/file_dialog.h"
#include "ui/panels/study_panel.h"
#include "ui/session/text.h"

#include <QComboBox>
#include <QDragEnterEvent>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QTimer>
#include <QTreeView>
#include <QUrl>

#include <fstream>
#include <iterator>

namespace argand::ui {
namespace {

namespace fs = std::filesystem;

std::string bytesOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What a person would lose: work that was not exported, and files that an export replaces.
class MainWindowWork : public MainWindowTest {
 protected:
  // Two series, A and B, in one study folder each, both listed.
  void openTwo() {
    for (const char* name : {"A", "B"}) {
      dicom::SeriesWriteOptions options;
      options.seriesDescription = std::string("Series ") + name;
      ASSERT_TRUE(dicom::writeSeries(m_folder / name, study({24, 20, 16}), options));
      open(m_folder / name);
      m_keys.push_back(session().key());
    }
    ASSERT_EQ(m_keys.size(), 2U);
    ASSERT_NE(m_keys[0], m_keys[1]);
  }

  void open(const fs::path& path) {
    m_window->open(path);
    ASSERT_TRUE(idle());
    ASSERT_NE(session().volume(), nullptr);
  }

  void show(const QString& key) {
    m_window->workbench().show(key);
    ASSERT_TRUE(idle());
    ASSERT_EQ(session().key(), key);
  }

  // An organ with voxels, as a hand would make it.
  StructureId paint(const QString& name) {
    const StructureId organ = session().addStructure(name);
    session().setTool(Tool::Paint);
    EXPECT_TRUE(session().beginStroke(session().volume()->geometry().centerMm(), 2, false));
    session().endStroke();
    EXPECT_GT(session().segmentation().voxelCount(organ), 0);
    return organ;
  }

  [[nodiscard]] QString exportTo(const fs::path& path, int format) {
    trigger("exportAction");
    find<QComboBox>("formatBox").setCurrentIndex(format);
    auto& edit = find<QLineEdit>("exportPath");
    edit.setText(shownPath(path));
    find("exportStart").click();
    EXPECT_TRUE(idle());
    return find<QLabel>("exportMessage").text();
  }

  [[nodiscard]] QVariant listed(const QString& key, int role) {
    const auto& model = *find<QTreeView>("studyTree").model();
    for (int study = 0; study < model.rowCount(); ++study) {
      const QModelIndex parent = model.index(study, 0);
      for (int row = 0; row < model.rowCount(parent); ++row) {
        if (model.index(row, 0, parent).data(StudyModel::KeyRole).toString() == key) {
          return model.index(row, 0, parent).data(role);
        }
      }
    }
    return {};
  }

  static constexpr int kRtStruct = 0;
  static constexpr int kSeg = 1;
  static constexpr int kNifti = 2;
  std::vector<QString> m_keys;
};

TEST_F(MainWindowWork, QuittingAsksOnceAndNamesEverySeriesWithWork) {
  openTwo();
  paint(QStringLiteral("Spleen"));
  show(m_keys[0]);
  paint(QStringLiteral("Liver"));
  session().addStructure(QStringLiteral("Heart"));
  show(m_keys[1]);
  EXPECT_EQ(listed(m_keys[0], StudyModel::UnexportedRole).toStringList(),
            (QStringList{QStringLiteral("Liver"), QStringLiteral("Heart")}));
  EXPECT_TRUE(
      listed(m_keys[0], Qt::ToolTipRole).toString().contains(QStringLiteral("Liver, Heart")));
  picture(*m_window, "unexported");
  message_box::primeAnswer(-1);
  EXPECT_FALSE(m_window->close());
  QStringList shown = message_box::takeShown();
  ASSERT_EQ(shown.size(), 1);
  EXPECT_TRUE(shown[0].contains(QStringLiteral("Series A:  Liver, Heart")))
      << shown[0].toStdString();
  EXPECT_TRUE(shown[0].contains(QStringLiteral("Series B:  Spleen"))) << shown[0].toStdString();

  // The series on the screen is exported; the other one's work is still there to lose.
  EXPECT_TRUE(exportTo(m_folder / "b.dcm", kRtStruct).contains(QStringLiteral("was written")));
  EXPECT_FALSE(session().modified());
  message_box::primeAnswer(-1);
  EXPECT_FALSE(m_window->close());
  shown = message_box::takeShown();
  ASSERT_EQ(shown.size(), 1);
  EXPECT_TRUE(shown[0].contains(QStringLiteral("Liver")));
  EXPECT_FALSE(shown[0].contains(QStringLiteral("Spleen")));

  // "Export..." leads to the series that has something to export.
  message_box::primeAnswer(0);
  EXPECT_FALSE(m_window->close());
  ASSERT_TRUE(idle());
  EXPECT_EQ(session().key(), m_keys[0]);
  EXPECT_TRUE(find<QDialog>("exportDialog").isVisible());
  EXPECT_EQ(message_box::takeShown().size(), 1);
  message_box::primeAnswer(1);
  EXPECT_TRUE(m_window->close());
  EXPECT_EQ(message_box::takeShown().size(), 1);
}

TEST_F(MainWindowWork, OpeningAnotherStudyKeepsTheWorkAndItsMark) {
  openTwo();
  show(m_keys[0]);
  const StructureId liver = paint(QStringLiteral("Liver"));
  const std::int64_t voxels = session().segmentation().voxelCount(liver);
  ASSERT_TRUE(dicom::writeSeries(m_folder / "C", study({20, 20, 12}), {}));
  open(m_folder / "C");
  EXPECT_EQ(session().volume()->geometry().size, (Size3{20, 20, 12}));
  EXPECT_EQ(session().unexported().size(), 1U);
  open(m_folder / "A");
  EXPECT_EQ(session().key(), m_keys[0]);
  EXPECT_EQ(session().segmentation().voxelCount(liver), voxels);
  session().undo();
  EXPECT_EQ(session().segmentation().voxelCount(liver), 0);
}

TEST_F(MainWindowWork, StructuresFromAFileAreNoWorkToExport) {
  openTwo();
  paint(QStringLiteral("Liver"));
  EXPECT_TRUE(exportTo(m_folder / "labels.nii.gz", kNifti).contains(QStringLiteral("was written")));
  show(m_keys[0]);
  file_dialog::primeName(m_folder / "labels.nii.gz");
  trigger("openStructuresAction");
  ASSERT_TRUE(idle());
  ASSERT_EQ(session().segmentation().structures().size(), 1U);
  EXPECT_FALSE(session().modified());
  EXPECT_TRUE(m_window->close());
  EXPECT_TRUE(message_box::takeShown().isEmpty());
}

TEST_F(MainWindowWork, AnExportNeverReplacesAFileOfAnOpenStudy) {
  openTwo();
  ASSERT_TRUE(io::writeImage(m_folder / "image.nii.gz", study({24, 20, 16})));
  open(m_folder / "image.nii.gz");
  show(m_keys[0]);
  paint(QStringLiteral("Liver"));
  fs::path slice;
  for (const auto& file : fs::directory_iterator(m_folder / "B")) {
    slice = file.path();
  }
  const std::string image = bytesOf(m_folder / "image.nii.gz");
  const std::string dicomFile = bytesOf(slice);
  fs::create_hard_link(slice, m_folder / "link.dcm");
  fs::create_symlink(m_folder, m_folder / "again");
  const QSettings settings;
  for (const auto& [path, format] :
       std::vector<std::pair<fs::path, int>>{{m_folder / "image.nii.gz", kNifti},
                                             {m_folder / "again/image.nii.gz", kNifti},
                                             {slice, kRtStruct},
                                             {m_folder / "link.dcm", kRtStruct}}) {
    const QString message = exportTo(path, format);
    EXPECT_TRUE(message.contains(QStringLiteral("belongs to a study that is open")))
        << message.toStdString();
    EXPECT_FALSE(settings.contains(QStringLiteral("folders/export")));
  }
  EXPECT_EQ(bytesOf(m_folder / "image.nii.gz"), image);
  EXPECT_EQ(bytesOf(slice), dicomFile);
  EXPECT_TRUE(message_box::takeShown().isEmpty());  // said in the dialog
  picture(find<QDialog>("exportDialog"), "export-refused");
  EXPECT_TRUE(session().modified());
}

TEST_F(MainWindowWork, AnExportAsksBeforeItReplacesAnyFile) {
  openTwo();
  paint(QStringLiteral("Liver"));
  for (const auto& [name, format] :
       {std::pair("x.dcm", kRtStruct), std::pair("x.nii.gz", kNifti), std::pair("x.mha", 4)}) {
    const fs::path file = m_folder / name;
    std::ofstream(file) << "Somebody else's.";
    message_box::primeAnswer(-1);
    static_cast<void>(exportTo(file, format));
    EXPECT_EQ(bytesOf(file), "Somebody else's.");
    EXPECT_TRUE(session().modified());
    QStringList shown = message_box::takeShown();
    ASSERT_EQ(shown.size(), 1);
    EXPECT_TRUE(shown[0].contains(QLatin1String(name)));
    message_box::primeAnswer(0);
    EXPECT_TRUE(exportTo(file, format).contains(QStringLiteral("was written")));
    EXPECT_NE(bytesOf(file), "Somebody else's.");
    EXPECT_FALSE(session().modified());
    EXPECT_EQ(message_box::takeShown().size(), 1);
    session().undo();
    session().redo();
  }
}

// The question itself: Enter keeps the file, and so does Esc.
TEST_F(MainWindowWork, EnterInTheQuestionKeepsTheFile) {
  openTwo();
  paint(QStringLiteral("Liver"));
  std::ofstream(m_folder / "x.dcm") << "Somebody else's.";
  for (const Qt::Key key : {Qt::Key_Return, Qt::Key_Escape}) {
    bool stood = false;
    QTimer::singleShot(200, m_window.get(), [&] {
      auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
      ASSERT_NE(box, nullptr);
      stood = true;
      picture(*box, "question-replace");
      QTest::keyClick(box, key);
    });
    static_cast<void>(exportTo(m_folder / "x.dcm", kRtStruct));
    EXPECT_TRUE(stood);
    EXPECT_EQ(bytesOf(m_folder / "x.dcm"), "Somebody else's.");
  }
}

TEST_F(MainWindowWork, ASegmentationThatEndsDuringAStrokeWaitsForIt) {
  openTwo();
  const StructureId organ = session().addStructure(QStringLiteral("Mine"));
  session().setTool(Tool::Paint);
  trigger("segmentAction");
  auto& start = find("segmentStart");
  ASSERT_TRUE(QTest::qWaitFor([&] { return start.isEnabled(); }, kLongMs));
  start.click();
  ASSERT_TRUE(session().beginStroke(session().volume()->geometry().centerMm(), 2, false));
  ASSERT_TRUE(idle());
  QTest::qWait(50);
  EXPECT_EQ(session().segmentation().structures().size(), 1U);
  ASSERT_TRUE(session().strokeActive());
  session().endStroke();
  EXPECT_EQ(session().segmentation().structures().size(), 3U);
  EXPECT_GT(session().segmentation().voxelCount(organ), 0);
  session().undo();
  EXPECT_EQ(session().segmentation().structures().size(), 1U);
  EXPECT_GT(session().segmentation().voxelCount(organ), 0);
}

TEST_F(MainWindowWork, LeavingAsksWithAllThatWouldBeLostInSight) {
  openTwo();
  paint(QStringLiteral("Spleen"));
  show(m_keys[0]);
  paint(QStringLiteral("Liver"));
  QTimer::singleShot(200, m_window.get(), [&] {
    auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
    ASSERT_NE(box, nullptr);
    EXPECT_NE(box->defaultButton()->text(), QStringLiteral("Leave them"));
    picture(*box, "question-leave");
    QTest::keyClick(box, Qt::Key_Escape);
  });
  EXPECT_FALSE(m_window->close());
  EXPECT_TRUE(session().modified());
}

TEST_F(MainWindowWork, AsksForTheFilesOfLayersToo) {
  openTwo();
  const StructureId first = paint(QStringLiteral("Body"));
  Segmentation after = session().segmentation();
  Structure over;
  over.name = "Liver";
  over.layer = 1;
  const StructureId second = after.add(over);
  const Box box = after.boundsOf(first);
  after.assign(second, box, after.mask(first, box));
  ASSERT_TRUE(session().apply(edit::difference(session().segmentation(), after, "Add")));
  std::ofstream(m_folder / "x-layer2.nii.gz") << "Somebody else's.";
  message_box::primeAnswer(-1);
  static_cast<void>(exportTo(m_folder / "x.nii.gz", kNifti));
  EXPECT_EQ(bytesOf(m_folder / "x-layer2.nii.gz"), "Somebody else's.");
  EXPECT_FALSE(fs::exists(m_folder / "x-layer1.nii.gz"));
  const QStringList shown = message_box::takeShown();
  ASSERT_EQ(shown.size(), 1);
  EXPECT_TRUE(shown[0].contains(QStringLiteral("x-layer2.nii.gz")));
}

// Voxel for voxel, overlaps too, and opened again from the list with its own series.
TEST_F(MainWindowWork, ASegComesBackAsItWas) {
  openTwo();
  const StructureId first = paint(QStringLiteral("Body"));
  Segmentation after = session().segmentation();
  Structure over;
  over.name = "Liver";
  over.layer = 1;
  const StructureId second = after.add(over);
  const Box box = after.boundsOf(first);
  after.assign(second, box, after.mask(first, box));
  ASSERT_TRUE(session().apply(edit::difference(session().segmentation(), after, "Add")));
  fs::create_directories(m_folder / "out");
  trigger("exportAction");
  find<QComboBox>("formatBox").setCurrentIndex(kSeg);
  EXPECT_TRUE(find<QLineEdit>("exportPath").text().endsWith(QStringLiteral("_seg.dcm")));
  picture(find<QDialog>("exportDialog"), "export-seg");
  const QString message = exportTo(m_folder / "out/seg.dcm", kSeg);
  EXPECT_TRUE(message.contains(QStringLiteral("2 segments"))) << message.toStdString();
  EXPECT_TRUE(message.contains(QStringLiteral("Dice 1.0000"))) << message.toStdString();
  EXPECT_FALSE(session().modified());
  const Volume& volume = *session().volume();
  const auto read = dicom::readSeg(m_folder / "out/seg.dcm", volume.geometry(), *volume.source);
  ASSERT_TRUE(read) << read.error().message;
  const Box whole = volume.geometry().box();
  const auto masks = [&](const Segmentation& segmentation) {
    std::map<std::string, std::vector<std::uint8_t>> all;
    for (const Structure& structure : segmentation.structures()) {
      all[structure.name] = segmentation.mask(structure.id, whole);
    }
    return all;
  };
  const auto expected = masks(session().segmentation());
  EXPECT_EQ(masks(read->segmentation), expected);

  // From the other series: it belongs to this one, which is shown again.
  m_window = std::make_unique<MainWindow>(m_models);
  m_window->show();
  open(m_folder / "B");
  const QString ofB = session().key();
  open(m_folder / "A");
  ASSERT_NE(session().key(), ofB);
  m_window->open(m_folder / "out/seg.dcm");
  ASSERT_TRUE(idle());
  EXPECT_EQ(session().key(), ofB);
  EXPECT_EQ(masks(session().segmentation()), expected);
  EXPECT_FALSE(session().modified());
  static_cast<void>(message_box::takeShown());
}

TEST_F(MainWindowWork, EverySeriesHasAnExportNameOfItsOwn) {
  openTwo();
  file_dialog::remember(m_folder, QStringLiteral("export"));
  paint(QStringLiteral("Liver"));
  trigger("exportAction");
  auto& edit = find<QLineEdit>("exportPath");
  const QString ofB = edit.text();
  EXPECT_TRUE(QFileInfo(ofB).fileName().contains(QStringLiteral("Series-B"))) << ofB.toStdString();
  picture(find<QDialog>("exportDialog"), "export-name");
  show(m_keys[0]);
  paint(QStringLiteral("Liver"));
  EXPECT_NE(edit.text(), ofB);
  EXPECT_TRUE(edit.text().contains(QStringLiteral("Series-A")));
  // A name of the person's own holds for this series, whatever the format.
  edit.clear();
  QTest::keyClicks(&edit, shownPath(m_folder / "mine.dcm"));
  find<QComboBox>("formatBox").setCurrentIndex(kNifti);
  EXPECT_TRUE(edit.text().endsWith(QStringLiteral("/mine.nii.gz")));
  show(m_keys[1]);
  EXPECT_FALSE(edit.text().contains(QStringLiteral("mine")));
}

TEST_F(MainWindowWork, AFailedExportChangesNoDefaultAndSpeaksOfTheNameThatWasGiven) {
  openTwo();
  paint(QStringLiteral("Liver"));
  trigger("exportAction");
  const QString before = find<QLineEdit>("exportPath").text();
  QString message = exportTo(m_folder / "absent/x.nii.gz", kNifti);
  EXPECT_TRUE(message.contains(QStringLiteral("There is no folder"))) << message.toStdString();
  // A name that no file system takes.
  message = exportTo(m_folder / (std::string(300, 'x') + ".nii.gz"), kNifti);
  EXPECT_FALSE(message.isEmpty());
  EXPECT_FALSE(message.contains(QStringLiteral("pending"))) << message.toStdString();
  message = exportTo(m_folder / "x.nii.gz", kRtStruct);
  EXPECT_TRUE(message.contains(QStringLiteral(".dcm"))) << message.toStdString();
  EXPECT_FALSE(QSettings().contains(QStringLiteral("folders/export")));
  EXPECT_TRUE(session().modified());
  EXPECT_TRUE(before.startsWith(QDir::homePath()));
}

TEST_F(MainWindowWork, NamesThatAreNotUtf8OpenShowAndExportBesideThemselves) {
  const fs::path folder = m_folder / "M\xfcller";
  const fs::path image = folder /
                         "k\xe4"
                         "fer.nii.gz";
  fs::create_directories(folder);
  ASSERT_TRUE(io::writeImage(image, study({24, 20, 16})));
  ASSERT_TRUE(dicom::writeSeries(folder / "s\xe9rie", study({20, 20, 12}), {}));

  open(image);
  EXPECT_EQ(session().volume()->geometry().size, (Size3{24, 20, 16}));
  EXPECT_EQ(listed(session().key(), Qt::DisplayRole).toString(), QStringLiteral("käfer.nii.gz"));
  EXPECT_TRUE(
      listed(session().key(), Qt::ToolTipRole).toString().contains(QStringLiteral("/Müller/")));
  EXPECT_TRUE(m_window->windowTitle().contains(QStringLiteral("käfer")));
  picture(*m_window, "not-utf8");

  paint(QStringLiteral("Liver"));
  file_dialog::primeName(folder / "out.nii.gz");
  trigger("exportAction");
  find<QComboBox>("formatBox").setCurrentIndex(kNifti);
  find("exportBrowse").click();
  auto& edit = find<QLineEdit>("exportPath");
  EXPECT_TRUE(edit.text().endsWith(QStringLiteral("/Müller/out.nii.gz")))
      << edit.text().toStdString();
  QTest::keyClick(&edit, Qt::Key_End);
  for (int n = 0; n < 10; ++n) {
    QTest::keyClick(&edit, Qt::Key_Backspace);
  }
  QTest::keyClicks(&edit, QStringLiteral("2.nii.gz"));  // the folder stays what it was
  find("exportStart").click();
  ASSERT_TRUE(idle());
  EXPECT_TRUE(fs::exists(folder / "2.nii.gz") || fs::exists(folder / "o2.nii.gz"))
      << find<QLabel>("exportMessage").text().toStdString();
  EXPECT_FALSE(fs::exists(m_folder / "M\xc3\xbcller"));

  // Its own file is refused under this name as well.
  file_dialog::primeName(image);
  find("exportBrowse").click();
  find("exportStart").click();
  EXPECT_TRUE(find<QLabel>("exportMessage").text().contains(QStringLiteral("belongs to a study")));

  // Chosen in a dialog, found by a search, and dropped with the bytes in per cent.
  file_dialog::primeName(folder);
  trigger("openFolderAction");
  ASSERT_TRUE(idle());
  EXPECT_EQ(session().volume()->geometry().size, (Size3{20, 20, 12}));
  m_window = std::make_unique<MainWindow>(m_models);
  m_window->show();
  QMimeData data;
  data.setUrls({QUrl::fromEncoded(
      "file://" + QByteArray::fromStdString(image.native()).toPercentEncoding("/"))});
  QWidget& view = m_window->views().sliceView(viz::ViewPlane::Axial);
  QDragEnterEvent enter(
      view.rect().center(), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(&view, &enter);
  ASSERT_TRUE(enter.isAccepted());
  QDropEvent drop(view.rect().center(), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(&view, &drop);
  QCoreApplication::processEvents();
  ASSERT_TRUE(idle());
  ASSERT_NE(session().volume(), nullptr);
  EXPECT_EQ(session().volume()->geometry().size, (Size3{24, 20, 16}));

  // And again from the list of what was open.
  m_window = std::make_unique<MainWindow>(m_models);
  m_window->show();
  auto& recent = find<QMenu>("recentMenu");
  emit recent.aboutToShow();
  ASSERT_TRUE(recent.actions().front()->text().contains(QStringLiteral("käfer")));
  recent.actions().front()->trigger();
  ASSERT_TRUE(idle());
  EXPECT_NE(session().volume(), nullptr);
}

TEST_F(MainWindowWork, WhatAReaderRepairedCanBeReadAgain) {
  Volume volume = study({24, 20, 16});
  std::vector<float> voxels;
  volume.visit([&](const auto& all) { voxels.assign(all.begin(), all.end()); });
  voxels[7] = std::numeric_limits<float>::quiet_NaN();
  const auto file = m_folder / "hole.nrrd";
  ASSERT_TRUE(io::writeImage(file, Volume::create(volume.geometry(), std::move(voxels)).value()));
  open(file);
  if (listed(session().key(), StudyModel::WarningsRole).toStringList().isEmpty()) {
    GTEST_SKIP() << "The reader says nothing of a voxel that is not a number.";
  }
  const QString said = listed(session().key(), StudyModel::WarningsRole).toStringList().front();
  EXPECT_TRUE(find<QLabel>("noticeField").toolTip().contains(said));
  EXPECT_TRUE(listed(session().key(), Qt::ToolTipRole).toString().contains(said));
}

// Many a data set calls all its images "image.nii.gz".
TEST_F(MainWindowWork, FilesOfOneNameAreToldApartByTheirFolders) {
  for (const char* name : {"p1", "p2"}) {
    fs::create_directories(m_folder / name);
    ASSERT_TRUE(io::writeImage(m_folder / name / "image.nii.gz", study({24, 20, 16})));
    open(m_folder / name);
    EXPECT_TRUE(
        listed(session().key(), StudyModel::DetailRole).toString().startsWith(QLatin1String(name)));
    paint(QStringLiteral("Liver"));
  }
  message_box::primeAnswer(-1);
  EXPECT_FALSE(m_window->close());
  const QStringList shown = message_box::takeShown();
  ASSERT_EQ(shown.size(), 1);
  EXPECT_TRUE(shown[0].contains(QStringLiteral("p1/image.nii.gz:  Liver")));
  EXPECT_TRUE(shown[0].contains(QStringLiteral("p2/image.nii.gz:  Liver")));
}

TEST_F(MainWindowWork, FilesThatCouldNotBeUsedAreListedWithTheReason) {
  fs::create_directories(m_folder / "mixed");
  ASSERT_TRUE(io::writeImage(m_folder / "mixed/good.nii.gz", study({24, 20, 16})));
  std::ofstream(m_folder / "mixed/bad.nii.gz") << "This is no image.";
  std::ofstream(m_folder / "mixed/worse.mha") << "Nor is this.";
  open(m_folder / "mixed");
  EXPECT_EQ(message_box::takeShown().size(), 1);
  auto& refused = find("refusedFiles");
  EXPECT_TRUE(refused.isVisible());
  EXPECT_EQ(refused.text(), QStringLiteral("2 files could not be used"));
  EXPECT_TRUE(refused.toolTip().contains(QStringLiteral("worse.mha")));
  picture(*m_window, "refused-files");
  refused.click();
  const QStringList shown = message_box::takeShown();
  ASSERT_EQ(shown.size(), 1);
  EXPECT_TRUE(shown[0].contains(QStringLiteral("bad.nii.gz: ")));
  EXPECT_TRUE(shown[0].contains(QStringLiteral("worse.mha: ")));
}

}  // namespace
}  // namespace argand::ui
