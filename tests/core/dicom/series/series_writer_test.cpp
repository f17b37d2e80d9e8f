// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series_writer.h"

#include "core/base/file.h"
#include "core/dicom/series/series.h"
#include "core/volume/phantom.h"
#include "tests/core/dicom/series/synthetic_series.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace argand::dicom {
namespace {

namespace fs = std::filesystem;
using test::testDir;
using ::testing::HasSubstr;

const std::vector<double> kValues{300.0, 600.0, 900.0};

Volume phantomVolume(const std::string& codes) {
  const Geometry geometry = phantom::grid({22, 18, 14}, {4.5, 5.5, 7.0}, codes);
  Volume volume = phantom::image(geometry, phantom::asymmetricTrio(), kValues, 0.0);
  volume.modality = Modality::Mr;
  return volume;
}

Volume readBack(const fs::path& folder) {
  const auto result = scan(folder);
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->entries.size(), 1U);
  auto loaded = readSeries(result->entries.at(0));
  EXPECT_TRUE(loaded) << loaded.error().message;
  return std::move(loaded->volume);
}

// The centroid in LPS mm of the voxels of each value.
std::vector<Vec3> centroids(const Volume& volume) {
  std::vector<Vec3> sums(kValues.size());
  std::vector<double> counts(kValues.size());
  const Geometry& geometry = volume.geometry();
  for (std::int64_t k = 0; k < geometry.size.k; ++k) {
    for (std::int64_t j = 0; j < geometry.size.j; ++j) {
      for (std::int64_t i = 0; i < geometry.size.i; ++i) {
        const auto found = std::find(kValues.begin(), kValues.end(), volume.at({i, j, k}));
        if (found != kValues.end()) {
          const auto n = static_cast<std::size_t>(found - kValues.begin());
          sums[n] =
              sums[n] + geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k);
          counts[n] += 1.0;
        }
      }
    }
  }
  for (std::size_t n = 0; n < sums.size(); ++n) {
    EXPECT_GT(counts[n], 0.0);
    sums[n] = sums[n] * (1.0 / counts[n]);
  }
  return sums;
}

std::vector<std::string> allAxisCodes() {
  std::vector<std::string> all;
  std::array<std::size_t, 3> order{0, 1, 2};
  const std::array<std::string, 3> pairs{"LR", "PA", "SI"};
  do {
    for (unsigned flips = 0; flips < 8; ++flips) {
      std::string codes;
      for (unsigned axis = 0; axis < 3; ++axis) {
        codes += pairs[order[axis]][(flips >> axis) & 1U];
      }
      all.push_back(codes);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

TEST(SeriesWriter, KeepsOrgansInPlaceFromAllAxisOrders) {
  const fs::path dir = testDir();
  for (const std::string& codes : allAxisCodes()) {
    const Volume volume = phantomVolume(codes);
    const auto written = writeSeries(dir / codes, volume, {});
    ASSERT_TRUE(written) << written.error().message;
    const Volume back = readBack(dir / codes);
    EXPECT_EQ(axisCodes(back.geometry()), "LPS");
    const auto expected = centroids(volume);
    const auto found = centroids(back);
    for (std::size_t n = 0; n < expected.size(); ++n) {
      EXPECT_LT(length(found[n] - expected[n]), 0.01) << codes;
    }
  }
}

// Series as scanners make them: rows and columns along any axes, in the four
// patient positions. Positions are in patient coordinates, so the tag moves nothing.
TEST(SeriesReader, KeepsOrgansInPlaceInAllAxisOrdersAndPatientPositions) {
  const fs::path dir = testDir();
  for (const std::string& codes : allAxisCodes()) {
    const Volume volume = phantomVolume(codes);
    const Geometry& geometry = volume.geometry();
    const Vec3 spacing = geometry.spacingMm();
    const auto expected = centroids(volume);
    std::vector<test::SyntheticSlice> slices;
    for (std::int64_t k = 0; k < geometry.size.k; ++k) {
      test::SyntheticSlice slice;
      slice.instanceNumber = static_cast<int>(k) + 1;
      slice.positionMm = geometry.sliceToLps(0.0, 0.0, k);
      slice.rowCosine = geometry.direction(0);
      slice.columnCosine = geometry.direction(1);
      slice.columnSpacingMm = spacing.x;
      slice.rowSpacingMm = spacing.y;
      slice.rows = static_cast<int>(geometry.size.j);
      slice.columns = static_cast<int>(geometry.size.i);
      for (std::int64_t j = 0; j < geometry.size.j; ++j) {
        for (std::int64_t i = 0; i < geometry.size.i; ++i) {
          slice.pixels.push_back(static_cast<std::uint16_t>(volume.at({i, j, k})));
        }
      }
      slices.push_back(std::move(slice));
    }
    for (const std::string position : {"HFS", "FFS", "HFP", "FFP"}) {
      for (test::SyntheticSlice& slice : slices) {
        slice.attributes["0018,5100"] = position;
      }
      fs::remove_all(dir / "series");
      test::writeSlices(dir / "series", slices);
      const auto found = centroids(readBack(dir / "series"));
      for (std::size_t n = 0; n < expected.size(); ++n) {
        EXPECT_LT(length(found[n] - expected[n]), 0.01) << codes << ' ' << position;
      }
    }
  }
}

template <typename T>
void expectSameVoxels(std::vector<T> voxels, Modality modality) {
  const Geometry geometry = phantom::grid({5, 4, 3}, {0.7, 0.8, 2.5}, "LPS");
  auto volume = Volume::create(geometry, voxels);
  ASSERT_TRUE(volume) << volume.error().message;
  const fs::path dir = testDir() / "series";
  const auto written = writeSeries(dir, *volume, {modality, "Voxels"});
  ASSERT_TRUE(written) << written.error().message;
  const Volume back = readBack(dir);
  EXPECT_TRUE(sameGrid(back.geometry(), geometry, 1e-6));
  EXPECT_EQ(back.modality, modality);
  EXPECT_EQ(back.description, "Voxels");
  for (std::size_t n = 0; n < voxels.size(); ++n) {
    const auto at = static_cast<std::int64_t>(n);
    EXPECT_EQ(back.at({at % 5, at / 5 % 4, at / 20}), static_cast<double>(voxels[n]));
  }
}

TEST(SeriesWriter, KeepsIntegersExactly) {
  std::vector<std::int16_t> ct(60);
  std::vector<std::uint16_t> mr(60);
  std::vector<float> whole(60);
  for (std::size_t n = 0; n < 60; ++n) {
    ct[n] = static_cast<std::int16_t>(static_cast<int>(n) * 1000 - 30000);
    mr[n] = static_cast<std::uint16_t>(n * 1100);
    whole[n] = static_cast<float>(n) - 31.0F;
  }
  expectSameVoxels(ct, Modality::Ct);
  expectSameVoxels(ct, Modality::Mr);
  expectSameVoxels(mr, Modality::Mr);
  expectSameVoxels(whole, Modality::Ct);
}

TEST(SeriesWriter, KeepsFractionsToAPartIn65535OfTheirRange) {
  const Geometry geometry = phantom::grid({5, 4, 3}, {0.7, 0.8, 2.5}, "LPS");
  std::vector<float> voxels(60);
  for (std::size_t n = 0; n < 60; ++n) {
    voxels[n] = std::sin(static_cast<float>(n)) * 1e-3F;
  }
  const auto volume = Volume::create(geometry, voxels);
  ASSERT_TRUE(volume) << volume.error().message;
  const fs::path dir = testDir() / "series";
  ASSERT_TRUE(writeSeries(dir, *volume, {Modality::Mr, "Voxels"}));
  const Volume back = readBack(dir);
  for (std::size_t n = 0; n < 60; ++n) {
    const auto at = static_cast<std::int64_t>(n);
    EXPECT_NEAR(back.at({at % 5, at / 5 % 4, at / 20}), voxels[n], 2e-3 / 65535.0);
  }
}

Volume volumeOf(const std::vector<float>& voxels, const std::string& codes = "LPS") {
  auto volume = Volume::create(phantom::grid({5, 4, 3}, {0.7, 0.8, 2.5}, codes), voxels);
  EXPECT_TRUE(volume) << volume.error().message;
  return std::move(*volume);
}

TEST(SeriesWriter, SaysTheStepThatFractionsWereRoundedTo) {
  std::vector<float> voxels(60);
  for (std::size_t n = 0; n < 60; ++n) {
    voxels[n] = static_cast<float>(n) / 59.0F;
  }
  const fs::path dir = testDir() / "series";
  const auto written = writeSeries(dir, volumeOf(voxels), {Modality::Mr, "Ramp"});
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(*written, ::testing::ElementsAre(test::Says("steps of 1.5259e-05")));
  const WindowLevel window = readBack(dir).defaultWindow();
  EXPECT_GT(window.width, 0.5);
  EXPECT_LT(window.width, 1.01);  // no window of a whole unit round a ramp of one
}

TEST(SeriesWriter, RefusesToLoseARampToAnOutlierAndVoxelsThatAreNoNumbers) {
  std::vector<float> voxels(60);
  for (std::size_t n = 0; n < 59; ++n) {
    voxels[n] = static_cast<float>(n) / 59.0F;
  }
  const fs::path dir = testDir() / "series";
  // A long ramp, so that one voxel is none of the middle 98 %.
  std::vector<float> ramp(4000);
  for (std::size_t n = 0; n < ramp.size(); ++n) {
    ramp[n] = static_cast<float>(n) / 4000.0F;
  }
  ramp[17] = 1e6F;
  auto large = Volume::create(phantom::grid({20, 20, 10}, {1, 1, 1}, "LPS"), ramp);
  ASSERT_TRUE(large);
  const auto lost = writeSeries(dir, *large, {Modality::Mr, ""});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(lost.error().message, HasSubstr("steps of 15.3"));
  voxels[59] = 1e6F;
  EXPECT_FALSE(writeSeries(dir, volumeOf(voxels), {Modality::Mr, ""}));
  voxels[59] = std::nanf("");
  const auto broken = writeSeries(dir, volumeOf(voxels), {Modality::Ct, ""});
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("1 of the image's voxels are no finite numbers"));
  EXPECT_FALSE(fs::exists(dir));
}

TEST(SeriesWriter, KeepsWholeNumbersOfAnySpanOf16Bits) {
  std::vector<float> whole(60);
  for (std::size_t n = 0; n < 60; ++n) {
    whole[n] = static_cast<float>(n) * 1100.0F - 1000.0F;  // -1000 to 63900
  }
  expectSameVoxels(whole, Modality::Ct);
  for (float& voxel : whole) {
    voxel += 100000.0F;
  }
  expectSameVoxels(whole, Modality::Mr);
}

TEST(SeriesWriter, KeepsTheStudysTextsInWhicheverSetHoldsTheDescription) {
  const fs::path dir = testDir();
  Volume volume = phantomVolume("LPS");
  SourceSeries source;
  source.characterSet = "ISO_IR 100";
  source.patientAndStudy = {{0x00100010, "PN", "M\xfcller^Jos\xe9"},
                            {0x00081030,
                             "LO",
                             "H\xfc"
                             "fte"}};
  source.lossy = true;
  source.lossyRatio = "12.5";
  source.lossyMethod = "ISO_15444_1";
  volume.source = source;
  const std::string hip =
      "H\xc3\xbc"
      "fte links";
  const std::string liver = "\xd0\x9f\xd0\xb5\xd1\x87\xd0\xb5\xd0\xbd\xd1\x8c";
  for (const auto& [description, set] :
       {std::pair(hip, "ISO_IR 100"), std::pair(liver, "ISO_IR 192")}) {
    const fs::path folder = dir / set;
    ASSERT_TRUE(writeSeries(folder, volume, {Modality::Ct, description}));
    const auto found = scan(folder);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->entries.at(0).seriesDescription, description);
    EXPECT_EQ(found->entries.at(0).studyDescription,
              "H\xc3\xbc"
              "fte");
    EXPECT_EQ(found->entries.at(0).patientLabel, "M\xc3\xbcller^Jos\xc3\xa9");
    const Volume back = readBack(folder);
    EXPECT_EQ(back.source->characterSet, set);
    EXPECT_TRUE(back.source->lossy);
    if (const auto ran = test::runIfInstalled("dciodvfy", (folder / "IM00001.dcm").string())) {
      EXPECT_THAT(ran->output, ::testing::Not(HasSubstr("Error"))) << ran->output;
    }
  }
}

TEST(SeriesWriter, KeepsGeometryAndWindowsToTheDigitsThatDicomHasRoomFor) {
  Volume volume = phantomVolume("LPS");
  Geometry geometry = volume.geometry();
  geometry.lpsFromIndex.offset = {-133.70123456, 1001.98765432, -54.55555555};
  const double angle = 8e-5;  // below what is refused; 0.03 mm at 400 mm
  geometry.lpsFromIndex.setColumn(0, Vec3{std::cos(angle), std::sin(angle), 0} * 0.7654321);
  geometry.lpsFromIndex.setColumn(1, Vec3{-std::sin(angle), std::cos(angle), 0} * 0.9876543);
  auto tilted = Volume::create(geometry, volume.buffer());
  ASSERT_TRUE(tilted) << tilted.error().message;
  tilted->windows = {{0.5, 0.25, ""}, {400.0, 40.0, "SOFT"}};
  const fs::path dir = testDir() / "series";
  ASSERT_TRUE(writeSeries(dir, *tilted, {Modality::Mr, ""}));
  const Volume back = readBack(dir);
  for (const Vec3& corner : {Vec3{0, 0, 0}, Vec3{21, 0, 0}, Vec3{0, 17, 13}, Vec3{21, 17, 13}}) {
    const auto k = static_cast<std::int64_t>(corner.z);
    EXPECT_LT(length(back.geometry().sliceToLps(corner.x, corner.y, k) -
                     geometry.sliceToLps(corner.x, corner.y, k)),
              1e-6);
  }
  ASSERT_EQ(back.windows.size(), 2U);
  EXPECT_EQ(back.windows[0].width, 0.5);
  EXPECT_EQ(back.windows[1].name, "SOFT");
}

TEST(SeriesWriter, RefusesObliqueGridsWithTheAngle) {
  Volume volume = phantomVolume("LPS");
  Geometry geometry = volume.geometry();
  const double angle = 12.0 * M_PI / 180.0;
  geometry.lpsFromIndex.setColumn(0, Vec3{std::cos(angle), std::sin(angle), 0} * 4.5);
  geometry.lpsFromIndex.setColumn(1, Vec3{-std::sin(angle), std::cos(angle), 0} * 5.5);
  auto oblique = Volume::create(geometry, volume.buffer());
  ASSERT_TRUE(oblique) << oblique.error().message;
  const fs::path dir = testDir() / "series";
  const auto written = writeSeries(dir, *oblique, {Modality::Mr, ""});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("12.000 degrees"));
  EXPECT_FALSE(fs::exists(dir));
}

TEST(SeriesWriter, WritesOnlyIntoAnEmptyFolderAndOnlyCtOrMr) {
  const fs::path dir = testDir();
  ASSERT_TRUE(writeFileAtomically(dir / "other.txt", "here already"));
  Volume volume = phantomVolume("LPS");
  const auto full = writeSeries(dir, volume, {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::OutputFailed);
  volume.modality = Modality::Unknown;
  const auto unknown = writeSeries(dir / "new", volume, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::Usage);
  std::stop_source stop;
  stop.request_stop();
  ASSERT_FALSE(writeSeries(dir / "new", volume, {Modality::Ct, ""}, stop.get_token()));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
}

TEST(SeriesWriter, SatisfiesDciodvfy) {
  const fs::path dir = testDir();
  for (const Modality modality : {Modality::Ct, Modality::Mr}) {
    const fs::path folder = dir / std::string(toString(modality));
    Volume volume = phantomVolume("RAS");
    std::vector<std::uint16_t> bright(static_cast<std::size_t>(volume.geometry().size.voxels()));
    bright.back() = 65535;
    auto unsignedVolume = Volume::create(volume.geometry(), bright);
    ASSERT_TRUE(unsignedVolume);
    ASSERT_TRUE(writeSeries(folder, *unsignedVolume, {modality, "Phantom"}));
    const auto ran = test::runIfInstalled("dciodvfy", (folder / "IM00001.dcm").string());
    if (!ran) {
      GTEST_SKIP() << "dciodvfy (package dicom3tools) is not installed.";
    }
    EXPECT_THAT(ran->output, ::testing::Not(HasSubstr("Error"))) << ran->output;
  }
}

}  // namespace
}  // namespace argand::dicom
