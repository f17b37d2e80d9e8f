// SPDX-License-Identifier: Apache-2.0
#include "core/train/dataset.h"

#include "core/io/image_file.h"
#include "core/volume/phantom.h"
#include "tests/core/infer/fake_models.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>
#include <map>
#include <set>

namespace argand::train {

namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Dataset : public ::testing::Test {
 protected:
  Dataset() {
    fs::create_directories(m_folder / "images");
    fs::create_directories(m_folder / "labels");
  }

  void image(const std::string& name, std::vector<float> voxels, const Geometry& geometry) const {
    const Volume volume = Volume::create(geometry, std::move(voxels)).value();
    ASSERT_TRUE(io::writeImage(m_folder / "images" / name, volume));
  }

  void labels(const std::string& name,
              std::vector<LabelValue> voxels,
              const Geometry& geometry) const {
    ASSERT_TRUE(io::writeLabels(m_folder / "labels" / name, {geometry, std::move(voxels)}));
  }

  // A pair whose image differs from that of other ids.
  void pair(const std::string& id, LabelValue value = 1) const {
    std::vector<float> voxels(60);
    for (std::size_t n = 0; n < voxels.size(); ++n) {
      voxels[n] = static_cast<float>(n * (1U + id.back()));
    }
    image(id + ".nii.gz", voxels, m_grid);
    std::vector<LabelValue> map(60, 0);
    map[7] = value;
    labels(id + ".nii.gz", map, m_grid);
  }

  [[nodiscard]] DatasetReport check() const {
    return checkDataset(m_folder, test::sampleCard("nnunet-plain:channels=2-4,classes=3")).value();
  }

  fs::path m_folder = test::testDir();
  Geometry m_grid = phantom::grid({5, 4, 3}, {1.0, 2.0, 3.0}, "PIR");
};

TEST_F(Dataset, ListsItsPairsWithTheLargestFieldInTheModelsAxes) {
  pair("b");
  pair("a", 2);
  const DatasetReport report = check();
  ASSERT_EQ(report.cases.size(), 2U);
  EXPECT_EQ(report.cases[0].id, "a");
  EXPECT_EQ(report.cases[1].labels, m_folder / "labels" / "b.nii.gz");
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.values, (std::vector<LabelValue>{0, 1, 2}));
  EXPECT_NEAR(report.largestExtentMm.x, 9.0, 1e-6);  // R, A, S of a grid stored P, I, R
  EXPECT_NEAR(report.largestExtentMm.y, 5.0, 1e-6);
  EXPECT_NEAR(report.largestExtentMm.z, 8.0, 1e-6);
}

TEST_F(Dataset, NamesWhatCannotBeUsed) {
  pair("good");
  pair("lonely-image");
  fs::remove(m_folder / "labels" / "lonely-image.nii.gz");
  pair("only-labels");
  fs::remove(m_folder / "images" / "only-labels.nii.gz");
  pair("strange", 9);
  pair("moved");
  Geometry moved = m_grid;
  moved.lpsFromIndex.offset.x += 5.0;
  labels("moved.nii.gz", std::vector<LabelValue>(60, 1), moved);
  pair("hollow");
  std::vector<float> voxels(60, 3.0F);
  voxels[4] = std::numeric_limits<float>::quiet_NaN();
  image("hollow.nii.gz", voxels, m_grid);
  const DatasetReport report = check();
  ASSERT_EQ(report.cases.size(), 2U);
  EXPECT_EQ(report.cases[0].id, "good");
  EXPECT_EQ(report.cases[1].id, "hollow");
  std::map<std::string, Finding> found;
  for (const Finding& finding : report.findings) {
    found[finding.caseId] = finding;
    EXPECT_EQ(finding.refuses, finding.caseId != "hollow");
  }
  EXPECT_EQ(found.size(), 5U);
  EXPECT_THAT(found["lonely-image"].text,
              AllOf(HasSubstr("images/lonely-image.nii.gz"), HasSubstr("no label")));
  EXPECT_THAT(found["only-labels"].text,
              AllOf(HasSubstr("labels/only-labels.nii.gz"), HasSubstr("no image")));
  EXPECT_THAT(found["strange"].text, AllOf(HasSubstr("value 9"), HasSubstr("labels/strange")));
  EXPECT_THAT(found["moved"].text, HasSubstr("grid"));
  EXPECT_THAT(found["hollow"].text, AllOf(HasSubstr("hollow"), HasSubstr("not finite")));
}

TEST_F(Dataset, TakesNamesInCapitalsAndNamesFilesThatItDoesNotRead) {
  pair("a");
  pair("b");
  for (const char* part : {"images", "labels"}) {
    fs::rename(m_folder / part / "b.nii.gz", m_folder / part / "b.NII.GZ");
  }
  std::ofstream(m_folder / "images" / "c.mgz") << "an image of another program";
  std::ofstream(m_folder / "images" / ".DS_Store") << "x";
  std::ofstream(m_folder / "labels" / "a.nii.gz.provenance.json") << "{}";
  const DatasetReport report = check();
  ASSERT_EQ(report.cases.size(), 2U);
  EXPECT_EQ(report.cases[1].id, "b");
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_FALSE(report.findings[0].refuses);
  EXPECT_THAT(report.findings[0].text, AllOf(HasSubstr("c.mgz"), HasSubstr("left out")));
}

TEST_F(Dataset, WarnsOfImagesThatAreTheSameAndOfEmptyLabels) {
  pair("a");
  pair("b");
  fs::copy_file(m_folder / "images" / "a.nii.gz",
                m_folder / "images" / "b.nii.gz",
                fs::copy_options::overwrite_existing);
  labels("b.nii.gz", std::vector<LabelValue>(60, 0), m_grid);
  const DatasetReport report = check();
  EXPECT_EQ(report.cases.size(), 2U);
  ASSERT_EQ(report.findings.size(), 2U);
  EXPECT_FALSE(report.findings[0].refuses);
  EXPECT_THAT(report.findings[0].text, HasSubstr("marks nothing"));
  EXPECT_THAT(report.findings[1].text, HasSubstr("case 'a'"));
}

TEST_F(Dataset, RefusesAFolderWithoutImages) {
  const auto report = checkDataset(m_folder / "nothing", test::sampleCard("x"));
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("nothing/images"));
}

TEST(DatasetOnRealData, FindsTheBrokenPairs) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = test::testDir();
  fs::create_directories(folder / "images");
  fs::create_directories(folder / "labels");
  const fs::path broken = data / "hippocampus" / "broken";
  for (const auto& entry : fs::directory_iterator(broken / "image_without_label")) {
    fs::copy(entry.path(), folder / "images");
  }
  for (const auto& entry : fs::directory_iterator(broken / "label_without_image")) {
    fs::copy(entry.path(), folder / "labels");
  }
  const auto report =
      checkDataset(folder, test::sampleCard("nnunet-plain:channels=2-4,classes=3")).value();
  EXPECT_TRUE(report.cases.empty());
  EXPECT_EQ(report.findings.size(), 3U);
  EXPECT_FALSE(splitCases(report.cases, 0.2, 1));
}

TEST(SplitCases, DividesAllCasesTheSameWayEachTime) {
  std::vector<Case> cases;
  for (int n = 0; n < 25; ++n) {
    cases.push_back({"case" + std::to_string(n), {}, {}});
  }
  const Split split = splitCases(cases, 0.2, 1).value();
  EXPECT_EQ(split.training.size(), 20U);
  EXPECT_EQ(split.validation.size(), 5U);
  std::set<std::string> all(split.training.begin(), split.training.end());
  all.insert(split.validation.begin(), split.validation.end());
  EXPECT_EQ(all.size(), 25U);
  std::reverse(cases.begin(), cases.end());
  EXPECT_EQ(splitCases(cases, 0.2, 1)->validation, split.validation);
  EXPECT_NE(splitCases(cases, 0.2, 2)->validation, split.validation);
  cases.resize(2);
  EXPECT_EQ(splitCases(cases, 0.01, 1)->validation.size(), 1U);
  EXPECT_EQ(splitCases(cases, 0.99, 1)->training.size(), 1U);
  cases.resize(1);
  EXPECT_FALSE(splitCases(cases, 0.2, 1));
}

TEST(SplitCases, ReadsAStoredListAndRefusesOneThatDoesNotFit) {
  const fs::path path = test::testDir() / "split.json";
  const std::vector<Case> cases{{"a", {}, {}}, {"b", {}, {}}, {"c", {}, {}}};
  const Split stored{{"a", "c"}, {"b"}};
  ASSERT_TRUE(writeJsonFile(path, toJson(stored)));
  EXPECT_EQ(readSplit(path, cases)->training, stored.training);
  ASSERT_TRUE(writeJsonFile(path, toJson(Split{{"a"}, {"d"}})));
  EXPECT_THAT(readSplit(path, cases).error().message, HasSubstr("'d'"));
  ASSERT_TRUE(writeJsonFile(path, toJson(Split{{"a"}, {"a"}})));
  EXPECT_THAT(readSplit(path, cases).error().message, HasSubstr("already"));
}

}  // namespace

}  // namespace argand::train
