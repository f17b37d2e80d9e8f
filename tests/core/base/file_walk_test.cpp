// SPDX-License-Identifier: Apache-2.0
#include "core/base/file_walk.h"

#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <fstream>

namespace argand {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FilesUnder, FollowsLinksAndSearchesACycleOnce) {
  const fs::path root = test::testDir();
  fs::create_directories(root / "study" / "a");
  fs::create_directories(root / "elsewhere");
  std::ofstream(root / "study" / "a" / "1") << "x";
  std::ofstream(root / "elsewhere" / "2") << "x";
  fs::create_directory_symlink(root / "study", root / "study" / "a" / "up");
  fs::create_directory_symlink("../elsewhere", root / "study" / "linked");
  fs::create_symlink(root / "elsewhere" / "2", root / "study" / "file-link");
  fs::create_symlink("gone", root / "study" / "nowhere");
  const FilesUnder found = filesUnder(root / "study").value();
  EXPECT_THAT(found.files,
              ElementsAre(root / "study" / "a" / "1",
                          root / "study" / "file-link",
                          root / "study" / "linked" / "2"));
  ASSERT_EQ(found.unreached.size(), 1U);
  EXPECT_EQ(found.unreached[0].path, root / "study" / "nowhere");
  EXPECT_THAT(found.unreached[0].reason, HasSubstr("link"));
}

TEST(FilesUnder, RefusesAFolderThatIsNotThereAndStops) {
  EXPECT_EQ(filesUnder("/nowhere/at-all").error().code, ErrorCode::InputRefused);
  const fs::path root = test::testDir();
  std::ofstream(root / "1") << "x";
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(filesUnder(root, stop.get_token()).error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace argand
