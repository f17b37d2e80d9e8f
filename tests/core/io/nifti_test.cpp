// SPDX-License-Identifier: Apache-2.0
#include "core/io/image_file.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nifti/nifti1.h>
#include <nifti/nifti2.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>

// Files made byte by byte from nifti_clib's own header structures.
namespace argand::io {
namespace {

namespace fs = std::filesystem;
using test::testDir;
using ::testing::HasSubstr;

nifti_1_header header1(int i, int j, int k, int datatype, int bits) {
  nifti_1_header h{};
  h.sizeof_hdr = 348;
  h.dim[0] = 3;
  h.dim[1] = static_cast<short>(i);
  h.dim[2] = static_cast<short>(j);
  h.dim[3] = static_cast<short>(k);
  h.datatype = static_cast<short>(datatype);
  h.bitpix = static_cast<short>(bits);
  std::fill(std::begin(h.pixdim), std::end(h.pixdim), 1.0F);
  h.vox_offset = 352.0F;
  h.sform_code = 1;
  h.srow_x[0] = 1.0F;
  h.srow_y[1] = 1.0F;
  h.srow_z[2] = 1.0F;
  h.xyzt_units = NIFTI_UNITS_MM;
  std::memcpy(h.magic, "n+1", 4);
  return h;
}

template <typename Header, typename T>
fs::path written(const fs::path& path, const Header& header, const std::vector<T>& voxels) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header), sizeof(header));
  out.write("\0\0\0\0", 4);
  out.write(reinterpret_cast<const char*>(voxels.data()),
            static_cast<std::streamsize>(voxels.size() * sizeof(T)));
  return path;
}

template <typename T>
std::vector<T> voxelsOf(const Volume& volume) {
  const auto* voxels = std::get_if<std::shared_ptr<const std::vector<T>>>(&volume.buffer());
  return voxels == nullptr ? std::vector<T>{} : **voxels;
}

std::vector<std::string> codes(const Warnings& warnings) {
  std::vector<std::string> all;
  for (const Warning& warning : warnings) {
    all.emplace_back(toString(warning.code));
  }
  return all;
}

TEST(Nifti, PrefersTheSformAndKeepsItsShear) {
  auto h = header1(2, 2, 2, DT_INT16, 16);
  h.srow_x[2] = 0.25F;
  h.srow_x[3] = 10.0F;
  h.qform_code = 1;
  h.quatern_b = 1.0F;  // another orientation, not to be used
  const auto file = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(8)));
  ASSERT_TRUE(file) << file.error().message;
  const Affine& affine = file->volume.geometry().lpsFromIndex;
  EXPECT_EQ(affine.column(0), (Vec3{-1, 0, 0}));
  EXPECT_EQ(affine.column(2), (Vec3{-0.25, 0, 1}));
  EXPECT_EQ(affine.offset, (Vec3{-10, 0, 0}));
  EXPECT_THAT(codes(file->warnings), ::testing::ElementsAre("value-repaired", "non-orthogonal"));
}

TEST(Nifti, SaysByHowMuchSformAndQformDisagree) {
  auto h = header1(3, 5, 2, DT_INT16, 16);
  h.qform_code = 1;
  h.qoffset_y = 12.5F;
  const auto apart = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(30)));
  ASSERT_TRUE(apart) << apart.error().message;
  EXPECT_EQ(apart->volume.geometry().lpsFromIndex.offset, (Vec3{0, 0, 0}));
  ASSERT_EQ(apart->warnings.size(), 1U);
  EXPECT_THAT(apart->warnings[0].text, HasSubstr("disagree by 12.5 mm"));
  EXPECT_THAT(apart->warnings[0].text, HasSubstr("sform was taken"));
  // Turned half about z: the corner (2, 4, 0) lies at (-2, -4, 0), which is 2 sqrt(20) away.
  h.qoffset_y = 0.0F;
  h.quatern_d = 1.0F;
  const auto turned = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(30)));
  ASSERT_TRUE(turned) << turned.error().message;
  ASSERT_EQ(turned->warnings.size(), 1U);
  EXPECT_THAT(turned->warnings[0].text, HasSubstr("disagree by 8.944 mm"));
  h.quatern_d = 0.0F;
  const auto same = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(30)));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->warnings.empty());
}

TEST(Nifti, TakesTheQformWhereTheSformsCodeIsNotPositive) {
  for (const short code : {short{0}, short{-1}}) {
    auto h = header1(2, 2, 2, DT_INT16, 16);
    h.sform_code = code;
    h.srow_x[3] = 99.0F;
    h.qform_code = 1;
    h.qoffset_z = 7.0F;
    const auto file = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(8)));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->volume.geometry().lpsFromIndex.offset, (Vec3{0, 0, 7})) << code;
  }
}

TEST(Nifti, TakesTheQformWhereTheSformIsSingular) {
  auto h = header1(2, 2, 2, DT_INT16, 16);
  h.srow_z[2] = 0.0F;
  h.qform_code = 1;
  h.pixdim[0] = -1.0F;
  h.pixdim[3] = 2.5F;
  h.qoffset_z = 7.0F;
  const auto file = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(8)));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.column(2), (Vec3{0, 0, -2.5}));
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.offset, (Vec3{0, 0, 7}));
  EXPECT_THAT(codes(file->warnings), ::testing::ElementsAre("value-repaired"));
}

TEST(Nifti, MakesAQformOfThreeDecimalsOrthonormal) {
  auto h = header1(2, 2, 2, DT_INT16, 16);
  h.sform_code = 0;
  h.qform_code = 1;
  h.quatern_b = 0.131F;
  h.quatern_c = 0.527F;
  h.quatern_d = -0.242F;
  const auto file = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(8)));
  ASSERT_TRUE(file) << file.error().message;
  const Affine& affine = file->volume.geometry().lpsFromIndex;
  for (int axis = 0; axis < 3; ++axis) {
    EXPECT_NEAR(length(affine.column(axis)), 1.0, 1e-6);
    EXPECT_NEAR(dot(affine.column(axis), affine.column((axis + 1) % 3)), 0.0, 1e-6);
  }
  EXPECT_TRUE(file->warnings.empty());
}

TEST(Nifti, SaysThatAFileWithoutPositionWasGivenOne) {
  auto h = header1(2, 2, 2, DT_INT16, 16);
  h.sform_code = 0;
  h.pixdim[2] = 3.0F;
  const auto file = readImage(written(testDir() / "a.nii", h, std::vector<std::int16_t>(8)));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.column(1), (Vec3{0, -3, 0}));
  EXPECT_THAT(codes(file->warnings), ::testing::ElementsAre("value-repaired"));
}

TEST(Nifti, ReadsBigEndianFiles) {
  auto h = header1(2, 1, 1, DT_INT16, 16);
  const auto swap = [](auto& value) {
    auto* bytes = reinterpret_cast<char*>(&value);
    std::reverse(bytes, bytes + sizeof(value));
  };
  swap(h.sizeof_hdr);
  for (auto& dim : h.dim) {
    swap(dim);
  }
  swap(h.datatype);
  swap(h.bitpix);
  swap(h.vox_offset);
  swap(h.sform_code);
  for (float* row : {h.srow_x, h.srow_y, h.srow_z}) {
    std::for_each(row, row + 4, swap);
  }
  const auto path =
      written(testDir() / "a.nii", h, std::vector<std::uint8_t>{0x01, 0x02, 0xff, 0xfe});
  const auto file = readImage(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(voxelsOf<std::int16_t>(file->volume), ::testing::ElementsAre(258, -2));
}

TEST(Nifti, ReadsVersionTwo) {
  nifti_2_header h{};
  h.sizeof_hdr = 540;
  std::memcpy(h.magic, "n+2\0\r\n\032\n", 8);
  h.datatype = DT_UINT16;
  h.bitpix = 16;
  h.dim[0] = 3;
  h.dim[1] = 2;
  h.dim[2] = 1;
  h.dim[3] = 1;
  h.vox_offset = 544;
  h.sform_code = 1;
  h.srow_x[1] = 2.0;
  h.srow_y[0] = -3.0;
  h.srow_z[2] = 4.0;
  h.srow_z[3] = 1e-9;  // double precision is kept
  const auto file =
      readImage(written(testDir() / "a.nii", h, std::vector<std::uint16_t>{1, 65535}));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(voxelsOf<std::uint16_t>(file->volume), ::testing::ElementsAre(1, 65535));
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.column(0), (Vec3{0, 3, 0}));
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.offset.z, 1e-9);
}

TEST(Nifti, ConvertsWideIntegersWithoutLossOrRefuses) {
  const fs::path dir = testDir();
  const auto h = header1(2, 1, 1, DT_INT32, 32);
  const auto small = readImage(written(dir / "a.nii", h, std::vector<std::int32_t>{-1024, 3000}));
  ASSERT_TRUE(small) << small.error().message;
  EXPECT_THAT(voxelsOf<std::int16_t>(small->volume), ::testing::ElementsAre(-1024, 3000));
  const auto positive = readImage(written(dir / "b.nii", h, std::vector<std::int32_t>{0, 40000}));
  ASSERT_TRUE(positive) << positive.error().message;
  EXPECT_THAT(voxelsOf<std::uint16_t>(positive->volume), ::testing::ElementsAre(0, 40000));
  const auto wide = readImage(written(dir / "c.nii", h, std::vector<std::int32_t>{-5, 1 << 20}));
  ASSERT_TRUE(wide) << wide.error().message;
  EXPECT_THAT(voxelsOf<float>(wide->volume), ::testing::ElementsAre(-5.0F, 1048576.0F));
  const auto lossy =
      readImage(written(dir / "d.nii", h, std::vector<std::int32_t>{0, (1 << 24) + 1}));
  ASSERT_FALSE(lossy);
  EXPECT_THAT(lossy.error().message, HasSubstr("int32"));
}

TEST(Nifti, AppliesTheScalingAndKeepsWholeNumbersWhole) {
  auto h = header1(2, 1, 1, DT_INT16, 16);
  h.scl_slope = 2.0F;
  h.scl_inter = -1024.0F;
  const fs::path dir = testDir();
  const auto whole = readImage(written(dir / "a.nii", h, std::vector<std::int16_t>{0, 1000}));
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_THAT(voxelsOf<std::int16_t>(whole->volume), ::testing::ElementsAre(-1024, 976));
  h.scl_slope = 0.5F;
  const auto real = readImage(written(dir / "b.nii", h, std::vector<std::int16_t>{0, 1001}));
  ASSERT_TRUE(real) << real.error().message;
  EXPECT_THAT(voxelsOf<float>(real->volume), ::testing::ElementsAre(-1024.0F, -523.5F));
  h.scl_slope = std::numeric_limits<float>::quiet_NaN();
  const auto repaired = readImage(written(dir / "c.nii", h, std::vector<std::int16_t>{0, 7}));
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_THAT(voxelsOf<std::int16_t>(repaired->volume), ::testing::ElementsAre(0, 7));
  EXPECT_THAT(codes(repaired->warnings), ::testing::ElementsAre("value-repaired"));
}

TEST(Nifti, ReplacesNumbersThatAreNotFinite) {
  const auto h = header1(3, 1, 1, DT_FLOAT32, 32);
  const float inf = std::numeric_limits<float>::infinity();
  const auto file =
      readImage(written(testDir() / "a.nii", h, std::vector<float>{std::nanf(""), 1.5F, inf}));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->warnings.size(), 1U);
  EXPECT_THAT(file->warnings[0].text, HasSubstr("2 voxels"));
  EXPECT_THAT(voxelsOf<float>(file->volume), ::testing::ElementsAre(0.0F, 1.5F, 0.0F));
  EXPECT_THAT(codes(file->warnings), ::testing::ElementsAre("value-repaired"));
}

TEST(Nifti, RefusesSeveralTimePointsByName) {
  auto h = header1(1, 1, 1, DT_INT16, 16);
  h.dim[0] = 4;
  h.dim[4] = 24;
  const auto path = written(testDir() / "a.nii", h, std::vector<std::int16_t>(24));
  const auto file = readImage(path);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("has 24 time points"));
  const auto header = readImageHeader(path);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->components, 24);
}

TEST(Nifti, RefusesBadSizesBeforeAllocating) {
  const fs::path dir = testDir();
  for (const int size : {0, -5, 32767}) {
    auto h = header1(size, size, size, DT_FLOAT64, 64);
    const auto file = readImage(written(dir / "a.nii", h, std::vector<double>(4)));
    ASSERT_FALSE(file) << size;
    EXPECT_EQ(file.error().code, ErrorCode::InputRefused);
  }
}

TEST(Nifti, RefusesColourComplexAndBits) {
  const fs::path dir = testDir();
  for (const int type : {DT_RGB24, DT_COMPLEX64, DT_BINARY, 12345}) {
    const auto h = header1(1, 1, 1, type, 8);
    const auto file = readImage(written(dir / "a.nii", h, std::vector<double>(4)));
    ASSERT_FALSE(file) << type;
    EXPECT_THAT(file.error().message, HasSubstr("a.nii"));
  }
}

TEST(Nifti, LabelMapsAreWholeNumbersOrRefusedWithTheFirstThatIsNot) {
  const fs::path dir = testDir();
  const auto h = header1(3, 1, 1, DT_FLOAT32, 32);
  const auto good = readLabels(written(dir / "a.nii", h, std::vector<float>{0, 117, 65535}));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_THAT(good->labels.voxels, ::testing::ElementsAre(0, 117, 65535));
  const auto bad = readLabels(written(dir / "b.nii", h, std::vector<float>{0, 2.5, -1}));
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("voxel (1, 0, 0) holds the value 2.5"));
}

TEST(Nifti, LabelsMayMissWholeNumbersByTheRoundingOfASlope) {
  const fs::path dir = testDir();
  auto h = header1(3, 1, 1, DT_INT16, 16);
  h.scl_slope = 0.1F;  // in single precision: 0.100000001490116
  const auto good = readLabels(written(dir / "a.nii", h, std::vector<std::int16_t>{0, 30, 2550}));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_THAT(good->labels.voxels, ::testing::ElementsAre(0, 3, 255));
  h.scl_slope = 1.0F;
  h.datatype = DT_FLOAT64;
  const auto near =
      readLabels(written(dir / "b.nii", h, std::vector<double>{2.9999999993, 1.0004, 65535.0009}));
  ASSERT_TRUE(near) << near.error().message;
  EXPECT_THAT(near->labels.voxels, ::testing::ElementsAre(3, 1, 65535));
  for (const double value : {1.002, -1.0, 65536.0, std::nan("")}) {
    const auto bad = readLabels(written(dir / "c.nii", h, std::vector<double>{0, 1, value}));
    ASSERT_FALSE(bad) << value;
    EXPECT_THAT(bad.error().message, HasSubstr("voxel (2, 0, 0)")) << value;
  }
}

TEST(Nifti, ReadsLabelsWhoseNamesAreNotUtf8) {
  const auto h = header1(1, 1, 1, DT_UINT8, 8);
  const fs::path path = testDir() / "a.nii";
  std::string json = "{\"labels\": {\"1\": \"K\xe4rper\"}}";
  json.resize(56, ' ');
  auto extended = h;
  extended.vox_offset = 352.0F + 64.0F;
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&extended), sizeof(extended));
  const std::array<std::int32_t, 2> head{64, 6};
  out.write("\1\0\0\0", 4);
  out.write(reinterpret_cast<const char*>(head.data()), 8);
  out << json << '\1';
  out.close();
  const auto file = readLabels(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(file->labels.voxels, ::testing::ElementsAre(1));
  EXPECT_EQ(file->names.nameOf(1), "K\u00e4rper");
}

TEST(Nifti, SurvivesDamagedFiles) {
  const fs::path path = testDir() / "a.nii";
  auto h = header1(4, 3, 2, DT_INT16, 16);
  written(path, h, std::vector<std::int16_t>(24, 5));
  std::string whole;
  {
    std::ifstream in(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::mt19937 random(7);
  int read = 0;
  for (int n = 0; n < 1000; ++n) {
    std::string bytes = whole;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) {
      bytes.resize(random() % bytes.size());
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto file = readImage(path);
    read += file ? 1 : 0;
    EXPECT_TRUE(file || !file.error().message.empty());
  }
  EXPECT_GT(read, 30);
  EXPECT_LT(read, 970);
}

}  // namespace
}  // namespace argand::io
