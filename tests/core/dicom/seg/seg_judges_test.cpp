// SPDX-License-Identifier: Apache-2.0
// SEG files before programs that share no code with ours: pydicom with numpy, dciodvfy
// and dcentvfy. Each is left out, aloud, where it is not installed.
#include "core/dicom/seg/seg.h"
#include "tests/core/dicom/seg/overlapping_shapes.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/grids.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace argand::dicom {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

// A CT series, shapes that overlap on it, and their SEG.
struct Case {
  fs::path folder;
  Geometry geometry;
  Segmentation masks;

  [[nodiscard]] std::string images() const { return (folder / "ct").string(); }

  [[nodiscard]] std::string seg() const { return (folder / "seg.dcm").string(); }
};

Case written(const Geometry& geometry) {
  Case result{test::testDir(), geometry, test::overlappingShapes(geometry)};
  const SourceSeries source = test::sourceOf(geometry);
  test::writeCtSeries(result.images(), geometry, source);
  const auto done = writeSeg(result.seg(), result.masks, source);
  EXPECT_TRUE(done) << done.error().message;
  return result;
}

std::vector<std::uint8_t> bytesOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(SegJudges, PydicomAndNumpyUnpackEveryVoxelAlike) {
  std::string python;
  for (const char* program : {"python3", "/usr/bin/python3"}) {
    const auto ran = test::runIfInstalled(program, "-c 'import numpy, pydicom'");
    if (ran && ran->status == 0) {
      python = program;
      break;
    }
  }
  if (python.empty()) {
    GTEST_SKIP() << "Python with pydicom is not installed.";
  }
  std::vector<Geometry> geometries;
  for (const Size3& size :
       {Size3{13, 11, 7}, Size3{10, 7, 5}, Size3{251, 333, 5}, Size3{181, 217, 6}}) {
    geometries.push_back(test::gridOf(size, {0.9, 1.1, 2.5}, {-12.3, 7.1, -101.25}));
  }
  geometries.push_back(test::gridOf(
      {21, 17, 9}, {0.9, 1.1, 2.5}, {-12.3, 7.1, -101.25}, {0.8, 0.5, 0.3}, {-0.4, 0.9, 0.1}));
  geometries.push_back(test::tilted(geometries.front(), 12.0));
  geometries.push_back(test::uneven(geometries.front()));
  for (const Geometry& geometry : geometries) {
    const Case shapes = written(geometry);
    const auto ran = test::runIfInstalled(python,
                                          std::string(ARGAND_UNPACK_SEG) + " " + shapes.seg() +
                                              " " + shapes.images() + " " + shapes.folder.string());
    ASSERT_EQ(ran->status, 0) << ran->output;
    const auto& structures = shapes.masks.structures();
    for (std::size_t n = 0; n < structures.size(); ++n) {
      EXPECT_EQ(shapes.masks.mask(structures[n].id, geometry.box()),
                bytesOf(shapes.folder / (std::to_string(n + 1) + ".raw")))
          << structures[n].name;
    }
  }
}

TEST(SegJudges, ValidatorsFindNoError) {
  for (const double degrees : {0.0, 12.0}) {
    const Case shapes =
        written(test::tilted(test::gridOf({13, 11, 7}, {0.9, 1.1, 2.5}, {-12, 7, -101}), degrees));
    const auto object = test::runIfInstalled("dciodvfy", shapes.seg());
    const auto study =
        test::runIfInstalled("dcentvfy", shapes.seg() + " " + shapes.images() + "/*");
    if (!object || !study) {
      GTEST_SKIP() << "dciodvfy and dcentvfy are not installed.";
    }
    EXPECT_THAT(object->output, HasSubstr("Segmentation"));
    EXPECT_THAT(object->output, Not(HasSubstr("Error")));
    EXPECT_THAT(study->output, Not(HasSubstr("Error")));
  }
}

}  // namespace
}  // namespace argand::dicom
