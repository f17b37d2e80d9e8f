// SPDX-License-Identifier: Apache-2.0
#include "tests/ui/main_window_fixture.h"
#include "ui/dialogs/file_dialog.h"

#include <QDragEnterEvent>
#include <QDropEvent>
#include <QMimeData>
#include <QTreeView>

#include <fstream>

namespace argand::ui {
namespace {

class MainWindowDrop : public MainWindowTest {
 protected:
  void SetUp() override {
    MainWindowTest::SetUp();
    m_source = m_folder / "source";
    ASSERT_TRUE(dicom::writeSeries(m_source / "dicom", m_study, {}));
    ASSERT_TRUE(io::writeImage(m_source / "image.nii.gz", m_study));
    std::ofstream(m_source / "notes.txt") << "Nothing to look at.";
  }

  // What a file manager does over the middle of the window: over a view, which hands
  // the event on. False where the drag was refused.
  bool drop(const std::vector<std::filesystem::path>& paths) {
    QMimeData data;
    QList<QUrl> urls;
    for (const auto& path : paths) {
      urls << QUrl::fromLocalFile(QString::fromStdString(path.string()));
    }
    data.setUrls(urls);
    return drop(data);
  }

  bool drop(const QMimeData& data) {
    QWidget& view = m_window->views().sliceView(viz::ViewPlane::Axial);
    const QPoint middle = view.rect().center();
    QDragEnterEvent enter(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&view, &enter);
    if (!enter.isAccepted()) {
      return false;
    }
    QDropEvent event(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&view, &event);
    QCoreApplication::processEvents();
    return event.isAccepted();
  }

  [[nodiscard]] std::vector<std::filesystem::path> slices() const {
    std::vector<std::filesystem::path> files;
    for (const auto& file : std::filesystem::directory_iterator(m_source / "dicom")) {
      files.push_back(file.path());
    }
    return files;
  }

  // Every line of the list of studies.
  [[nodiscard]] QStringList listed() {
    QStringList lines;
    const QAbstractItemModel& model = *find<QTreeView>("studyTree").model();
    for (int study = 0; study < model.rowCount(); ++study) {
      const QModelIndex parent = model.index(study, 0);
      for (int series = 0; series < model.rowCount(parent); ++series) {
        lines << model.index(series, 0, parent).data().toString();
      }
    }
    return lines;
  }

  std::filesystem::path m_source;
  Volume m_study = study({24, 20, 16});
};

TEST_F(MainWindowDrop, OfAFolderOpensItAsTheMenuDoes) {
  file_dialog::primeName(m_source / "dicom");
  trigger("openFolderAction");
  ASSERT_TRUE(idle());
  const QStringList byMenu = listed();
  const QString key = session().key();
  ASSERT_EQ(byMenu.size(), 1);

  m_window = std::make_unique<MainWindow>(m_models);
  m_window->show();
  ASSERT_TRUE(drop({m_source / "dicom"}));
  ASSERT_TRUE(idle());
  EXPECT_EQ(listed(), byMenu);
  EXPECT_EQ(session().key(), key);
  ASSERT_NE(session().volume(), nullptr);
  EXPECT_EQ(session().volume()->geometry().size, m_study.geometry().size);
}

TEST_F(MainWindowDrop, OfAFileAsksWhatItIsOnlyWhereThatIsNotPlain) {
  ASSERT_TRUE(drop({m_source / "image.nii.gz"}));
  ASSERT_TRUE(idle());
  ASSERT_NE(session().volume(), nullptr);
  EXPECT_EQ(session().volume()->geometry().size, m_study.geometry().size);
  EXPECT_TRUE(message_box::takeShown().isEmpty());

  LabelMap labels{m_study.geometry(), {}};
  labels.voxels.resize(std::size_t(m_study.geometry().size.voxels()));
  labels.voxels[100] = 3;
  ASSERT_TRUE(io::writeLabels(m_source / "labels.nii.gz", labels));
  message_box::primeAnswer(1);
  ASSERT_TRUE(drop({m_source / "labels.nii.gz"}));
  ASSERT_TRUE(idle());
  EXPECT_EQ(message_box::takeShown().size(), 1);
  EXPECT_EQ(session().segmentation().structures().size(), 1U);
  EXPECT_EQ(listed().size(), 1);
}

TEST_F(MainWindowDrop, OfSlicesOpensTheirSeriesOnce) {
  std::vector<std::filesystem::path> some = slices();
  ASSERT_EQ(some.size(), 16U);
  some.resize(3);
  ASSERT_TRUE(drop(some));
  ASSERT_TRUE(idle());
  EXPECT_EQ(listed().size(), 1);
  ASSERT_NE(session().volume(), nullptr);
  EXPECT_EQ(session().volume()->geometry().size, m_study.geometry().size);
}

TEST_F(MainWindowDrop, OfSeveralOpensEachAndNamesWhatCannotBeOpened) {
  std::vector<std::filesystem::path> all = slices();
  all.push_back(m_source / "image.nii.gz");
  all.push_back(m_source / "notes.txt");
  ASSERT_TRUE(drop(all));
  ASSERT_TRUE(idle());
  EXPECT_EQ(listed().size(), 2);
  ASSERT_NE(session().volume(), nullptr);
  EXPECT_TRUE(session().volume()->source.has_value());  // the series before the file
  const QStringList shown = message_box::takeShown();
  ASSERT_EQ(shown.size(), 1);
  EXPECT_TRUE(shown.front().contains(QStringLiteral("notes.txt: It is not a DICOM file.")))
      << shown.front().toStdString();
}

TEST_F(MainWindowDrop, OfSomethingUnreadableSaysSoAndLosesNothing) {
  openStudy();
  trigger("addOrganAction");
  trigger("paintTool");
  strokeInAxialView();
  const std::vector<LabelValue> before = labels();
  ASSERT_TRUE(
      std::any_of(before.begin(), before.end(), [](LabelValue label) { return label != 0; }));
  const auto volume = session().volume();
  const QStringList studies = listed();
  std::ofstream(m_source / "broken.nii.gz") << "This is no image.";

  for (const char* name : {"notes.txt", "broken.nii.gz"}) {
    message_box::primeAnswer(0);  // broken.nii.gz: an image
    ASSERT_TRUE(drop({m_source / name}));
    ASSERT_TRUE(idle());
    const QStringList shown = message_box::takeShown();
    ASSERT_FALSE(shown.isEmpty());
    EXPECT_TRUE(shown.back().startsWith(QStringLiteral("Opening: ") + QLatin1String(name)))
        << shown.back().toStdString();
    EXPECT_EQ(session().volume(), volume);
    EXPECT_EQ(labels(), before);
    EXPECT_TRUE(session().modified());
    EXPECT_EQ(listed(), studies);
  }
  trigger("undoAction");
  EXPECT_NE(labels(), before);
}

TEST_F(MainWindowDrop, OfWhatIsNotOnThisMachineIsRefusedWhileItHovers) {
  QMimeData data;
  data.setUrls({QUrl(QStringLiteral("https://example.org/study.nii.gz"))});
  EXPECT_FALSE(drop(data));
  data.clear();
  data.setText(QStringLiteral("study.nii.gz"));
  EXPECT_FALSE(drop(data));
}

}  // namespace
}  // namespace argand::ui
