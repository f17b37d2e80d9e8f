// SPDX-License-Identifier: Apache-2.0
// Names, figures and surfaces on the command line.
#include "tests/app/cli_fixture.h"

#include <cstring>
#include <sstream>

namespace argand::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Cli, ShowsWordsAndNotTheirNumbersInTheHelpOfEveryVerb) {
  for (const char* verb : {"",
                           "info",
                           "convert",
                           "segment",
                           "export",
                           "plan",
                           "bench",
                           "evaluate",
                           "train",
                           "models",
                           "models list",
                           "models show",
                           "models import",
                           "models verify",
                           "demo"}) {
    const CliRun help = run(std::string(verb) + " --help");
    EXPECT_EQ(help.status, 0) << verb;
    EXPECT_THAT(help.out, Not(HasSubstr("->"))) << verb;
    EXPECT_THAT(help.out, HasSubstr("--help")) << verb;
  }
  EXPECT_THAT(run("--help").out, HasSubstr("debug|info|warning|error|off"));
  EXPECT_THAT(run("segment --help").out, HasSubstr("auto|whole|window"));
}

TEST_F(Cli, RefusesAWordThatIsNoneOfThoseOffered) {
  for (const char* arguments : {"--log-level loud models list",
                                "--log-level 0 models list",
                                "segment x --model m --out y.nii.gz --mode quick"}) {
    const CliRun refused = run(arguments);
    EXPECT_EQ(refused.status, 2) << arguments;
    EXPECT_THAT(refused.err, HasSubstr("is none of")) << arguments;
    EXPECT_THAT(refused.err, Not(HasSubstr("->"))) << arguments;
  }
  EXPECT_EQ(run("--log-level DEBUG models list").status, 0);
}

TEST_F(Cli, EvaluatesWithEveryFigureAndItsDefinition) {
  writePhantom();
  const CliRun equal = run("evaluate " + path("labels.nii.gz") + " " + path("labels.nii.gz") +
                           " --tolerance 2.5 --json");
  ASSERT_EQ(equal.status, 0) << equal.err;
  const Json json = equal.json();
  EXPECT_EQ(json["tolerance_mm"], 2.5);
  ASSERT_EQ(json["labels"].size(), 3U);
  for (const char* key : {"dice",
                          "jaccard",
                          "hd_mm",
                          "hd95_mm",
                          "mean_surface_distance_mm",
                          "surface_dice",
                          "volume_ml",
                          "reference_volume_ml",
                          "volume_difference_ml",
                          "volume_difference_percent"}) {
    EXPECT_TRUE(json["labels"][0].contains(key)) << key;
    EXPECT_TRUE(json["definitions"].contains(key)) << key;
  }
  EXPECT_EQ(json["labels"][0]["jaccard"], 1.0);
  EXPECT_EQ(
      run("evaluate " + path("labels.nii.gz") + " " + path("labels.nii.gz") + " --tolerance -1")
          .status,
      2);
}

TEST_F(Cli, MeetsSciPyOnTwoPeoplesOutlinesOfOneHead) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const auto outlines = [&](const char* person) {
    return fmt::format("'{}/han-observers/test_{}_0522c0017_labels.nii.gz'", data.string(), person);
  };
  const std::string pair = fmt::format("{} {}", outlines("oncologist"), outlines("radiographer"));
  std::optional<Ran> theirs;
  for (const char* program : {"python3", "/usr/bin/python3"}) {
    theirs = runIfInstalled(program, fmt::format("'{}' {} 2", ARGAND_SCIPY_FIGURES, pair));
    if (theirs && theirs->status == 0) {
      break;
    }
  }
  if (!theirs || theirs->status != 0) {
    GTEST_SKIP() << "python3 with nibabel and SciPy is not installed.";
  }
  const CliRun made = run("evaluate " + pair + " --tolerance 2 --json");
  ASSERT_EQ(made.status, 0) << made.err;
  const Json ours = made.json();
  ASSERT_EQ(ours["labels"].size(), 21U);
  std::istringstream lines(theirs->output);
  for (const Json& label : ours["labels"]) {
    int value = 0;
    lines >> value;
    EXPECT_EQ(value, label["value"]);
    for (const char* key :
         {"dice", "jaccard", "hd_mm", "hd95_mm", "mean_surface_distance_mm", "surface_dice"}) {
      double figure = -1.0;
      lines >> figure;
      EXPECT_NEAR(label[key].get<double>(), figure, 1e-5) << key << " of " << label["name"];
    }
  }
}

TEST_F(Cli, WritesEachStructureAsAClosedSurface) {
  writePhantom();
  for (const std::string frame : {"lps", "ras"}) {
    const CliRun made = run("export " + path("labels.nii.gz") + " --as stl --frame " + frame +
                            " --out " + path(frame) + " --json");
    ASSERT_EQ(made.status, 0) << made.err;
    const Json json = made.json();
    ASSERT_EQ(json["structures"].size(), 3U);
    for (const Json& one : json["structures"]) {
      EXPECT_NEAR(one["volume_ml"].get<double>() / one["voxels_ml"].get<double>(), 1.0, 0.07);
      const std::string bytes = readTextFile(one["file"].get<std::string>()).value();
      std::uint32_t triangles = 0;
      std::memcpy(&triangles, bytes.data() + 80, sizeof(triangles));
      EXPECT_EQ(triangles, one["triangles"].get<std::uint32_t>());
      EXPECT_EQ(bytes.size(), 84 + 50 * std::size_t{triangles});
      EXPECT_THAT(bytes.substr(0, 80), HasSubstr(frame == "lps" ? "SPACE=LPS" : "SPACE=RAS"));
    }
  }
  const CliRun several =
      run("export " + path("labels.nii.gz") + " --as ply --out " + path("one.ply"));
  EXPECT_EQ(several.status, 2);
  EXPECT_THAT(several.err, HasSubstr("--only"));
  const std::string name =
      run("export " + path("labels.nii.gz") + " --as obj --out " + path("obj") + " --json")
          .json()["structures"][0]["name"];
  EXPECT_EQ(run("export " + path("labels.nii.gz") + " --as ply --only '" + name + "' --out " +
                path("one.ply"))
                .status,
            0);
  EXPECT_EQ(readTextFile(path("one.ply")).value().substr(0, 4), "ply\n");
  EXPECT_EQ(
      run("export " + path("labels.nii.gz") + " --as ply --only Nobody --out " + path("x")).status,
      2);
}

TEST_F(Cli, NamesStructuresAsTg263DoesWhenAsked) {
  writePhantom();
  const auto write = [&](const char* names) {
    const io::LabelFile file = io::readLabels(path("labels.nii.gz")).value();
    LabelTable table;
    table.set(1, {"kidney_left", {}, {}, Side::None});
    table.set(2, {"liver", {}, {}, Side::None});
    table.set(3, {"My tumour", {}, {}, Side::None});
    ASSERT_TRUE(io::writeLabels(path(names), file.labels, table));
  };
  write("named.nii.gz");
  const auto names = [&](const std::string& option) {
    const CliRun made = run("export " + path("named.nii.gz") + " --as obj --out " + path("named") +
                            " --json" + option);
    EXPECT_EQ(made.status, 0) << made.out;
    std::vector<std::string> list;
    const Json json = made.json();
    for (const Json& one : json["structures"]) {
      list.push_back(one["name"]);
    }
    return list;
  };
  EXPECT_THAT(names(""), ::testing::ElementsAre("kidney_left", "liver", "My tumour"));
  EXPECT_THAT(names(" --structure-names tg263"),
              ::testing::ElementsAre("Kidney_L", "Liver", "My tumour"));
}

}  // namespace
}  // namespace argand::test
