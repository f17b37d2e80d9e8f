// SPDX-License-Identifier: Apache-2.0
#include "core/io/image_file.h"

#include "core/base/file.h"
#include "core/volume/phantom.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <random>

namespace argand::io {
namespace {

namespace fs = std::filesystem;
using test::testDir;
using ::testing::HasSubstr;

const std::vector<std::string>& endings() {
  static const std::vector<std::string> all{".nii", ".nii.gz", ".nrrd", ".mha"};
  return all;
}

std::vector<std::string> allAxisCodes() {
  std::vector<std::string> all;
  std::array<int, 3> order{0, 1, 2};
  const std::array<std::string, 3> pairs{"LR", "PA", "SI"};
  do {
    for (unsigned flips = 0; flips < 8; ++flips) {
      std::string codes;
      for (unsigned axis = 0; axis < 3; ++axis) {
        codes += pairs[static_cast<std::size_t>(order[axis])][(flips >> axis) & 1U];
      }
      all.push_back(codes);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

Geometry smallGrid(const std::string& codes) {
  return phantom::grid({22, 18, 14}, {4.5, 5.5, 7.0}, codes);
}

// A rotation about all three axes and a shear of the third.
Geometry obliqueAndSheared() {
  Geometry geometry = smallGrid("RAS");
  const double a = 0.3;
  const double b = -0.2;
  Affine turn;
  turn.linear = {{{std::cos(a), -std::sin(a), 0.0},
                  {std::sin(a) * std::cos(b), std::cos(a) * std::cos(b), -std::sin(b)},
                  {std::sin(a) * std::sin(b), std::cos(a) * std::sin(b), std::cos(b)}}};
  Affine shear;
  shear.linear[1][2] = 0.25;
  geometry.lpsFromIndex = turn * geometry.lpsFromIndex * shear;
  geometry.lpsFromIndex.offset = {-12.25, 33.5, 1017.125};
  return geometry;
}

// The centroid of each label in LPS mm, straight from the voxels.
std::vector<Vec3> centroids(const LabelMap& labels, int count) {
  std::vector<Vec3> sums(static_cast<std::size_t>(count));
  std::vector<double> voxels(static_cast<std::size_t>(count));
  std::size_t n = 0;
  const Size3& size = labels.geometry.size;
  for (std::int64_t k = 0; k < size.k; ++k) {
    for (std::int64_t j = 0; j < size.j; ++j) {
      for (std::int64_t i = 0; i < size.i; ++i, ++n) {
        if (const LabelValue value = labels.voxels[n]; value > 0) {
          const Vec3 at = labels.geometry.lpsFromIndex.apply(
              {static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
          sums[value - 1U] = sums[value - 1U] + at;
          voxels[value - 1U] += 1.0;
        }
      }
    }
  }
  for (std::size_t label = 0; label < sums.size(); ++label) {
    sums[label] = sums[label] * (1.0 / voxels[label]);
  }
  return sums;
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

TEST(ImageFile, KeepsOrgansInPlaceInAllAxisOrdersAndFormats) {
  const fs::path dir = testDir();
  const auto shapes = phantom::asymmetricTrio();
  ASSERT_EQ(allAxisCodes().size(), 48U);
  for (const std::string& codes : allAxisCodes()) {
    const auto labels = flattened(phantom::rasterized(smallGrid(codes), shapes));
    ASSERT_TRUE(labels) << labels.error().message;
    const auto expected = centroids(*labels, static_cast<int>(shapes.size()));
    for (const std::string& ending : endings()) {
      const fs::path path = dir / ("labels" + ending);
      const auto written = writeLabels(path, *labels);
      ASSERT_TRUE(written) << written.error().message;
      const auto file = readLabels(path);
      ASSERT_TRUE(file) << file.error().message;
      EXPECT_EQ(file->labels.voxels, labels->voxels) << codes << ending;
      EXPECT_EQ(axisCodes(file->labels.geometry), codes) << ending;
      const auto found = centroids(file->labels, static_cast<int>(shapes.size()));
      for (std::size_t n = 0; n < shapes.size(); ++n) {
        EXPECT_LT(length(found[n] - expected[n]), 0.01) << codes << ending << ' ' << shapes[n].name;
        EXPECT_LT(length(found[n] - shapes[n].centroidMm), 4.0) << codes << ending;
      }
    }
  }
}

TEST(ImageFile, KeepsObliqueAndShearedGridsInEveryFormat) {
  const fs::path dir = testDir();
  const Geometry geometry = obliqueAndSheared();
  std::vector<std::int16_t> voxels(static_cast<std::size_t>(geometry.size.voxels()), 3);
  const auto volume = Volume::create(geometry, voxels);
  ASSERT_TRUE(volume) << volume.error().message;
  for (const std::string& ending : endings()) {
    const fs::path path = dir / ("image" + ending);
    ASSERT_TRUE(writeImage(path, *volume));
    const auto file = readImage(path);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->volume.geometry().size, geometry.size);
    EXPECT_LT(farthestCorner(file->volume.geometry(), geometry), 1e-3) << ending;
    ASSERT_EQ(file->warnings.size(), 1U) << ending;
    EXPECT_EQ(file->warnings[0].code, WarningCode::NonOrthogonal);
  }
}

template <typename T>
class VoxelTypes : public ::testing::Test {};

using Stored = ::testing::Types<std::int16_t, std::uint16_t, float>;
TYPED_TEST_SUITE(VoxelTypes, Stored);

TYPED_TEST(VoxelTypes, ComeBackBitForBit) {
  const fs::path dir = testDir();
  const Geometry geometry = smallGrid("LPS");
  std::vector<TypeParam> voxels(static_cast<std::size_t>(geometry.size.voxels()));
  for (std::size_t n = 0; n < voxels.size(); ++n) {
    voxels[n] = static_cast<TypeParam>(static_cast<double>(n * 7919 % 65536) -
                                       (std::is_same_v<TypeParam, std::uint16_t> ? 0.0 : 32768.0));
    if constexpr (std::is_same_v<TypeParam, float>) {
      voxels[n] += 0.123F;
    }
  }
  const auto volume = Volume::create(geometry, voxels);
  ASSERT_TRUE(volume) << volume.error().message;
  for (const std::string& ending : endings()) {
    const fs::path path = dir / ("image" + ending);
    ASSERT_TRUE(writeImage(path, *volume));
    const auto file = readImage(path);
    ASSERT_TRUE(file) << file.error().message;
    const auto* read =
        std::get_if<std::shared_ptr<const std::vector<TypeParam>>>(&file->volume.buffer());
    ASSERT_NE(read, nullptr) << ending;
    EXPECT_EQ(**read, voxels) << ending;
    const auto header = readImageHeader(path);
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->components, 1);
    EXPECT_EQ(header->geometry, file->volume.geometry());
  }
}

TEST(ImageFile, CarriesTheNamesOfLabelsInNiftiAndNrrd) {
  const fs::path dir = testDir();
  LabelMap labels{smallGrid("LPS"), {}};
  labels.voxels.resize(static_cast<std::size_t>(labels.geometry.size.voxels()));
  labels.voxels[5] = 300;
  LabelTable names;
  names.set(1, {"Liver", std::nullopt, Color{10, 200, 30}, Side::None});
  names.set(300, {"Kidney_L", std::nullopt, Color{1, 2, 3}, Side::Left});
  for (const std::string ending : {".nii", ".nii.gz", ".nrrd"}) {
    const fs::path path = dir / ("labels" + ending);
    const auto written = writeLabels(path, labels, names);
    ASSERT_TRUE(written) << written.error().message;
    const auto file = readLabels(path);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->labels.voxels, labels.voxels);
    EXPECT_EQ(file->names.nameOf(1), "Liver") << ending;
    EXPECT_EQ(file->names.nameOf(300), "Kidney_L") << ending;
    EXPECT_EQ(file->names.colorOf(300), (Color{1, 2, 3})) << ending;
  }
}

TEST(ImageFile, RefusesTruncatedFilesOfEveryFormat) {
  const fs::path dir = testDir();
  const Geometry geometry = smallGrid("LPS");
  std::vector<std::int16_t> voxels(static_cast<std::size_t>(geometry.size.voxels()));
  for (std::size_t n = 0; n < voxels.size(); ++n) {
    voxels[n] = static_cast<std::int16_t>(n * 7919);
  }
  const auto volume = Volume::create(geometry, voxels);
  ASSERT_TRUE(volume) << volume.error().message;
  for (const std::string& ending : endings()) {
    const fs::path path = dir / ("image" + ending);
    ASSERT_TRUE(writeImage(path, *volume));
    for (const double part : {0.9, 0.5, 0.02, 0.0}) {
      fs::resize_file(path,
                      static_cast<std::uintmax_t>(part * static_cast<double>(fs::file_size(path))));
      const auto file = readImage(path);
      ASSERT_FALSE(file) << ending << part;
      EXPECT_EQ(file.error().code, ErrorCode::InputRefused);
      EXPECT_THAT(file.error().message, HasSubstr("image" + ending));
    }
  }
}

TEST(ImageFile, SurvivesDamagedNrrdAndMetaImageFiles) {
  const fs::path dir = testDir();
  const auto volume =
      Volume::create(phantom::grid({4, 3, 2}, {1, 1, 1}, "RAS"), std::vector<std::int16_t>(24, 5));
  ASSERT_TRUE(volume) << volume.error().message;
  std::mt19937 random(11);
  for (const std::string ending : {".nrrd", ".mha"}) {
    const fs::path path = dir / ("image" + ending);
    ASSERT_TRUE(writeImage(path, *volume));
    const auto whole = readTextFile(path);
    ASSERT_TRUE(whole) << whole.error().message;
    for (int n = 0; n < 500; ++n) {
      std::string bytes = *whole;
      for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
        bytes[random() % bytes.size()] =
            static_cast<char>(random() % 4 == 0 ? random() : '0' + random() % 10);
      }
      if (random() % 4 == 0) {
        bytes.resize(random() % bytes.size());
      }
      std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
      const auto file = readImage(path);
      EXPECT_TRUE(file || !file.error().message.empty());
    }
  }
}

TEST(ImageFile, RefusesAGzipBombByTheSizeThatItAnnounces) {
  const fs::path path = testDir() / "bomb.nrrd";
  std::ofstream(path) << "NRRD0004\ntype: short\ndimension: 3\nsizes: 65000 65000 65000\n"
                         "encoding: gzip\nendian: little\n\nnothing";
  const auto file = readImage(path);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("bomb.nrrd"));
}

TEST(ImageFile, NamesAFileThatIsAbsentOrOfAnotherFormat) {
  const fs::path dir = testDir();
  for (const std::string name : {"no.nii", "no.nrrd", "no.mha"}) {
    const auto absent = readImage(dir / name);
    ASSERT_FALSE(absent);
    EXPECT_THAT(absent.error().message, HasSubstr(name));
    ASSERT_TRUE(writeFileAtomically(dir / name, "this is no image"));
    const auto other = readImage(dir / name);
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().message, HasSubstr(name));
  }
  EXPECT_FALSE(readImage(dir / "picture.png"));
  EXPECT_EQ(formatOf("A.NII.GZ"), Format::Nifti);
  EXPECT_EQ(formatOf("a.gz"), std::nullopt);
}

TEST(ImageFile, LeavesNothingBehindWhereItCannotWrite) {
  const fs::path dir = testDir();
  const auto volume =
      Volume::create(smallGrid("LPS"),
                     std::vector<float>(static_cast<std::size_t>(smallGrid("LPS").size.voxels())));
  ASSERT_TRUE(volume) << volume.error().message;
  for (const std::string& ending : endings()) {
    const auto written = writeImage(dir / "absent" / ("a" + ending), *volume);
    ASSERT_FALSE(written) << ending;
    EXPECT_EQ(written.error().code, ErrorCode::OutputFailed);
    EXPECT_THAT(written.error().message, HasSubstr("absent/a" + ending));
  }
  EXPECT_TRUE(fs::is_empty(dir));
}

// A limit on the size of files stops a writer as a full disk does.
TEST(ImageFile, LeavesNothingBehindWhereTheDiskIsFull) {
  const fs::path dir = testDir();
  const Geometry geometry = phantom::grid({64, 64, 64}, {1, 1, 1}, "LPS");
  std::mt19937 random(5);
  std::vector<float> noise(static_cast<std::size_t>(geometry.size.voxels()));
  std::generate(noise.begin(), noise.end(), [&] { return static_cast<float>(random()); });
  const auto volume = Volume::create(geometry, std::move(noise));
  ASSERT_TRUE(volume) << volume.error().message;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const std::string& ending : endings()) {
    rlimit limit = before;
    limit.rlim_cur = 100000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    const auto written = writeImage(dir / ("a" + ending), *volume);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(written) << ending;
    EXPECT_EQ(written.error().code, ErrorCode::OutputFailed);
    EXPECT_THAT(written.error().message, HasSubstr("/a" + ending));
    EXPECT_THAT(written.error().message, ::testing::Not(HasSubstr("pending")));
  }
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(fs::is_empty(dir));
}

TEST(ImageFile, ReadsAndWritesNamesOfAnyBytes) {
  const fs::path dir = testDir() / "M\xfcller";
  fs::create_directories(dir);
  const LabelMap labels{phantom::grid({2, 1, 1}, {1, 1, 1}, "LPS"), {1, 0}};
  for (const std::string& ending : endings()) {
    const fs::path path = dir / ("k\xe4"
                                 "fer" +
                                 ending);
    const auto written = writeLabels(path, labels);
    ASSERT_TRUE(written) << written.error().message;
    const auto file = readLabels(path);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->labels.voxels, labels.voxels);
    std::ofstream(path, std::ios::binary) << "nothing";
    const auto damaged = readLabels(path);
    ASSERT_FALSE(damaged);
    EXPECT_THAT(damaged.error().message,
                HasSubstr("M\u00fcller/k\u00e4"
                          "fer" +
                          ending));
  }
}

TEST(ImageFile, TakesEndingsInAnyCase) {
  const fs::path path = testDir() / "A.NII.GZ";
  const LabelMap labels{phantom::grid({2, 1, 1}, {1, 1, 1}, "LPS"), {1, 0}};
  ASSERT_TRUE(writeLabels(path, labels));
  const auto bytes = readTextFile(path);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->substr(0, 2), "\x1f\x8b");
  const auto file = readLabels(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->labels.voxels, labels.voxels);
}

TEST(ImageFile, ReadsEveryRealFileOrNamesTheReason) {
  ARGAND_REQUIRE_TEST_DATA(data);
  int images = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data)) {
    if (!formatOf(entry.path()) ||
        entry.path().string().find("hippocampus/") != std::string::npos) {
      continue;
    }
    const auto file = readImage(entry.path());
    images += file ? 1 : 0;
    if (!file) {
      EXPECT_THAT(file.error().message, HasSubstr("time points")) << entry.path();
    }
  }
  EXPECT_GT(images, 30);
}

}  // namespace
}  // namespace argand::io
