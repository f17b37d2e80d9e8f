// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series.h"
#include "core/dicom/series/suv.h"
#include "core/io/image_file.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

// Real and deliberately difficult studies, where they are at hand.
namespace argand::dicom {
namespace {

namespace fs = std::filesystem;

Result<Volume> onlyVolume(const fs::path& path) {
  ARGAND_ASSIGN(const ScanResult result, scan(path));
  if (result.entries.size() != 1) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{}: {} volumes, {} refused",
                            path.string(),
                            result.entries.size(),
                            result.refused.size()));
  }
  ARGAND_ASSIGN(LoadedSeries loaded, readSeries(result.entries[0]));
  return std::move(loaded.volume);
}

std::vector<double> values(const Volume& volume) {
  return volume.visit(
      [](auto voxels) { return std::vector<double>(voxels.begin(), voxels.end()); });
}

double farthestCorner(const Geometry& a, const Geometry& b) {
  double worst = 0.0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    Vec3 index;
    for (int axis = 0; axis < 3; ++axis) {
      index[axis] = ((corner >> axis) & 1U) != 0 ? static_cast<double>(a.size[axis] - 1) : 0.0;
    }
    worst = std::max(worst, length(a.lpsFromIndex.apply(index) - b.lpsFromIndex.apply(index)));
  }
  return worst;
}

bool holds(const Warnings& warnings, WarningCode code) {
  return std::any_of(warnings.begin(), warnings.end(), [&](const Warning& warning) {
    return warning.code == code;
  });
}

TEST(RealSeries, EndsEveryFileInAnImageOrANamedRefusal) {
  ARGAND_REQUIRE_TEST_DATA(data);
  int files = 0;
  int images = 0;
  for (const char* folder : {"dicom-torture", "seg", "nifti-torture", "rtstruct"}) {
    for (const auto& entry : fs::recursive_directory_iterator(data / folder)) {
      if (!entry.is_regular_file() || io::formatOf(entry.path())) {
        continue;
      }
      ++files;
      const auto result = scan(entry.path());
      ASSERT_TRUE(result) << entry.path() << result.error().message;
      EXPECT_EQ(result->entries.size() + result->refused.size(), 1U) << entry.path();
      for (const Refusal& refusal : result->refused) {
        EXPECT_FALSE(refusal.reason.empty()) << entry.path();
      }
      for (const SeriesEntry& series : result->entries) {
        if (series.kind == ObjectKind::Image) {
          const auto volume = readSeries(series);
          EXPECT_TRUE(volume || !volume.error().message.empty()) << entry.path();
          images += volume ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(files, 200);
  EXPECT_GT(images, 190);
}

TEST(RealSeries, AgreesWithAnotherReadersGeometry) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const std::string suffix = "_ground_truth.nii.gz";
  int compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data / "dicom-torture/dicom2nifti")) {
    const std::string name = entry.path().string();
    if (!name.ends_with(suffix) || name.find("compressed") != std::string::npos) {
      continue;
    }
    const auto truth = io::readImageHeader(entry.path());
    ASSERT_TRUE(truth) << truth.error().message;
    const auto result = scan(name.substr(0, name.size() - suffix.size()));
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(static_cast<std::int64_t>(result->entries.size()), truth->components) << name;
    for (const SeriesEntry& series : result->entries) {
      // That reader stores volumes in an order of its own.
      const auto order = orderTo(series.geometry, axisCodes(truth->geometry));
      ASSERT_TRUE(order) << order.error().message;
      const Geometry ours = reordered(series.geometry, *order);
      EXPECT_EQ(ours.size, truth->geometry.size) << name;
      EXPECT_LT(farthestCorner(ours, truth->geometry), 0.01) << name;
    }
    ++compared;
  }
  EXPECT_GE(compared, 8);
}

TEST(RealSeries, DecodesTheSameSlicesInFourCodecsBitForBit) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "dicom-torture/dicom2nifti/generic";
  const auto truth = io::readImage(folder / "compressed_ground_truth.nii.gz");
  ASSERT_TRUE(truth) << truth.error().message;
  for (const char* codec : {"j2k", "jpeg", "jpegls", "rle"}) {
    const auto volume = onlyVolume(folder / (std::string("compressed_") + codec) / "001");
    ASSERT_TRUE(volume) << volume.error().message;
    const auto order = orderTo(volume->geometry(), axisCodes(truth->volume.geometry()));
    ASSERT_TRUE(order) << order.error().message;
    const Volume same = reordered(*volume, *order);
    EXPECT_EQ(values(same), values(truth->volume)) << codec;
    EXPECT_LT(farthestCorner(same.geometry(), truth->volume.geometry()), 0.01) << codec;
  }
}

TEST(RealSeries, ReadsOneSliceInEveryEncodingBitForBit) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "dicom-torture/pydicom";
  const auto plain = onlyVolume(folder / "MR_small.dcm");
  ASSERT_TRUE(plain) << plain.error().message;
  int encodings = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("MR_small")) {
      continue;
    }
    const auto volume = onlyVolume(entry.path());
    ASSERT_TRUE(volume) << volume.error().message;
    EXPECT_EQ(values(*volume), values(*plain)) << entry.path();
    ++encodings;
  }
  EXPECT_GE(encodings, 7);
}

TEST(RealSeries, TakesOnePictureInManyEncodingsForCopies) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const auto found = scan(data / "dicom-torture/pydicom");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->entries.size(), 1U);
  EXPECT_EQ(found->entries[0].files.size(), 1U);
  EXPECT_TRUE(holds(found->entries[0].warnings, WarningCode::Duplicate));
  ASSERT_EQ(found->refused.size(), 1U);
  EXPECT_EQ(found->refused[0].files, 7);
}

TEST(RealSeries, NamesTiltAndMissingSlices) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "dicom-torture/dicom2nifti/failing";
  const auto tilted = scan(folder / "gantrytilting/001");
  ASSERT_TRUE(tilted && tilted->entries.size() == 1);
  EXPECT_TRUE(holds(tilted->entries[0].warnings, WarningCode::Tilt));
  const auto gap = scan(folder / "sliceincrement/001");
  ASSERT_TRUE(gap && gap->entries.size() == 1);
  EXPECT_TRUE(holds(gap->entries[0].warnings, WarningCode::Gap));
  EXPECT_EQ(gap->entries[0].geometry.sliceOrigins.size(), 4U);
}

TEST(RealSeries, MatchesTheNiftiFilesOfTheSameStudy) {
  ARGAND_REQUIRE_TEST_DATA(data);
  for (const char* modality : {"CT", "MR_T1", "PET"}) {
    const fs::path folder = data / "rtstruct/STS_002" / modality;
    const auto series = onlyVolume(folder / "dicom/image");
    ASSERT_TRUE(series) << series.error().message;
    const auto nifti = io::readImage(folder / "nifti/image/image.nii.gz");
    ASSERT_TRUE(nifti) << nifti.error().message;
    const auto order = orderTo(nifti->volume.geometry(), axisCodes(series->geometry()));
    ASSERT_TRUE(order) << order.error().message;
    const Volume same = reordered(nifti->volume, *order);
    EXPECT_LT(farthestCorner(same.geometry(), series->geometry()), 0.01) << modality;
    const auto a = values(same);
    const auto b = values(*series);
    ASSERT_EQ(a.size(), b.size());
    double worst = 0.0;
    for (std::size_t n = 0; n < a.size(); ++n) {
      worst = std::max(worst, std::abs(a[n] - b[n]));
    }
    EXPECT_LT(worst, 1e-4) << modality;
  }
}

TEST(RealSeries, TakeStoredSuvAsItIs) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const auto found = scan(data / "rtstruct/STS_002/PET/dicom/image");  // Units is GML
  ASSERT_TRUE(found && found->entries.size() == 1);
  const auto scale = suvScale(found->entries[0]);
  ASSERT_TRUE(scale) << scale.error().message;
  EXPECT_EQ(scale->factor, 1.0);
  const auto slice = readSlice(found->entries[0], 20, {.suv = true});
  ASSERT_TRUE(slice) << slice.error().message;
  EXPECT_EQ(slice->volume.unit, "SUVbw");
}

}  // namespace
}  // namespace argand::dicom
