// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace argand::test {

// The folder of real studies for tests: the environment's ARGAND_TEST_DATA, else
// shared/data beside the source tree. Nothing where there is none.
[[nodiscard]] std::optional<std::filesystem::path> testDataDir();

// A clean folder of the running test's own, made on each call.
[[nodiscard]] std::filesystem::path testDir();

// Runs a program found on PATH with its output kept; nothing where it is not installed.
struct Ran {
  int status = -1;
  std::string output;  // standard output and standard error together
};

[[nodiscard]] std::optional<Ran> runIfInstalled(const std::string& program,
                                                const std::string& arguments);

}  // namespace argand::test

// Skips the test, saying so, where real data is absent.
#define ARGAND_REQUIRE_TEST_DATA(folder)                                              \
  const auto folder##Found = ::argand::test::testDataDir();                           \
  if (!folder##Found) {                                                               \
    GTEST_SKIP() << "Real studies are absent: set ARGAND_TEST_DATA to their folder."; \
  }                                                                                   \
  const std::filesystem::path folder = *folder##Found
