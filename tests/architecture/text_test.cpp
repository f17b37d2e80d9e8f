// SPDX-License-Identifier: Apache-2.0
// What every file of the project keeps to.
#include "tests/architecture/source_tree.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>

namespace argand::test {
namespace {

TEST(ProjectText, CodeStartsWithItsLicence) {
  for (const SourceFile& file : sourceTree()) {
    if (!file.isCode()) {
      continue;
    }
    ASSERT_FALSE(file.lines.empty()) << file.path;
    EXPECT_EQ(file.lines[0], "// SPDX-License-Identifier: Apache-2.0") << file.path;
    if (file.isHeader()) {  // a comment may stand between
      EXPECT_EQ(std::ranges::count(file.lines, "#pragma once"), 1) << file.path;
    }
  }
}

TEST(ProjectText, FilesStayShort) {
  for (const SourceFile& file : sourceTree()) {
    if (file.isCode()) {
      EXPECT_LE(file.lines.size(), file.isHeader() ? 250U : 600U) << file.path;
    }
  }
}

TEST(ProjectText, LeavesNoNotesToSelfAndNoPlacesOfOneMachine) {
  // Written in pieces, so that this file is not its own first finding.
  const std::vector<std::regex> unwanted = {
      std::regex("\\b(TO"
                 "DO|FIX"
                 "ME|X"
                 "XX|HA"
                 "CK)\\b"),
      std::regex("(^|[\"'\\s=(])/(wo"
                 "rk|ro"
                 "ot|ho"
                 "me)/"),
      std::regex("py"
                 "pi\\.org|python"
                 "hosted|anaconda\\.(com|org)"),
  };
  for (const SourceFile& file : sourceTree()) {
    for (std::size_t n = 0; n < file.lines.size(); ++n) {
      for (const std::regex& pattern : unwanted) {
        EXPECT_FALSE(std::regex_search(file.lines[n], pattern))
            << fmt::format("{}:{}: {}", file.path, n + 1, file.lines[n]);
      }
    }
  }
}

// A source file that no CMakeLists.txt names is never compiled or tested.
TEST(ProjectText, EverySourceIsBuilt) {
  std::map<std::string, std::string> lists;  // by folder, with a closing slash
  for (const SourceFile& file : sourceTree()) {
    if (file.path.ends_with("CMakeLists.txt")) {
      std::string& text = lists[file.path.substr(0, file.path.size() - 14)];
      for (const std::string& line : file.lines) {
        text += line + "\n";
      }
    }
  }
  for (const SourceFile& file : sourceTree()) {
    if (!file.isCode() || file.isHeader()) {
      continue;
    }
    bool built = false;
    for (const auto& [folder, text] : lists) {
      built = built ||
              (file.path.starts_with(folder) &&
               std::regex_search(
                   text,
                   std::regex("(^|[\\s(\"/])" + file.path.substr(folder.size()) + "(?=[\\s)\"])")));
    }
    EXPECT_TRUE(built) << file.path << " is in no CMakeLists.txt";
  }
}

}  // namespace
}  // namespace argand::test
