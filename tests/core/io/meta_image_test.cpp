// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/io/image_file.h"
#include "tests/core/io/made_files.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <zlib.h>

// MetaImage files made line by line, after MetaIO's documentation.
namespace argand::io {
namespace {

namespace fs = std::filesystem;
using ::argand::test::testDir;
using test::bytesOf;
using test::made;
using test::voxelsOf;
using ::testing::HasSubstr;

const std::vector<std::int16_t> kValues{1, -2, 3, 300, 5, 6, 7, 8, 9, 10, 11, 12};

// A header of 2 x 3 x 2 shorts with these lines more.
std::string header(const std::string& lines, const std::string& dataFile = "LOCAL") {
  return "ObjectType = Image\nNDims = 3\nDimSize = 2 3 2\nElementType = MET_SHORT\n"
         "ElementSpacing = 2 3 4\n" +
         lines + "ElementDataFile = " + dataFile + "\n";
}

Result<ImageFile> readLocal(const std::string& lines, const std::string& data) {
  return readImage(made(testDir() / "a.mha", header(lines) + data));
}

std::string refusal(const std::string& lines) {
  const auto file = readLocal(lines, bytesOf(kValues));
  EXPECT_FALSE(file) << lines;
  return file ? "" : file.error().message;
}

TEST(MetaImage, FindsDataFilesRelativeToTheHeader) {
  const fs::path dir = testDir();
  const std::string raw = bytesOf(kValues);
  made(dir / "twin.raw", std::string(24, 'w'));
  made(dir / "data" / "twin.raw", raw);
  made(dir / "data" / "s007.raw", raw.substr(0, 12));
  made(dir / "data" / "s009.raw", raw.substr(12));
  made(dir / "data" / "t1.raw", raw.substr(0, 12));
  made(dir / "data" / "t2.raw", raw.substr(12));
  made(dir / "100%.raw", raw);
  made(dir / "p%d.raw", raw);
  const std::vector<std::string> cases{"data/twin.raw",
                                       "./data/twin.raw",
                                       (dir / "data" / "twin.raw").string(),
                                       "100%.raw",
                                       "p%d.raw",
                                       "LIST\ndata/s007.raw\ndata/s009.raw",
                                       "LIST 2D\ndata/s007.raw\r\ndata/s009.raw\r",
                                       "LIST 3\ndata/twin.raw",
                                       "data/s%03d.raw 7 9 2",
                                       "data/t%d.raw",
                                       "data/t%d.raw 1 2"};
  for (const std::string& dataFile : cases) {
    const auto file = readImage(made(dir / "a.mhd", header("", dataFile)));
    ASSERT_TRUE(file) << dataFile << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues) << dataFile;
  }
  for (const std::string dataFile : {"absent.raw",
                                     "LIST\ndata/s007.raw",
                                     "LIST 1D\ndata/s007.raw\ndata/s009.raw",
                                     "LIST 2D",
                                     "data/s%03d.raw 7 10 1",
                                     "data/s%03d.raw 9 7 2",
                                     "data/%s%n.raw"}) {
    const auto file = readImage(made(dir / "a.mhd", header("", dataFile)));
    ASSERT_FALSE(file) << dataFile;
    EXPECT_THAT(file.error().message, HasSubstr("a.mhd")) << dataFile;
  }
}

TEST(MetaImage, HonoursItsHeaderSize) {
  const fs::path dir = testDir();
  const std::string raw = bytesOf(kValues);
  made(dir / "a.raw", "12345" + raw);
  for (const std::string lines : {"HeaderSize = 5\n", "HeaderSize = -1\n"}) {
    const auto file = readImage(made(dir / "a.mhd", header(lines, "a.raw")));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues) << lines;
  }
  for (const std::string lines :
       {"HeaderSize = -2\n", "HeaderSize = 5x\n", "HeaderSize = 6\n", "HeaderSizePerSlice = 1\n"}) {
    EXPECT_FALSE(readImage(made(dir / "a.mhd", header(lines, "a.raw")))) << lines;
  }
  EXPECT_THAT(refusal("HeaderSize = 3\n"), HasSubstr("HeaderSize"));
}

TEST(MetaImage, ReadsTextAndCompressedData) {
  const auto text = readLocal("BinaryData = False\nBinaryDataByteOrderMSB = True\n",
                              "1 -2 3 300 5 6 7 8\n9 10 11 12\n");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(voxelsOf<std::int16_t>(text->volume), kValues);
  EXPECT_FALSE(readLocal("BinaryData = False\n", "1 2 3"));
  const std::string raw = bytesOf(kValues);
  std::string packed(1000, '\0');
  uLongf length = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()),
           &length,
           reinterpret_cast<const Bytef*>(raw.data()),
           raw.size());
  packed.resize(length);
  const std::string lines =
      fmt::format("CompressedData = True\nCompressedDataSize = {}\n", packed.size());
  const auto compressed = readLocal(lines, packed);
  ASSERT_TRUE(compressed) << compressed.error().message;
  EXPECT_EQ(voxelsOf<std::int16_t>(compressed->volume), kValues);
  EXPECT_FALSE(readLocal(lines, packed.substr(0, packed.size() - 1)));
  EXPECT_FALSE(readLocal("CompressedData = True\n", packed.substr(0, packed.size() - 3)));
  EXPECT_THAT(refusal("CompressedData = True\nBinaryData = False\n"), HasSubstr("at once"));
}

TEST(MetaImage, ReadsTheByteOrderFromEitherField) {
  const std::string raw = bytesOf(kValues);
  std::string swapped = raw;
  for (std::size_t n = 0; n < raw.size(); n += 2) {
    std::swap(swapped[n], swapped[n + 1]);
  }
  for (const std::string lines : {"BinaryDataByteOrderMSB = True\n",
                                  "ElementByteOrderMSB = true\n",
                                  "BinaryDataByteOrderMSB = 1\n"}) {
    const auto file = readLocal(lines, swapped);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues) << lines;
  }
  EXPECT_THAT(refusal("BinaryDataByteOrderMSB = True\nElementByteOrderMSB = False\n"),
              HasSubstr("contradicts"));
  EXPECT_THAT(refusal("BinaryDataByteOrderMSB = maybe\n"), HasSubstr("'maybe'"));
}

TEST(MetaImage, PlacesTheImageByTheFieldsOfEitherName) {
  for (const std::string origin : {"Offset", "Position", "Origin"}) {
    for (const std::string matrix : {"TransformMatrix", "Rotation", "Orientation"}) {
      const auto file = readLocal(
          origin + " = 1 2 3\n" + matrix + " = 0 1 0 -1 0 0 0 0 1\nCenterOfRotation = 0 0 0\n",
          bytesOf(kValues));
      ASSERT_TRUE(file) << file.error().message;
      const Affine& affine = file->volume.geometry().lpsFromIndex;
      EXPECT_EQ(affine.column(0), (Vec3{0, 2, 0}));
      EXPECT_EQ(affine.column(1), (Vec3{-3, 0, 0}));
      EXPECT_EQ(affine.offset, (Vec3{1, 2, 3}));
      EXPECT_TRUE(file->warnings.empty());
    }
  }
  EXPECT_THAT(refusal("Offset = 1 2 3\nPosition = 1 2 4\n"), HasSubstr("contradicts"));
  EXPECT_THAT(refusal("Offset = 1 2\n"), HasSubstr("Offset"));
  EXPECT_THAT(refusal("Offset = 1 2 3mm\n"), HasSubstr("3mm"));
  EXPECT_THAT(refusal("TransformMatrix = 1 0 0 1\n"), HasSubstr("TransformMatrix"));
  EXPECT_THAT(refusal("DimSize = 2 3 3\n"), HasSubstr("DimSize"));
}

TEST(MetaImage, SaysWhereFieldsDisagreeOrUnitsDiffer) {
  const std::string raw = bytesOf(kValues);
  const auto agrees = readLocal("AnatomicalOrientation = RAI\n", raw);
  ASSERT_TRUE(agrees) << agrees.error().message;
  EXPECT_TRUE(agrees->warnings.empty());
  const auto contradicts = readLocal("AnatomicalOrientation = LAI\n", raw);
  ASSERT_TRUE(contradicts) << contradicts.error().message;
  ASSERT_EQ(contradicts->warnings.size(), 1U);
  EXPECT_THAT(contradicts->warnings[0].text, HasSubstr("from LAI"));
  EXPECT_EQ(axisCodes(contradicts->volume.geometry()), "LPS");
  const auto unit = readLocal("DistanceUnits = um\nOffset = 1000 0 0\n", raw);
  ASSERT_TRUE(unit) << unit.error().message;
  EXPECT_EQ(unit->volume.geometry().lpsFromIndex.offset, (Vec3{1, 0, 0}));
  EXPECT_EQ(unit->warnings.size(), 1U);
  EXPECT_THAT(refusal("DistanceUnits = ell\n"), HasSubstr("'ell'"));
  const auto turned =
      readLocal("CenterOfRotation = 5 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n", raw);
  ASSERT_TRUE(turned) << turned.error().message;
  EXPECT_EQ(turned->warnings.size(), 1U);
}

TEST(MetaImage, TakesTheModalityTheScalingAndTheSizeOfElements) {
  const std::string raw = bytesOf(kValues);
  const auto ct = readLocal("Modality = MET_MOD_CT\n", raw);
  ASSERT_TRUE(ct) << ct.error().message;
  EXPECT_EQ(ct->volume.modality, Modality::Ct);
  EXPECT_EQ(ct->volume.backgroundValue, -1024.0);
  const auto mr = readLocal("Modality = MET_MOD_MR\nElementMin = -2\nElementMax = 300\n", raw);
  ASSERT_TRUE(mr) << mr.error().message;
  EXPECT_EQ(mr->volume.modality, Modality::Mr);
  const auto scaled = readLocal(
      "ElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -10\n", raw);
  ASSERT_TRUE(scaled) << scaled.error().message;
  EXPECT_EQ(scaled->volume.at({1, 1, 0}), 590.0);
  EXPECT_EQ(scaled->warnings.size(), 1U);
  const auto sized = readImage(made(testDir() / "a.mha",
                                    "NDims = 3\nDimSize = 1 1 1\nElementType = MET_UCHAR\n"
                                    "ElementSize = 2 3 4\nElementDataFile = LOCAL\na"));
  ASSERT_TRUE(sized) << sized.error().message;
  EXPECT_EQ(sized->volume.geometry().spacingMm(), (Vec3{2, 3, 4}));
}

TEST(MetaImage, RefusesChannelsTypesAndObjectsByName) {
  EXPECT_THAT(refusal("ElementNumberOfChannels = 3\n"), HasSubstr("has 3 time points"));
  const auto type = readImage(made(testDir() / "a.mha",
                                   "NDims = 3\nDimSize = 1 1 1\nElementType = MET_FLOAT_ARRAY\n"
                                   "ElementDataFile = LOCAL\nabcd"));
  ASSERT_FALSE(type);
  EXPECT_THAT(type.error().message, HasSubstr("MET_FLOAT_ARRAY"));
  const auto tube = readImage(
      made(testDir() / "a.mha", "ObjectType = Tube\nNDims = 3\nElementDataFile = LOCAL\n"));
  ASSERT_FALSE(tube);
  EXPECT_THAT(tube.error().message, HasSubstr("Tube"));
}

TEST(MetaImage, WritesVoxelsAsTheyAre) {
  const auto volume = Volume::create(Geometry{{2, 3, 2}, {}, {}}, kValues);
  ASSERT_TRUE(volume) << volume.error().message;
  const fs::path path = testDir() / "a.mha";
  ASSERT_TRUE(writeImage(path, *volume));
  const auto bytes = readTextFile(path);
  ASSERT_TRUE(bytes);
  EXPECT_THAT(*bytes, HasSubstr("CompressedData = False"));
  EXPECT_TRUE(bytes->ends_with(bytesOf(kValues)));
}

}  // namespace
}  // namespace argand::io
