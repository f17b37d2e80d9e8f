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

TEST(File, SpeaksOfTheFileThatWasAskedFor) {
  const fs::path folder = test::testDir();
  const PendingFile pending(folder / "image.nii.gz");
  const auto failed = pending.named(fail(
      ErrorCode::OutputFailed, fmt::format("{} cannot be written.", pending.temporary().string())));
  EXPECT_EQ(failed.error().message,
            fmt::format("{} cannot be written.", (folder / "image.nii.gz").string()));
}

TEST(File, KnowsAFileByAllItsNames) {
  const fs::path folder = test::testDir();
  std::ofstream(folder / "a") << "a";
  std::ofstream(folder / "b") << "a";
  fs::create_hard_link(folder / "a", folder / "hard");
  fs::create_symlink("a", folder / "soft");
  for (const char* name : {"a", "hard", "soft", "../"}) {
    const fs::path other =
        std::string_view(name) == "../" ? folder / ".." / folder.filename() / "a" : folder / name;
    EXPECT_TRUE(sameFile(folder / "a", other)) << other;
    const std::vector<fs::path> inputs{folder / "b", folder / "a"};
    EXPECT_EQ(checkNotAnInput(other, inputs).error().code, ErrorCode::Usage) << other;
  }
  EXPECT_FALSE(sameFile(folder / "a", folder / "b"));
  EXPECT_FALSE(sameFile(folder / "c", folder / "c"));
  EXPECT_TRUE(checkNotAnInput(folder / "c", std::vector<fs::path>{folder / "a"}));
}

TEST(File, RefusesAFolderThatDoesNotExist) {
  const auto written = writeFileAtomically("/nowhere/at-all/x.txt", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::OutputFailed);
}

}  // namespace
}  // namespace argand
