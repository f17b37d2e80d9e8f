// SPDX-License-Identifier: Apache-2.0
#include "ui/session/find_each.h"

#include "core/dicom/series/series_writer.h"
#include "core/volume/phantom.h"
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace argand::ui {
namespace {

namespace fs = std::filesystem;

Volume phantomVolume() {
  const Geometry grid = phantom::grid({8, 7, 6}, {2.0, 2.0, 2.5}, "LPS");
  Volume volume = phantom::image(grid, phantom::asymmetricTrio(), {40.0, 60.0, 300.0}, 0.0);
  volume.modality = Modality::Ct;
  return volume;
}

std::vector<fs::path> filesOf(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder)) {
    files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class FindEach : public testing::Test {
 protected:
  void SetUp() override {
    // Two series in one folder.
    for (const char* name : {"a", "b"}) {
      ASSERT_TRUE(dicom::writeSeries(m_folder / name, phantomVolume(), {}));
      for (const fs::path& file : filesOf(m_folder / name)) {
        fs::create_directories(m_folder / "both");
        fs::copy_file(file, m_folder / "both" / (name + file.filename().string()));
      }
    }
    ASSERT_TRUE(io::writeImage(m_folder / "both/image.nii.gz", phantomVolume()));
  }

  fs::path m_folder = test::testDir();
};

TEST_F(FindEach, ListsOnlyTheSeriesThatTheFilesBelongTo) {
  std::vector<fs::path> files = filesOf(m_folder / "both");
  ASSERT_EQ(files.size(), 13U);
  files.resize(2);  // of series a
  const auto found = findEach(files);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->entries.size(), 1U);
  for (const fs::path& file : found->entries[0].series->files) {
    EXPECT_EQ(file.filename().string().front(), 'a');
  }
  EXPECT_EQ(found->entries[0].geometry->size, (Size3{8, 7, 6}));
  EXPECT_TRUE(found->refused.empty());
}

TEST_F(FindEach, OpensTheSeriesOfASliceNamedAlone) {
  const auto found = findEach({filesOf(m_folder / "both").front()});  // of series a
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->entries.size(), 1U);
  EXPECT_EQ(found->entries[0].geometry->size, (Size3{8, 7, 6}));
  for (const fs::path& file : found->entries[0].series->files) {
    EXPECT_EQ(file.filename().string().front(), 'a');
  }
  EXPECT_TRUE(found->refused.empty());
}

TEST_F(FindEach, NamesEachThatCannotBeReadAndKeepsTheRest) {
  const auto found =
      findEach({m_folder / "absent", m_folder / "a", m_folder / "both/image.nii.gz"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->entries.size(), 2U);
  ASSERT_EQ(found->refused.size(), 1U);
  EXPECT_EQ(found->refused[0].path, m_folder / "absent");
}

TEST_F(FindEach, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const auto found = findEach({m_folder / "a", m_folder / "b"}, source.get_token());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace argand::ui
