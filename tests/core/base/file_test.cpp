// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"

#include "tests/support/test_data.h"

#include <gtest/gtest.h>

#include <fstream>

namespace argand {
namespace {

namespace fs = std::filesystem;

TEST(File, WritesAndReadsBytesBack) {
  const fs::path path = test::testDir() / "a.bin";
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(writeFileAtomically(path, bytes));
  EXPECT_EQ(readTextFile(path).value(), bytes);
}

TEST(File, NamesTheFileThatIsMissing) {
  const auto text = readTextFile("/nowhere/at-all.txt");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::InputRefused);
  EXPECT_NE(text.error().message.find("/nowhere/at-all.txt"), std::string::npos);
}

TEST(File, LeavesNothingBehindWhenAPendingFileIsAbandoned) {
  const fs::path folder = test::testDir();
  {
    const PendingFile pending(folder / "image.nii.gz");
    EXPECT_TRUE(pending.temporary().string().ends_with(".nii.gz"));
    std::ofstream(pending.temporary()) << "half";
  }
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST(File, RefusesAFolderThatDoesNotExist) {
  const auto written = writeFileAtomically("/nowhere/at-all/x.txt", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::OutputFailed);
}

}  // namespace
}  // namespace argand
