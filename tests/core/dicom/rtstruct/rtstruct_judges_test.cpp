// SPDX-License-Identifier: Apache-2.0
// RTSTRUCT files before programs that share no code with ours: plastimatch,
// dciodvfy and dcentvfy, pydicom with scikit-image. Each is left out, aloud,
// where it is not installed.
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/io/image_file.h"
#include "tests/core/dicom/rtstruct/nine_shapes.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

namespace argand::dicom {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

// A CT series, the nine shapes on it, and their RTSTRUCT.
struct Case {
  fs::path folder;
  Geometry geometry;
  SourceSeries source;
  Segmentation masks;

  [[nodiscard]] std::string images() const { return (folder / "ct").string(); }

  [[nodiscard]] std::string structs() const { return (folder / "rt.dcm").string(); }
};

Case written(const Vec3& row, const Vec3& column) {
  Case result;
  result.folder = test::testDir();
  result.geometry = test::gridOf(
      test::kNineShapesSize, test::kNineShapesSpacingMm, {-133.7, -101.013, 54.55}, row, column);
  result.source = test::sourceOf(result.geometry);
  result.masks = test::nineShapes(result.geometry);
  test::writeCtSeries(result.images(), result.geometry, result.source);
  const auto done = writeRtStruct(result.structs(), result.masks, result.source);
  EXPECT_TRUE(done) << done.error().message;
  return result;
}

std::vector<std::uint8_t> bytesOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

double diceOf(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  if (a.size() != b.size()) {
    return 0.0;
  }
  double both = 0.0;
  double sum = 0.0;
  for (std::size_t n = 0; n < a.size(); ++n) {
    both += (a[n] != 0 && b[n] != 0) ? 1.0 : 0.0;
    sum += (a[n] != 0 ? 1.0 : 0.0) + (b[n] != 0 ? 1.0 : 0.0);
  }
  return sum > 0.0 ? 2.0 * both / sum : 1.0;
}

// The mask that plastimatch wrote for one structure.
std::vector<std::uint8_t> plastimatchMask(const fs::path& path) {
  const auto file = io::readLabels(path);
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return {};
  }
  std::vector<std::uint8_t> mask;
  for (const LabelValue value : file->labels.voxels) {
    mask.push_back(value != 0 ? 1 : 0);
  }
  return mask;
}

void expectPlastimatchReads(const Case& shapes) {
  for (const char* rule : {"", " --xor-contours"}) {
    const fs::path out = shapes.folder / "masks";
    fs::remove_all(out);
    const auto ran = test::runIfInstalled(
        "plastimatch",
        "convert --input " + shapes.structs() + " --referenced-ct " + shapes.images() +
            " --output-prefix " + out.string() + " --prefix-format nii" + rule);
    if (!ran) {
      GTEST_SKIP() << "plastimatch is not installed.";
    }
    ASSERT_EQ(ran->status, 0) << ran->output;
    for (const Structure& structure : shapes.masks.structures()) {
      EXPECT_EQ(diceOf(shapes.masks.mask(structure.id, shapes.geometry.box()),
                       plastimatchMask(out / (structure.name + ".nii"))),
                1.0)
          << structure.name << rule;
    }
  }
}

TEST(RtStructJudges, PlastimatchFillsAnAxialSeriesAlikeWithAndWithoutXor) {
  expectPlastimatchReads(written({1, 0, 0}, {0, 1, 0}));
}

TEST(RtStructJudges, PlastimatchFillsANearAxialSeriesAlikeWithAndWithoutXor) {
  expectPlastimatchReads(written({1, 0.02, 0.01}, {-0.02, 1, 0.03}));
}

TEST(RtStructJudges, PydicomAndScikitImageFillEveryOrientationAlike) {
  std::string python;
  for (const char* program : {"python3", "/usr/bin/python3"}) {
    const auto ran = test::runIfInstalled(program, "-c 'import numpy, pydicom, skimage'");
    if (ran && ran->status == 0) {
      python = program;
      break;
    }
  }
  if (python.empty()) {
    GTEST_SKIP() << "Python with pydicom and scikit-image is not installed.";
  }
  for (const auto& [row, column] : {std::pair<Vec3, Vec3>{{1, 0, 0}, {0, 1, 0}},
                                    std::pair<Vec3, Vec3>{{0, 1, 0}, {0, 0, -1}},
                                    std::pair<Vec3, Vec3>{{0.8, 0.5, 0.3}, {-0.4, 0.9, 0.1}}}) {
    const Case shapes = written(row, column);
    const auto ran =
        test::runIfInstalled(python,
                             std::string(ARGAND_FILL_RTSTRUCT) + " " + shapes.structs() + " " +
                                 shapes.images() + " " + shapes.folder.string());
    ASSERT_EQ(ran->status, 0) << ran->output;
    const auto& structures = shapes.masks.structures();
    for (std::size_t n = 0; n < structures.size(); ++n) {
      EXPECT_EQ(shapes.masks.mask(structures[n].id, shapes.geometry.box()),
                bytesOf(shapes.folder / (std::to_string(n + 1) + ".raw")))
          << structures[n].name;
    }
  }
}

TEST(RtStructJudges, ValidatorsFindNoError) {
  const Case shapes = written({1, 0, 0}, {0, 1, 0});
  const auto object = test::runIfInstalled("dciodvfy", shapes.structs());
  const auto study =
      test::runIfInstalled("dcentvfy", shapes.structs() + " " + shapes.images() + "/*");
  if (!object || !study) {
    GTEST_SKIP() << "dciodvfy and dcentvfy are not installed.";
  }
  EXPECT_THAT(object->output, HasSubstr("RTStructureSet"));
  EXPECT_THAT(object->output, Not(HasSubstr("Error")));
  EXPECT_THAT(object->output, Not(HasSubstr("Warning")));
  EXPECT_THAT(study->output, Not(HasSubstr("Error")));
}

TEST(RtStructJudges, WhatPlastimatchWritesIsFilledAsPlastimatchFillsIt) {
  Case shapes;
  shapes.folder = test::testDir();
  shapes.geometry =
      test::gridOf(test::kNineShapesSize, test::kNineShapesSpacingMm, {-133.7, -101.013, 54.55});
  shapes.source = test::sourceOf(shapes.geometry);
  test::writeCtSeries(shapes.images(), shapes.geometry, shapes.source);
  const Segmentation masks = test::nineShapes(shapes.geometry);
  LabelMap ball{shapes.geometry, {}};
  for (const std::uint8_t inside : masks.mask(masks.structures()[1].id, shapes.geometry.box())) {
    ball.voxels.push_back(inside);
  }
  const std::string mask = (shapes.folder / "mask.nii").string();
  ASSERT_TRUE(io::writeLabels(mask, ball));
  const std::string out = (shapes.folder / "theirs").string();
  const auto wrote = test::runIfInstalled("plastimatch",
                                          "convert --input-ss-img " + mask + " --referenced-ct " +
                                              shapes.images() + " --output-dicom " + out);
  if (!wrote) {
    GTEST_SKIP() << "plastimatch is not installed.";
  }
  ASSERT_EQ(wrote->status, 0) << wrote->output;
  fs::path structs;
  for (const auto& entry : fs::directory_iterator(out)) {
    if (summarizeRtStruct(entry.path())) {
      structs = entry.path();
    }
  }
  ASSERT_FALSE(structs.empty()) << wrote->output;
  const std::string prefix = (shapes.folder / "filled").string();
  const auto filled = test::runIfInstalled(
      "plastimatch",
      "convert --input " + structs.string() + " --referenced-ct " + shapes.images() +
          " --output-prefix " + prefix + " --prefix-format nii");
  ASSERT_EQ(filled->status, 0) << filled->output;
  const auto ours = readRtStruct(structs, shapes.geometry, shapes.source);
  ASSERT_TRUE(ours) << ours.error().message;
  ASSERT_EQ(ours->segmentation.structures().size(), 1U);
  const Structure& structure = ours->segmentation.structures()[0];
  EXPECT_GT(ours->segmentation.voxelCount(structure.id), 100);
  EXPECT_EQ(ours->segmentation.mask(structure.id, shapes.geometry.box()),
            plastimatchMask(fs::path(prefix) / (structure.name + ".nii")));
}

}  // namespace
}  // namespace argand::dicom
