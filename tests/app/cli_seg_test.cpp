// SPDX-License-Identifier: Apache-2.0
// argand-cli with DICOM SEG, in and out.
#include "core/volume/phantom.h"
#include "tests/app/cli_fixture.h"

namespace argand::test {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

class CliSeg : public Cli {
 protected:
  // The phantom of the fixture, its image as a CT series.
  void writeSeries() const {
    writePhantom();
    ASSERT_EQ(
        run("convert " + path("image.nii.gz") + " " + path("series") + " --modality CT").status, 0);
  }

  [[nodiscard]] CliRun exported(const std::string& in,
                                const std::string& as,
                                const std::string& out) const {
    return run("export " + path(in) + " --reference " + path("series") + " --as " + as +
               " --json --out " + path(out));
  }

  void expectLabelsComeBackFrom(const std::string& object) const {
    const CliRun back = run("convert " + path(object) + " " + path("back.nii.gz") +
                            " --reference " + path("series"));
    ASSERT_EQ(back.status, 0) << back.err;
    const CliRun scored =
        run("evaluate --json " + path("back.nii.gz") + " " + path("labels.nii.gz"));
    ASSERT_EQ(scored.status, 0) << scored.err;
    EXPECT_EQ(scored.json()["mean_dice"], 1.0);
    EXPECT_EQ(scored.json()["labels"].size(), 3U);
  }
};

TEST_F(CliSeg, ExportsLabelsAsSegThatComesBackEqual) {
  writeSeries();
  const CliRun done = exported("labels.nii.gz", "seg", "seg.dcm");
  ASSERT_EQ(done.status, 0) << done.err;
  const Json json = done.json();
  EXPECT_EQ(json["outputs"][0], path("seg.dcm"));
  ASSERT_EQ(json["structures"].size(), 3U);
  for (const Json& structure : json["structures"]) {
    EXPECT_FALSE(structure["name"].get<std::string>().empty());
    EXPECT_GT(structure["frames"], 0);
    EXPECT_GT(structure["voxels"], structure["frames"]);
    EXPECT_EQ(structure["dice_read_back"], 1.0);
  }
  expectLabelsComeBackFrom("seg.dcm");
  const Json found = run("info --json " + path("seg.dcm")).json();
  ASSERT_EQ(found["volumes"].size(), 1U);
  EXPECT_EQ(found["volumes"][0]["kind"], "seg");
}

TEST_F(CliSeg, GoesToRtstructAndBackWithoutLosingAVoxel) {
  writeSeries();
  ASSERT_EQ(exported("labels.nii.gz", "seg", "seg.dcm").status, 0);
  const CliRun contours = exported("seg.dcm", "rtstruct", "rs.dcm");
  ASSERT_EQ(contours.status, 0) << contours.err;
  EXPECT_GT(contours.json()["structures"][0]["contours"], 0);
  const CliRun again = exported("rs.dcm", "seg", "again.dcm");
  ASSERT_EQ(again.status, 0) << again.err;
  expectLabelsComeBackFrom("again.dcm");
}

TEST_F(CliSeg, RefusesAnImageWithoutUidsUnlessToldToInventThem) {
  writePhantom();
  const std::string command = "export " + path("labels.nii.gz") + " --reference " +
                              path("image.nii.gz") + " --as seg --json --out " + path("seg.dcm");
  const CliRun refused = run(command);
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.json()["error"]["message"].get<std::string>(), HasSubstr("A SEG belongs"));
  EXPECT_FALSE(fs::exists(path("seg.dcm")));
  EXPECT_EQ(run(command + " --invent-uids").status, 0);
  EXPECT_TRUE(fs::exists(path("seg.dcm")));
}

TEST_F(CliSeg, SaysWhatADicomFileIsToBe) {
  writeSeries();
  const std::string command =
      "export " + path("labels.nii.gz") + " --reference " + path("series") + " --as seg --out ";
  const CliRun other = run(command + path("organs.nii.gz"));
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("--as seg writes DICOM"));
  const CliRun unsaid =
      run("segment " + path("series") + " --model hippocampus-t1 --out " + path("organs.dcm"));
  EXPECT_EQ(unsaid.status, 2);
  EXPECT_THAT(unsaid.err, HasSubstr("--as rtstruct or --as seg"));
}

TEST_F(CliSeg, SegmentsIntoASegThatNamesTheNetwork) {
  const Geometry grid = phantom::grid({36, 50, 34}, {1.0, 1.0, 1.0}, "LPS");
  const auto shapes = std::vector{phantom::ellipsoid("organ", {1.0, 2.0, -1.0}, {6.0, 15.0, 5.0})};
  ASSERT_TRUE(io::writeImage(path("crop.nii.gz"), phantom::image(grid, shapes, {90.0}, 50.0)));
  ASSERT_EQ(run("convert " + path("crop.nii.gz") + " " + path("series") + " --modality MR").status,
            0);
  const CliRun done = run("segment " + path("series") + " --model hippocampus-t1 --json --out " +
                          path("seg.dcm") + " --out " + path("labels.nii.gz") + " --as seg");
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.json()["outputs"].size(), 2U);
  const CliRun back = run("convert " + path("seg.dcm") + " " + path("back.nii.gz") +
                          " --reference " + path("series"));
  ASSERT_EQ(back.status, 0) << back.err;
  const Json scored =
      run("evaluate --json " + path("back.nii.gz") + " " + path("labels.nii.gz")).json();
  EXPECT_EQ(scored["mean_dice"], 1.0);
}

}  // namespace
}  // namespace argand::test
