// SPDX-License-Identifier: Apache-2.0
// RTSTRUCT on real studies; left out, aloud, where they are absent.
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/series/series.h"
#include "core/io/image_file.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::dicom {
namespace {

using test::Says;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

struct Study {
  std::optional<Volume> image;
  std::vector<fs::path> structs;
};

Study opened(const fs::path& folder) {
  Study study;
  const auto found = scan(folder);
  EXPECT_TRUE(found) << found.error().message;
  for (const SeriesEntry& entry : found->entries) {
    if (entry.kind == ObjectKind::RtStruct) {
      study.structs.insert(study.structs.end(), entry.files.begin(), entry.files.end());
    } else if (entry.kind == ObjectKind::Image) {
      auto loaded = readSeries(entry);
      EXPECT_TRUE(loaded) << loaded.error().message;
      study.image = std::move(loaded->volume);
    }
  }
  return study;
}

// Writes the structures and has dciodvfy and plastimatch (by OR and by XOR) look at them.
void expectSurvivesExport(const Volume& image, const fs::path& images, const Segmentation& masks) {
  const fs::path out = test::testDir();
  const std::string structs = (out / "rt.dcm").string();
  const auto written = writeRtStruct(structs, masks, *image.source);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->structures[0].diceReadBack, 1.0);
  const auto checked = test::runIfInstalled("dciodvfy", structs);
  if (!checked) {
    GTEST_SKIP() << "dciodvfy is not installed.";
  }
  EXPECT_THAT(checked->output, Not(HasSubstr("Error")));
  const Structure& structure = masks.structures()[0];
  const Box box = image.geometry().box();
  for (const char* rule : {"", " --xor-contours"}) {
    const auto ran = test::runIfInstalled("plastimatch",
                                          "convert --input " + structs + " --referenced-ct " +
                                              images.string() + " --output-prefix " + out.string() +
                                              " --prefix-format nii" + rule);
    if (!ran) {
      GTEST_SKIP() << "plastimatch is not installed.";
    }
    ASSERT_EQ(ran->status, 0) << ran->output;
    const auto theirs = io::readLabels(out / (structure.name + ".nii"));
    ASSERT_TRUE(theirs) << theirs.error().message;
    const Segmentation back = onGrid(segmentationFrom(theirs->labels, {}), image.geometry());
    EXPECT_EQ(back.mask(back.structures()[0].id, box), masks.mask(structure.id, box));
  }
}

struct Expected {
  const char* series;
  std::int64_t voxels;
};

class RealStudy : public ::testing::TestWithParam<Expected> {};

TEST_P(RealStudy, FillsItsOwnStructuresToTheMaskVoxelForVoxel) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "rtstruct" / "STS_002" / GetParam().series;
  const Study study = opened(folder / "dicom");
  ASSERT_TRUE(study.image && study.image->source);
  ASSERT_EQ(study.structs.size(), 1U);
  const auto read = readRtStruct(study.structs[0], study.image->geometry(), *study.image->source);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->segmentation.structures().size(), 1U);
  const StructureId id = read->segmentation.structures()[0].id;
  EXPECT_EQ(read->segmentation.voxelCount(id), GetParam().voxels);
  const auto mask = io::readLabels(folder / "nifti" / "mask" / "mask.nii.gz");
  ASSERT_TRUE(mask) << mask.error().message;
  const Segmentation truth = onGrid(segmentationFrom(mask->labels, {}), study.image->geometry());
  ASSERT_EQ(truth.structures().size(), 1U);
  const Box box = study.image->geometry().box();
  EXPECT_EQ(read->segmentation.mask(id, box), truth.mask(truth.structures()[0].id, box));
}

TEST_P(RealStudy, SurvivesTheWayThroughAnExportAndPlastimatch) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "rtstruct" / "STS_002" / GetParam().series / "dicom";
  const Study study = opened(folder);
  const auto read = readRtStruct(study.structs[0], study.image->geometry(), *study.image->source);
  ASSERT_TRUE(read) << read.error().message;
  expectSurvivesExport(*study.image, folder / "image", read->segmentation);
}

INSTANTIATE_TEST_SUITE_P(Sts002,
                         RealStudy,
                         ::testing::Values(Expected{"CT", 17090},
                                           Expected{"MR_T1", 17090},
                                           Expected{"PET", 555}),
                         [](const auto& study) { return std::string(study.param.series); });

TEST(RealStudies, DoubtsAboutReferencesAreNamed) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const Study study = opened(data / "dicom-torture" / "rt-utils" / "mock_data");
  ASSERT_TRUE(study.image && study.image->source);
  ASSERT_EQ(study.structs.size(), 3U);
  for (const fs::path& structs : study.structs) {
    const auto read = readRtStruct(structs, study.image->geometry(), *study.image->source);
    ASSERT_TRUE(read) << read.error().message;
    if (structs.filename() == "rt.dcm") {  // made with a Frame of Reference of its own
      EXPECT_THAT(read->warnings, Contains(Says("another Frame of Reference")));
    } else {  // drawn on more slices than the two that are there
      EXPECT_THAT(read->warnings, Contains(Says("that this series lacks")));
      EXPECT_THAT(read->warnings, Contains(Says("no image slice lies there")));
    }
    for (const Structure& structure : read->segmentation.structures()) {
      EXPECT_GT(read->segmentation.voxelCount(structure.id), 0) << structure.name;
    }
  }
}

TEST(RealStudies, BrightTissueOfAHippocampusCropSurvivesAnExport) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "hippocampus" / "dicom" / "Study1" / "13_HCropVolume";
  const Study study = opened(folder);
  ASSERT_TRUE(study.image && study.image->source);
  const Volume& image = *study.image;
  Segmentation masks(image.geometry());
  Structure structure;
  structure.name = "Bright";  // ragged, with holes and hundreds of parts
  const StructureId id = masks.add(structure);
  const double middle = (image.range().low + image.range().high) / 2.0;
  std::vector<std::uint8_t> mask;
  image.visit([&](const auto& voxels) {
    for (const auto value : voxels) {
      mask.push_back(static_cast<double>(value) > middle ? 1 : 0);
    }
  });
  masks.assign(id, image.geometry().box(), mask);
  expectSurvivesExport(image, folder, masks);
}

TEST(RealStudies, AnObliqueSeriesOfOblongPixelsReadsBack) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const Study study = opened(data / "dicom-torture" / "rt-utils" / "oriented_data");
  ASSERT_TRUE(study.image && study.image->source);
  const Geometry& geometry = study.image->geometry();
  Segmentation masks(geometry);
  Structure structure;
  structure.name = "Every_third";
  const StructureId id = masks.add(structure);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(geometry.size.voxels()));
  for (std::size_t n = 0; n < mask.size(); ++n) {
    mask[n] = n % 3 == 0 || n % 7 == 0 ? 1 : 0;
  }
  masks.assign(id, geometry.box(), mask);
  const auto path = test::testDir() / "rt.dcm";
  const auto refused = writeRtStruct(path, masks, *study.image->source);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no Frame of Reference UID"));
  RtStructOptions options;
  options.inventUids = true;
  const auto written = writeRtStruct(path, masks, *study.image->source, options);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->structures[0].diceReadBack, 1.0);
}

}  // namespace
}  // namespace argand::dicom
