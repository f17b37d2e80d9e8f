// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace argand::test {

namespace fs = std::filesystem;

std::optional<fs::path> testDataDir() {
  if (const char* named = std::getenv("ARGAND_TEST_DATA"); named != nullptr && *named != '\0') {
    return fs::path(named);
  }
  const fs::path beside = fs::path(ARGAND_SOURCE_DIR).parent_path() / "shared" / "data";
  if (fs::is_directory(beside)) {
    return beside;
  }
  return std::nullopt;
}

fs::path testDir() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "." + info->name();
  for (char& c : name) {
    c = c == '/' ? '_' : c;
  }
  const fs::path folder = fs::path(::testing::TempDir()) / "argand-tests" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

std::optional<Ran> runIfInstalled(const std::string& program, const std::string& arguments) {
  if (std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) != 0) {
    return std::nullopt;
  }
  Ran ran;
  const std::string command = program + " " + arguments + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) {
    return ran;
  }
  std::array<char, 4096> chunk{};
  while (std::fgets(chunk.data(), chunk.size(), pipe) != nullptr) {
    ran.output += chunk.data();
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace argand::test
