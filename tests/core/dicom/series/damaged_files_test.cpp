// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/dicom/series/series.h"
#include "tests/core/dicom/series/synthetic_series.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

// Damaged files end in an image or a refusal: never a crash, never a hang.
namespace argand::dicom {
namespace {

namespace fs = std::filesystem;
using test::testDir;

int imagesAmongDamaged(const fs::path& original, const fs::path& path, int rounds, unsigned seed) {
  const auto whole = readTextFile(original);
  EXPECT_TRUE(whole) << whole.error().message;
  std::mt19937 random(seed);
  int images = 0;
  for (int n = 0; n < rounds; ++n) {
    std::string bytes = *whole;
    for (int flips = static_cast<int>(random() % 4); flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 3 == 0) {
      bytes.resize(random() % bytes.size());
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto result = scan(path);
    EXPECT_TRUE(result) << result.error().message;
    for (const SeriesEntry& entry : result->entries) {
      if (entry.kind == ObjectKind::Image) {
        const auto volume = readSeries(entry);
        EXPECT_TRUE(volume || !volume.error().message.empty());
        images += volume ? 1 : 0;
      }
    }
  }
  return images;
}

TEST(DamagedFiles, EndInAnImageOrARefusal) {
  const fs::path dir = testDir();
  auto slices = test::evenSlices(1, 3.0);
  slices[0].attributes["0010,0010"] = "Phantom";
  test::writeSlices(dir, slices);
  const fs::path original = fs::directory_iterator(dir)->path();
  const int rounds = 1500;
  const int images = imagesAmongDamaged(original, dir / "damaged.dcm", rounds, 3);
  EXPECT_GT(images, rounds / 10);
  EXPECT_LT(images, rounds);
}

// DCMTK reads a sequence within a sequence by recursion.
TEST(DamagedFiles, WithSequencesWithoutEndAreRefused) {
  const fs::path path = testDir() / "deep.dcm";
  std::string bytes(128, '\0');
  bytes += "DICM";
  bytes += std::string("\x02\x00\x00\x00UL\x04\x00\x1a\x00\x00\x00", 12);
  bytes += std::string("\x02\x00\x10\x00UI\x12\x00", 8) + "1.2.840.10008.1.2" + '\0';
  for (int n = 0; n < 200'000; ++n) {
    bytes += std::string("\x08\x00\x15\x11\xff\xff\xff\xff", 8);  // a sequence begins
    bytes += std::string("\xfe\xff\x00\xe0\xff\xff\xff\xff", 8);  // its first item begins
  }
  std::ofstream(path, std::ios::binary) << bytes;
  const auto result = scan(path);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->refused.size(), 1U);
  EXPECT_THAT(result->refused[0].reason, ::testing::HasSubstr("sequences within one another"));
}

TEST(DamagedFiles, ThatAnnounceMoreThanTheyCanHoldAreRefusedBeforeItIsAllocated) {
  const fs::path dir = testDir();
  auto slices = test::evenSlices(1, 3.0);
  slices[0].attributes = {{"0028,0010", "65535"}, {"0028,0011", "65535"}};
  test::writeSlices(dir, slices);
  const auto found = scan(dir);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->entries.size(), 1U);
  const auto volume = readSeries(found->entries[0]);
  ASSERT_FALSE(volume);
  EXPECT_THAT(volume.error().message,
              ::testing::HasSubstr("is too short for the image of 65535 x 65535 x 1 voxels"));
}

TEST(DamagedFiles, OfEveryCodecEndInAnImageOrARefusal) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path dir = testDir();
  for (const char* folder : {"dicom-torture/pydicom",
                             "dicom-torture/dicom2nifti/generic/compressed_j2k/001",
                             "dicom-torture/dicom2nifti/generic/compressed_jpegls/001",
                             "dicom-torture/dicom2nifti/philips_enhanced/anatomical/001"}) {
    unsigned seed = 5;
    for (const auto& entry : fs::directory_iterator(data / folder)) {
      imagesAmongDamaged(entry.path(), dir / "damaged.dcm", 25, ++seed);
    }
  }
}

}  // namespace
}  // namespace argand::dicom
