// SPDX-License-Identifier: Apache-2.0
#include "tests/architecture/source_tree.h"
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

namespace argand::test {
namespace {

TEST(Format, IsThatOfClangFormat14) {
  std::string arguments = "--dry-run -Werror";
  for (const SourceFile& file : sourceTree()) {
    if (file.isCode()) {
      arguments += " '" + (sourceRoot() / file.path).string() + "'";
    }
  }
  const auto ran = runIfInstalled("clang-format-14", arguments);
  if (!ran) {
    GTEST_SKIP() << "clang-format-14 is not installed: the format is not checked.";
  }
  EXPECT_EQ(ran->status, 0) << "Run: cmake --build --preset dev --target format\n"
                            << ran->output.substr(0, 4000);
}

}  // namespace
}  // namespace argand::test
