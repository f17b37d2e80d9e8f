// SPDX-License-Identifier: Apache-2.0
// argand-cli as a process: exit statuses, JSON, and what lands on disk.
#include "tests/app/cli_fixture.h"

#include <fstream>

namespace argand {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using test::Cli;
using test::CliRun;

TEST_F(Cli, EndsWithTwoAndASentenceOnWrongUsage) {
  EXPECT_EQ(run("").status, 2);
  EXPECT_EQ(run("no-such-verb").status, 2);
  EXPECT_EQ(run("segment x.nii.gz").status, 2);
  const CliRun json = run("segment x.nii.gz --json");
  EXPECT_EQ(json.status, 2);
  EXPECT_EQ(json.json()["error"]["code"], "usage");
  EXPECT_EQ(run("--help").status, 0);
  EXPECT_THAT(run("--version").out, HasSubstr("argand-cli"));
}

TEST_F(Cli, EndsWithThreeAndNamesTheInputThatIsMissing) {
  const CliRun text = run("info " + path("nothing.nii.gz"));
  EXPECT_EQ(text.status, 3);
  EXPECT_THAT(text.err, HasSubstr("nothing.nii.gz"));
  EXPECT_TRUE(text.out.empty());
  const CliRun json = run("segment " + path("nothing.nii.gz") +
                          " --model hippocampus-t1 --json --out " + path("x.nii.gz"));
  EXPECT_EQ(json.status, 3);
  EXPECT_EQ(json.json()["error"]["code"], "input-refused");
  EXPECT_FALSE(fs::exists(path("x.nii.gz")));
}

TEST_F(Cli, TellsWhatThereIsInAFolder) {
  writePhantom("RAS");
  std::ofstream(m_dir / "broken.nii") << "not an image";
  const CliRun info = run("info --json " + m_dir.string());
  EXPECT_EQ(info.status, 0);
  const Json json = info.json();
  ASSERT_EQ(json["volumes"].size(), 2U);
  const Json& image = json["volumes"][0];
  EXPECT_EQ(image["kind"], "image");
  EXPECT_EQ(image["size"], Json({40, 36, 30}));
  EXPECT_NEAR(image["spacing_mm"][2].get<double>(), 3.0, 1e-6);
  EXPECT_NEAR(image["lps_from_index"][0][0].get<double>(), -2.5, 1e-6);
  ASSERT_EQ(json["refused"].size(), 1U);
  EXPECT_THAT(json["refused"][0]["path"].get<std::string>(), HasSubstr("broken.nii"));
  EXPECT_FALSE(json["refused"][0]["reason"].get<std::string>().empty());
}

TEST_F(Cli, ConvertsToADicomSeriesAndBackVoxelForVoxel) {
  writePhantom("RAS");
  EXPECT_EQ(run("convert " + path("image.nii.gz") + " " + path("series")).status, 2)
      << "NIfTI has no modality";
  ASSERT_EQ(run("convert " + path("image.nii.gz") + " " + path("series") + " --modality MR").status,
            0);
  ASSERT_EQ(run("convert " + path("series") + " " + path("back.nii.gz")).status, 0);
  const Volume before = io::readImage(path("image.nii.gz")).value().volume;
  const Volume after = io::readImage(path("back.nii.gz")).value().volume;
  const auto order = orderTo(after.geometry(), axisCodes(before.geometry()));
  const Volume same = reordered(after, order.value());
  ASSERT_TRUE(sameGrid(before.geometry(), same.geometry()));
  for (Index3 at; at.k < 30; ++at.k) {
    for (at.j = 0; at.j < 36; ++at.j) {
      for (at.i = 0; at.i < 40; ++at.i) {
        ASSERT_EQ(before.at(at), same.at(at));
      }
    }
  }
}

TEST_F(Cli, ExportsLabelsAsRtstructThatComesBackEqual) {
  writePhantom();
  ASSERT_EQ(run("convert " + path("image.nii.gz") + " " + path("series") + " --modality CT").status,
            0);
  const CliRun exported = run("export " + path("labels.nii.gz") + " --reference " + path("series") +
                              " --as rtstruct --json --out " + path("rs.dcm"));
  ASSERT_EQ(exported.status, 0) << exported.err;
  ASSERT_EQ(exported.json()["structures"].size(), 3U);
  for (const Json& structure : exported.json()["structures"]) {
    EXPECT_EQ(structure["dice_read_back"], 1.0);
  }
  const CliRun back = run("convert " + path("rs.dcm") + " " + path("back.nii.gz") +
                          " --reference " + path("series"));
  ASSERT_EQ(back.status, 0) << back.err;
  const CliRun scored = run("evaluate --json " + path("back.nii.gz") + " " + path("labels.nii.gz"));
  ASSERT_EQ(scored.status, 0) << scored.err;
  EXPECT_EQ(scored.json()["mean_dice"], 1.0);
  EXPECT_EQ(scored.json()["labels"].size(), 3U);
}

TEST_F(Cli, RefusesRtstructWithoutAFrameOfReferenceUnlessToldToInventOne) {
  writePhantom();
  const std::string command = "export " + path("labels.nii.gz") + " --reference " +
                              path("image.nii.gz") + " --as rtstruct --json --out " +
                              path("rs.dcm");
  EXPECT_EQ(run(command).status, 3);
  EXPECT_FALSE(fs::exists(path("rs.dcm")));
  EXPECT_EQ(run(command + " --invent-uids").status, 0);
  EXPECT_TRUE(fs::exists(path("rs.dcm")));
}

TEST_F(Cli, PlansANetworkAndEndsWithFourWhereItCannotFit) {
  const std::string plan = "plan --network lamp-unet:n=8,classes=3 --size 64x64x64 --json ";
  const CliRun fits = run(plan + "--devices cpu:0,cpu:1");
  ASSERT_EQ(fits.status, 0) << fits.err;
  EXPECT_EQ(fits.json()["feasible"], true);
  EXPECT_EQ(fits.json()["devices"].size(), 2U);
  const CliRun tight = run(plan + "--devices cpu:0 --budget 100KiB");
  EXPECT_EQ(tight.status, 4);
  EXPECT_EQ(tight.json()["feasible"], false);
  EXPECT_FALSE(tight.json()["reason"].get<std::string>().empty());
}

TEST_F(Cli, TimesANetworkWholeAndInWindows) {
  const std::string bench =
      "bench --network nnunet-plain:channels=4-8,classes=3 --size 30x32x28 --repeat 2 --json ";
  const CliRun whole = run(bench + "--devices cpu --threads 1 --against-fp32");
  ASSERT_EQ(whole.status, 0) << whole.err;
  const Json json = whole.json();
  EXPECT_EQ(json["network"], "nnunet-plain:channels=4-8,classes=3");
  EXPECT_EQ(json["size_dhw"], Json({30, 32, 28}));
  EXPECT_EQ(json["dtype"], "fp32");
  EXPECT_EQ(json["mode"], "whole");
  EXPECT_EQ(json["host_bytes"], 0);
  EXPECT_EQ(json["changed_labels"], 0.0);
  EXPECT_GT(json["tflop"], 0.0);
  EXPECT_GT(json["rss_peak_bytes"], 0);
  EXPECT_GT(json["seconds"]["best"], 0.0);
  EXPECT_GE(json["seconds"]["median"], json["seconds"]["best"]);
  ASSERT_EQ(json["devices"].size(), 1U);
  EXPECT_EQ(json["peak_bytes"], json["devices"][0]["peak_bytes"]);
  EXPECT_LE(json["peak_bytes"], json["devices"][0]["budget_bytes"]);

  const Json slabs = run(bench + "--devices cpu:0,cpu:1 --threads 1 --plan slabs").json();
  EXPECT_EQ(slabs["devices"].size(), 2U);
  EXPECT_EQ(slabs["labels_hash"], json["labels_hash"]);
  std::ofstream(path("plan.txt")) << slabs["plan"].get<std::string>();
  const Json read =
      run(bench + "--devices cpu:0,cpu:1 --threads 1 --plan " + path("plan.txt")).json();
  EXPECT_EQ(read["labels_hash"], json["labels_hash"]);

  const std::string windowed = bench + "--mode window --window 16x16x16 --overlap 0.5 ";
  const Json one = run(windowed + "--devices cpu --threads 1").json();
  const Json two = run(windowed + "--devices cpu:0,cpu:1 --threads 1").json();
  EXPECT_EQ(one["mode"], "window");
  EXPECT_EQ(one["labels_hash"], two["labels_hash"]);
  EXPECT_NE(one["labels_hash"], json["labels_hash"]);
  EXPECT_GT(one["tflop"], json["tflop"]);

  EXPECT_EQ(run(bench + "--budget 100KiB").status, 4);
  EXPECT_EQ(run(bench + "--plan sideways").status, 2);
  EXPECT_EQ(run(bench + "--mode window --window 15x16x16").status, 2);
  EXPECT_EQ(run("bench --network no-such --size 8x8x8").status, 2);
}

TEST_F(Cli, PlansForDevicesThatAreNotThereAndSaysSo) {
  const std::string plan =
      "plan --network lamp-unet:n=32,classes=10 --size 192x320x256 --devices sim:2xh100-nvlink ";
  const CliRun json = run(plan + "--dtype bf16 --compare --json");
  ASSERT_EQ(json.status, 0) << json.err;
  EXPECT_EQ(json.json()["simulated"], true);
  EXPECT_EQ(json.json()["devices"].size(), 2U);
  EXPECT_GE(json.json()["gap"].get<double>(), 0.0);
  EXPECT_GE(json.json()["makespan_s"], json.json()["bound_s"]);
  EXPECT_GE(json.json()["candidates"].size(), 3U);
  const CliRun text = run(plan);
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("simulated"));
  EXPECT_THAT(text.out, HasSubstr("# sim:1  memory ["));
  // What is printed is a plan that can be edited and given back.
  std::ofstream(path("mine.plan")) << text.out;
  const CliRun again = run(plan + "--json --plan " + path("mine.plan"));
  ASSERT_EQ(again.status, 0) << again.err;
  const CliRun freely = run(plan + "--json");
  EXPECT_EQ(again.json()["makespan_s"], freely.json()["makespan_s"]);
  EXPECT_EQ(run("plan --network lamp-unet:n=8 --size 64x64x64 --devices sim:2xnothing").status, 2);
  const CliRun small = run(plan + "--budget 1MiB --json");
  EXPECT_EQ(small.status, 4);
  EXPECT_EQ(small.json()["simulated"], true);
}

TEST_F(Cli, SegmentsTheSameOnOneTwoAndThreeDevices) {
  const Geometry grid = phantom::grid({36, 50, 34}, {1.0, 1.0, 1.0}, "RAS");
  const auto shapes = std::vector{phantom::ellipsoid("organ", {1.0, 2.0, -1.0}, {6.0, 15.0, 5.0})};
  ASSERT_TRUE(io::writeImage(path("crop.nii.gz"), phantom::image(grid, shapes, {90.0}, 50.0)));
  std::vector<std::vector<LabelValue>> labels;
  for (const std::string devices : {"cpu", "cpu:0,cpu:1", "cpu:0,cpu:1,cpu:2"}) {
    const bool split = devices.find(',') != std::string::npos;
    const CliRun done =
        run("segment " + path("crop.nii.gz") + " --model hippocampus-t1 --json" + " --devices " +
            devices + (split ? " --plan slabs" : "") + " --out " + path("out.nii.gz"));
    ASSERT_EQ(done.status, 0) << done.err;
    const Json json = done.json();
    for (const Json& device : json["devices"]) {
      EXPECT_GT(device["peak_bytes"], 0);
      EXPECT_LE(device["peak_bytes"], device["budget_bytes"]);
    }
    for (const char* key : {"load", "prepare", "network", "finish", "write", "total"}) {
      EXPECT_TRUE(json["seconds"].contains(key)) << key;
    }
    const LabelMap map = io::readLabels(path("out.nii.gz")).value().labels;
    EXPECT_TRUE(sameGrid(map.geometry, grid));
    labels.push_back(map.voxels);
  }
  EXPECT_EQ(labels[1], labels[0]);
  EXPECT_EQ(labels[2], labels[0]);
  const CliRun windows =
      run("segment " + path("crop.nii.gz") + " --model hippocampus-t1 --json --mode window --out " +
          path("windows.nii.gz"));
  ASSERT_EQ(windows.status, 0) << windows.err;
  EXPECT_EQ(windows.json()["mode"], "window");
}

TEST_F(Cli, ListsAndVerifiesTheShippedModel) {
  const CliRun list = run("models list --json");
  ASSERT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("hippocampus-t1"));
  EXPECT_EQ(run("models verify hippocampus-t1").status, 0);
  EXPECT_EQ(run("models show no-such-model --json").status, 3);
}

}  // namespace
}  // namespace argand
