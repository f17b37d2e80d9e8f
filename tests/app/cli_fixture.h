// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/io/image_file.h"
#include "core/volume/phantom.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace argand::test {

// How a run ended, and what it printed.
struct CliRun {
  int status = -1;
  std::string out;
  std::string err;

  [[nodiscard]] Json json() const { return Json::parse(out); }
};

// Runs argand-cli as a process in a folder of the test's own.
class Cli : public ::testing::Test {
 protected:
  [[nodiscard]] CliRun run(const std::string& arguments) const { return runIn("", arguments); }

  // Runs it after `before` in the same shell: a limit, a variable.
  [[nodiscard]] CliRun runIn(const std::string& before, const std::string& arguments) const {
    const std::filesystem::path out = m_dir.native() + ".stdout";
    const std::filesystem::path err = m_dir.native() + ".stderr";
    const std::string command = before + "'" ARGAND_CLI "' " + arguments + " >'" + out.native() +
                                "' 2>'" + err.native() + "'";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            readTextFile(out).value(),
            readTextFile(err).value()};
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (m_dir / name).string(); }

  // Writes an image and a label map of three organs on one grid.
  void writePhantom(const std::string& codes = "LPS") const {
    const Geometry grid = phantom::grid({40, 36, 30}, {2.5, 2.5, 3.0}, codes);
    const auto shapes = phantom::asymmetricTrio();
    const Volume image = phantom::image(grid, shapes, {100.0, 200.0, 300.0}, 10.0);
    ASSERT_TRUE(io::writeImage(path("image.nii.gz"), image));
    const Segmentation organs = phantom::rasterized(grid, shapes);
    LabelTable names;
    for (const Structure& structure : organs.structures()) {
      names.set(structure.label, {structure.name, {}, {}, Side::None});
    }
    ASSERT_TRUE(io::writeLabels(path("labels.nii.gz"), flattened(organs).value(), names));
  }

  std::filesystem::path m_dir = testDir();
};

}  // namespace argand::test
