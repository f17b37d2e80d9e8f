// SPDX-License-Identifier: Apache-2.0
// What argand-cli does with files: nothing that it reads is ever destroyed, what it
// could not use is said, and names and text of any bytes are no obstacle.
#include "tests/app/cli_fixture.h"

#include <algorithm>
#include <fstream>
#include <limits>

namespace argand {
namespace {

namespace fs = std::filesystem;
using test::Cli;
using test::CliRun;
using ::testing::HasSubstr;

class CliFiles : public Cli {
 protected:
  void SetUp() override {
    writePhantom();
    ASSERT_EQ(run("convert " + path("image.nii.gz") + " " + path("ct") + " --modality CT").status,
              0);
    m_slice = fs::directory_iterator(path("ct"))->path();
  }

  // Expects that the command is refused before any work and that `input` keeps its bytes.
  void expectRefused(const std::string& command, const fs::path& input) const {
    const std::string before = readTextFile(input).value();
    const CliRun done = run(command + " --json");
    EXPECT_EQ(done.status, 2) << command << done.out;
    EXPECT_THAT(done.json()["error"]["message"].get<std::string>(), HasSubstr("destroy"))
        << command;
    EXPECT_EQ(readTextFile(input).value(), before) << command;
    for (const auto& entry : fs::recursive_directory_iterator(m_dir)) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".pending-")) << entry.path();
    }
  }

  fs::path m_slice;
};

TEST_F(CliFiles, NeverWritesOverAnImageThatItReads) {
  const fs::path image = path("image.nii.gz");
  fs::create_symlink(image, path("link.nii.gz"));
  fs::create_hard_link(image, path("hard.nii.gz"));
  fs::create_directory(path("sub"));
  const std::string segment = "segment " + image.string() + " --model hippocampus-t1 --out ";
  for (const std::string& name :
       {image.string(), path("link.nii.gz"), path("hard.nii.gz"), path("sub/../image.nii.gz")}) {
    expectRefused(segment + name, image);
    expectRefused("convert " + image.string() + " " + name, image);
    expectRefused(
        "convert " + path("labels.nii.gz") + " " + name + " --reference " + image.string(), image);
  }
  expectRefused("convert " + path("labels.nii.gz") + " " + path("labels.nii.gz") + " --reference " +
                    image.string(),
                path("labels.nii.gz"));
  expectRefused(segment + path("new.nii.gz") + " --channel " + path("labels.nii.gz") + " --out " +
                    path("labels.nii.gz"),
                path("labels.nii.gz"));
}

TEST_F(CliFiles, NeverWritesOverASliceOfAFolderThatItReads) {
  const std::string labels = path("labels.nii.gz");
  const std::string reference = " --reference " + path("ct");
  fs::create_hard_link(m_slice, path("hard.dcm"));
  fs::create_directory_symlink(path("ct"), path("linked"));
  for (const std::string& name :
       {m_slice.string(), path("hard.dcm"), path("linked/" + m_slice.filename().string())}) {
    expectRefused("export " + labels + reference + " --as rtstruct --out " + name, m_slice);
    expectRefused("segment " + path("ct") + " --model hippocampus-t1 --as rtstruct --out " + name,
                  m_slice);
  }
  // Another series of the folder, and a file whose name means nothing to the scan.
  std::ofstream(path("ct/notes.nii.gz")) << "mine";
  expectRefused("convert " + labels + reference + " " + path("ct/notes.nii.gz"),
                path("ct/notes.nii.gz"));
}

TEST_F(CliFiles, NeverWritesALayerOverALabelMapThatItReads) {
  const fs::path layer = path("organs-layer1.nii.gz");
  fs::copy_file(path("labels.nii.gz"), layer);
  expectRefused("convert " + layer.string() + " " + path("organs.nii.gz") + " --reference " +
                    path("image.nii.gz"),
                layer);
}

TEST_F(CliFiles, ReplacesItsOwnResults) {
  const std::string command = "export " + path("labels.nii.gz") + " --reference " + path("ct") +
                              " --as rtstruct --out " + path("ct/organs.dcm");
  EXPECT_EQ(run(command).status, 0);
  const CliRun again = run(command);
  EXPECT_EQ(again.status, 0) << again.err;
  const std::string convert =
      "convert " + path("ct/organs.dcm") + " " + path("back.nii.gz") + " --reference " + path("ct");
  EXPECT_EQ(run(convert).status, 0);
  EXPECT_EQ(run(convert).status, 0);
  expectRefused("export " + path("ct/organs.dcm") + " --reference " + path("ct") +
                    " --as rtstruct --out " + path("ct/organs.dcm"),
                path("ct/organs.dcm"));
}

TEST_F(CliFiles, RefusesTwoResultsOfOneName) {
  const CliRun done = run("segment " + path("image.nii.gz") + " --model hippocampus-t1 --out " +
                          path("x.nii.gz") + " --out " + path("./x.nii.gz"));
  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.err, HasSubstr("twice"));
}

TEST_F(CliFiles, SaysBesideALabelMapWhereItCameFrom) {
  ASSERT_EQ(run("segment " + path("image.nii.gz") +
                " --model hippocampus-t1 --force --region 0:36,0:36,0:30 --out " + path("out.nrrd"))
                .status,
            0);
  const Json json = readJsonFile(path("out.nrrd.provenance.json")).value();
  EXPECT_EQ(json["program"], "Argand");
  EXPECT_FALSE(json["plan"].get<std::string>().empty());
  ASSERT_FALSE(json["structures"].empty());
  const Json card = run("models show hippocampus-t1 --json").json();
  for (const Json& structure : json["structures"]) {
    EXPECT_EQ(structure["weights_sha256"], card["weights_sha256"]);
    EXPECT_EQ(structure["origin"], "automatic");
  }
}

TEST_F(CliFiles, WorksInFoldersAndWithFilesWhoseNamesAreNotUtf8) {
  const fs::path folder = m_dir / "M\xFCller";
  fs::create_directory(folder);
  const fs::path image = folder /
                         "k\xE4"
                         "fer.nii.gz";
  fs::copy_file(path("image.nii.gz"), image);
  const CliRun info = run("info --json '" + folder.native() + "'");
  ASSERT_EQ(info.status, 0);
  EXPECT_THAT(info.json()["volumes"][0]["path"].get<std::string>(),
              HasSubstr("Müller/käfer.nii.gz"));
  const fs::path out = folder /
                       "gr\xFC\xDF"
                       "e.nrrd";
  const CliRun converted = run("convert --json '" + image.native() + "' '" + out.native() + "'");
  ASSERT_EQ(converted.status, 0) << converted.err;
  EXPECT_THAT(converted.json()["outputs"][0].get<std::string>(), HasSubstr("grüße.nrrd"));
  EXPECT_TRUE(fs::exists(out));
  for (const std::string verb : {"info", "segment --model x --out y.nii.gz", "evaluate x.nii.gz"}) {
    const CliRun missing = run(verb + " --json '" + (folder / "fehlt.nii").native() + "'");
    EXPECT_EQ(missing.status, 3);
    EXPECT_THAT(missing.json()["error"]["message"].get<std::string>(), HasSubstr("Müller")) << verb;
  }
  EXPECT_EQ(run("segment --json --no-such-option 'M\xFCller'").json()["error"]["code"], "usage");
}

TEST_F(CliFiles, SaysWhatWasRepairedInAnImage) {
  // 397 voxels that are no number.
  const Geometry grid = phantom::grid({20, 20, 10}, {1.0, 1.0, 1.0}, "LPS");
  std::vector<float> voxels(4000, 1.5F);
  std::fill_n(voxels.begin() + 100, 397, std::numeric_limits<float>::quiet_NaN());
  std::ofstream file(path("nan.mhd"));
  file << "ObjectType = Image\nNDims = 3\nDimSize = 20 20 10\nElementType = MET_FLOAT\n"
          "ElementSpacing = 1 1 1\nElementDataFile = nan.raw\n";
  file.close();
  std::ofstream(path("nan.raw"), std::ios::binary)
      .write(reinterpret_cast<const char*>(voxels.data()),
             static_cast<std::streamsize>(voxels.size() * sizeof(float)));
  const CliRun done = run("convert --json " + path("nan.mhd") + " " + path("whole.nii.gz"));
  ASSERT_EQ(done.status, 0) << done.err;
  const Json warnings = done.json()["warnings"];
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const Json& warning) {
    return warning["code"] == "value-repaired" &&
           warning["text"].get<std::string>().find("397") != std::string::npos;
  })) << warnings;
}

TEST_F(CliFiles, EndsWithASentenceWhereAFileMayNotGrow) {
  const auto filesHere = [&] { return std::distance(fs::directory_iterator(m_dir), {}); };
  const auto before = filesHere();
  const CliRun done =
      runIn("ulimit -f 1; ", "convert --json " + path("image.nii.gz") + " " + path("copy.nii"));
  EXPECT_EQ(done.status, 3);
  EXPECT_THAT(done.json()["error"]["message"].get<std::string>(), HasSubstr("copy.nii"));
  EXPECT_THAT(done.json()["error"]["message"].get<std::string>(),
              ::testing::Not(HasSubstr(".pending")));
  EXPECT_FALSE(fs::exists(path("copy.nii")));
  EXPECT_EQ(filesHere(), before);
}

TEST_F(CliFiles, EndsAsCancelledAndLeavesNothingWhenTheTerminalIsClosed) {
  const auto files = std::distance(fs::directory_iterator(m_dir), {});
  for (const std::string signal : {"HUP", "INT", "TERM"}) {
    // Many times what it does in the time until the signal comes.
    const CliRun done = runIn("timeout --preserve-status -s " + signal + " 2 ",
                              "bench --json --network nnunet-plain:channels=8-16,classes=3 "
                              "--size 96x96x96 --repeat 1000");
    EXPECT_EQ(done.status, 5) << signal << done.err;
    EXPECT_EQ(done.json()["error"]["code"], "cancelled") << signal;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(m_dir), {}), files);
}

}  // namespace
}  // namespace argand
