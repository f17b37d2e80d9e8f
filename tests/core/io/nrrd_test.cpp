// SPDX-License-Identifier: Apache-2.0
#include "core/io/image_file.h"
#include "tests/core/io/made_files.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bzlib.h>
#include <zlib.h>

#include <cmath>

// NRRD files made line by line, after the format's definition (Teem).
namespace argand::io {
namespace {

namespace fs = std::filesystem;
using ::argand::test::testDir;
using test::bytesOf;
using test::made;
using test::voxelsOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::int16_t> kValues{1, -2, 3, 300, 5, 6, 7, 8, 9, 10, 11, 12};

// A header of 2 x 3 x 2 shorts with these lines more.
std::string header(const std::string& lines, const std::string& encoding = "raw") {
  return "NRRD0005\n# a comment\ntype: short\ndimension: 3\nsizes: 2 3 2\nendian: "
         "little\nencoding: " +
         encoding + "\n" + lines;
}

std::string placed(const std::string& space) {
  return "space: " + space +
         "\nspace directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (10,20,30)\n";
}

std::string gzip(const std::string& bytes) {
  z_stream zlib{};
  deflateInit2(&zlib, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  std::string packed(bytes.size() + 1000, '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zlib.avail_in = static_cast<unsigned>(bytes.size());
  zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
  zlib.avail_out = static_cast<unsigned>(packed.size());
  deflate(&zlib, Z_FINISH);
  packed.resize(zlib.total_out);
  deflateEnd(&zlib);
  return packed;
}

std::string bzip2(std::string bytes) {
  std::string packed(bytes.size() + 1000, '\0');
  auto length = static_cast<unsigned>(packed.size());
  BZ2_bzBuffToBuffCompress(
      packed.data(), &length, bytes.data(), static_cast<unsigned>(bytes.size()), 9, 0, 0);
  packed.resize(length);
  return packed;
}

Affine readAffine(const std::string& lines) {
  const auto file = readImage(made(testDir() / "a.nrrd", header(lines) + "\n" + bytesOf(kValues)));
  EXPECT_TRUE(file) << file.error().message;
  return file ? file->volume.geometry().lpsFromIndex : Affine{};
}

std::string refusal(const std::string& bytes) {
  const auto file = readImage(made(testDir() / "a.nrrd", bytes));
  EXPECT_FALSE(file);
  return file ? "" : file.error().message;
}

TEST(Nrrd, KeepsLeftAndRightInEverySpaceThatHasThem) {
  struct Case {
    std::string space;
    Vec3 signs;
  };

  const std::vector<Case> cases{{"left-posterior-superior", {1, 1, 1}},
                                {"LPS", {1, 1, 1}},
                                {"right-anterior-superior", {-1, -1, 1}},
                                {"RAS", {-1, -1, 1}},
                                {"left-anterior-superior", {1, -1, 1}},
                                {"LAS", {1, -1, 1}},
                                {"Left-Anterior-Superior", {1, -1, 1}}};
  for (const Case& c : cases) {
    const Affine affine = readAffine(placed(c.space));
    EXPECT_EQ(affine.column(0), (Vec3{2 * c.signs.x, 0, 0})) << c.space;
    EXPECT_EQ(affine.column(1), (Vec3{0, 3 * c.signs.y, 0})) << c.space;
    EXPECT_EQ(affine.column(2), (Vec3{0, 0, 4})) << c.space;
    EXPECT_EQ(affine.offset, (Vec3{10 * c.signs.x, 20 * c.signs.y, 30})) << c.space;
  }
}

TEST(Nrrd, WarnsOfASpaceWithoutSidesAndRefusesOneThatMayBeMirrored) {
  for (const std::string& lines :
       {placed("3D-right-handed"),
        std::string("space dimension: 3\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
                    "space origin: (0,0,0)\n"),
        std::string("spacings: 1 1 1\n")}) {
    const auto file =
        readImage(made(testDir() / "a.nrrd", header(lines) + "\n" + bytesOf(kValues)));
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->warnings.size(), 1U) << lines;
    EXPECT_THAT(file->warnings[0].text, HasSubstr("left, posterior, superior"));
  }
  for (const std::string space : {"3D-left-handed", "scanner-xyz", "upside-down"}) {
    EXPECT_THAT(refusal(header(placed(space)) + "\n" + bytesOf(kValues)), HasSubstr(space));
  }
}

TEST(Nrrd, ReadsASpaceWithTime) {
  const std::string lines =
      "NRRD0005\ntype: uchar\ndimension: 4\nsizes: 2 2 2 1\nencoding: raw\n"
      "space: left-anterior-superior-time\n"
      "space directions: (1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,0.5)\nspace origin: (1,2,3,0)\n\n";
  const auto file = readImage(made(testDir() / "a.nrrd", lines + "abcdefgh"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->volume.geometry().size, (Size3{2, 2, 2}));
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.column(1), (Vec3{0, -2, 0}));
  EXPECT_EQ(file->volume.geometry().lpsFromIndex.offset, (Vec3{1, -2, 3}));
  std::string oblique = lines;
  oblique.replace(oblique.find("(0,0,3,0)"), 9, "(0,0,3,1)");
  EXPECT_THAT(refusal(oblique + "abcdefgh"), HasSubstr("time"));
}

TEST(Nrrd, ConvertsUnitsToMillimetresAndSaysSo) {
  struct Case {
    std::string unit;
    double factor;
  };

  for (const Case& c : std::vector<Case>{{"mm", 1},
                                         {"", 1},
                                         {"cm", 10},
                                         {"m", 1000},
                                         {"um", 0.001},
                                         {"microns", 0.001},
                                         {"\u00b5m", 0.001}}) {
    const std::string units = fmt::format("space units: \"{0}\" \"{0}\" \"{0}\"\n", c.unit);
    const auto file = readImage(
        made(testDir() / "a.nrrd", header(placed("LPS") + units) + "\n" + bytesOf(kValues)));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_NEAR(file->volume.geometry().spacingMm().z, 4 * c.factor, 1e-12) << c.unit;
    EXPECT_NEAR(file->volume.geometry().lpsFromIndex.offset.y, 20 * c.factor, 1e-12) << c.unit;
    EXPECT_EQ(file->warnings.size(), c.factor == 1 ? 0U : 1U) << c.unit;
  }
  EXPECT_THAT(refusal(header(placed("LPS") + "space units: \"ell\" \"mm\" \"mm\"\n") + "\n"),
              HasSubstr("'ell'"));
}

TEST(Nrrd, PlacesAxesWithoutDirectionsByTheirCentering) {
  const std::string common = "spacings: 2 3 4\naxis mins: 10 20 30\n";
  EXPECT_EQ(readAffine(common + "centerings: cell cell cell\n").offset, (Vec3{11, 21.5, 32}));
  EXPECT_EQ(readAffine(common + "centers: node node node\n").offset, (Vec3{10, 20, 30}));
  // Sizes 2 3 2: (max - min) / (n - 1) between nodes, / n between edges of cells.
  const Affine node =
      readAffine("axis mins: 0 0 0\naxis maxs: 2 6 4\ncenterings: node node node\n");
  EXPECT_EQ(node.column(0), (Vec3{2, 0, 0}));
  EXPECT_EQ(node.column(1), (Vec3{0, 3, 0}));
  const Affine cell =
      readAffine("axis mins: 0 0 0\naxis maxs: 2 6 4\ncenterings: cell cell cell\n");
  EXPECT_EQ(cell.column(1), (Vec3{0, 2, 0}));
  EXPECT_EQ(cell.offset, (Vec3{0.5, 1, 1}));
  EXPECT_EQ(readAffine("spacings: 1 1 2\nunits: \"cm\" \"cm\" \"cm\"\n").column(2),
            (Vec3{0, 0, 20}));
}

TEST(Nrrd, IgnoresWhatSaysNothingOfTheVoxels) {
  const Affine affine = readAffine(
      placed("LPS") +
      "measurement frame: (0,1,0) (1,0,0) (0,0,1)\nthicknesses: nan 3 NaN\nsample units: \"HU\"\n"
      "content: a head: 3 T\nlabels: \"x\" \"y \\\"q\\\"\" \"\"\nmin: 0\nmax: 5\n"
      "kinds: space domain space\nspacings: nan 3 nan\nnumber: 12\nmy key:=a: b\\nc\\\\d\n");
  EXPECT_EQ(affine.offset, (Vec3{10, 20, 30}));
}

TEST(Nrrd, RefusesWhatContradictsItself) {
  const std::string data = std::string("\n").append(bytesOf(kValues));
  for (const std::string lines : {"number: 13\n",
                                  "sizes: 2 3 2\n",
                                  "spacings: 2 5 4\n",
                                  "axis mins: 0 0 0\n",
                                  "space dimension: 4\n",
                                  "units: \"cm\" \"cm\" \"cm\"\n",
                                  "kinds: domain domain\n",
                                  "spacings: 2 3mm 4\n",
                                  "byte skip: 1.5\n",
                                  "bytskip: 7\n",
                                  "no field\n"}) {
    EXPECT_THAT(refusal(header(placed("LPS") + lines) + data), HasSubstr("a.nrrd")) << lines;
  }
  EXPECT_THAT(refusal(header("space directions: (1,0,0) (0,1,0) (0,0,1)\n") + data),
              HasSubstr("space direction"));
  EXPECT_THAT(refusal("NRRD0006\ntype: short\n"), HasSubstr("NRRD0006"));
}

TEST(Nrrd, ReadsEveryEncoding) {
  const std::string raw = bytesOf(kValues);
  std::string text;
  std::string hex;
  for (std::size_t n = 0; n < kValues.size(); ++n) {
    text += fmt::format("{}{}", kValues[n], n % 3 == 0 ? ", " : "\n");
  }
  for (const char c : raw) {
    hex += fmt::format("{:02x}{}", static_cast<unsigned char>(c), hex.size() % 5 == 0 ? " " : "");
  }
  const std::vector<std::pair<std::string, std::string>> cases{{"raw", raw},
                                                               {"ascii", text},
                                                               {"txt", text},
                                                               {"text", text},
                                                               {"hex", hex},
                                                               {"gzip", gzip(raw)},
                                                               {"gz", gzip(raw)},
                                                               {"bzip2", bzip2(raw)},
                                                               {"bz2", bzip2(raw)}};
  for (const auto& [encoding, data] : cases) {
    const std::string start = header(placed("LPS"), encoding) + "\n";
    const auto file = readImage(made(testDir() / "a.nrrd", start + data));
    ASSERT_TRUE(file) << encoding << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues) << encoding;
    const auto cut = readImage(made(testDir() / "a.nrrd", start + data.substr(0, data.size() - 8)));
    ASSERT_FALSE(cut) << encoding;
    EXPECT_THAT(cut.error().message, HasSubstr("a.nrrd")) << encoding;
  }
  EXPECT_THAT(refusal(header(placed("LPS"), "zrl") + "\n" + raw), HasSubstr("'zrl'"));
  EXPECT_THAT(refusal(header(placed("LPS"), "ascii") + "\n1 2 3 40000 5 6 7 8 9 10 11 12"),
              HasSubstr("'40000' as voxel 3"));
}

TEST(Nrrd, ReadsSeveralMembersOneAfterTheOther) {
  const std::string raw = bytesOf(kValues);
  for (const auto& [encoding, data] : std::vector<std::pair<std::string, std::string>>{
           {"gzip", gzip(raw.substr(0, 9)) + gzip(raw.substr(9))},
           {"bzip2", bzip2(raw.substr(0, 9)) + bzip2(raw.substr(9))}}) {
    const auto file =
        readImage(made(testDir() / "a.nrrd", header(placed("LPS"), encoding) + "\n" + data));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues);
  }
}

TEST(Nrrd, SkipsLinesBeforeAndBytesAfterUnpacking) {
  const std::string raw = bytesOf(kValues);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"raw", "one\ntwo\nxyz" + raw},
      {"gzip", "one\ntwo\n" + gzip("xyz" + raw)},
      {"bzip2", "one\ntwo\n" + bzip2("xyz" + raw)}};
  for (const auto& [encoding, data] : cases) {
    const std::string lines =
        header(placed("LPS") + "line skip: 2\nbyte skip: 3\ndata file: a.dat\n", encoding);
    const fs::path dir = testDir();
    made(dir / "a.dat", data);
    const auto file = readImage(made(dir / "a.nhdr", lines));
    ASSERT_TRUE(file) << encoding << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues) << encoding;
  }
  const auto last = readImage(
      made(testDir() / "a.nrrd", header(placed("LPS") + "byte skip: -1\n") + "\nanything" + raw));
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ(voxelsOf<std::int16_t>(last->volume), kValues);
  EXPECT_THAT(refusal(header(placed("LPS") + "byte skip: -1\n", "gzip") + "\n" + gzip(raw)),
              HasSubstr("byte skip"));
}

TEST(Nrrd, FindsDataFilesRelativeToTheHeader) {
  const fs::path dir = testDir();
  const std::string raw = bytesOf(kValues);
  made(dir / "twin.raw", std::string(24, 'w'));
  made(dir / "data" / "twin.raw", raw);
  for (int n = 0; n < 2; ++n) {
    made(dir / "data" / fmt::format("s{:03d}.raw", 10 - 5 * n),
         raw.substr(12U * static_cast<unsigned>(n), 12));
  }
  made(dir / "100%.raw", raw);
  const std::vector<std::string> cases{"data file: data/twin.raw\n",
                                       "datafile: ./data/twin.raw\r\n",
                                       "data file: " + (dir / "data" / "twin.raw").string() + "\n",
                                       "data file: 100%.raw\n",
                                       "data file: LIST\ndata/s010.raw\ndata/s005.raw\n",
                                       "data file: LIST 3\ndata/s010.raw\ndata/s005.raw\n",
                                       "data file: data/s%03d.raw 10 5 -5\n",
                                       "data file: data/s%03d.raw 10 5 -5 2\n"};
  for (const std::string& lines : cases) {
    const auto file = readImage(made(dir / "a.nhdr", header(placed("LPS") + lines)));
    ASSERT_TRUE(file) << lines << file.error().message;
    EXPECT_EQ(voxelsOf<std::int16_t>(file->volume), kValues) << lines;
  }
  for (const std::string lines : {"data file: absent.raw\n",
                                  "data file: LIST\ndata/s010.raw\n",
                                  "data file: LIST 1\ndata/s010.raw\ndata/s005.raw\n",
                                  "data file: LIST\n",
                                  "data file: data/s%03d.raw 10 5 5\n",
                                  "data file: data/s%03d.raw 10 5 0\n",
                                  "data file: data/%s%n.raw 1 2 1\n",
                                  "data file: data/s%03d.raw 1 900000000 1\n"}) {
    const auto file = readImage(made(dir / "a.nhdr", header(placed("LPS") + lines)));
    ASSERT_FALSE(file) << lines;
    EXPECT_THAT(file.error().message, HasSubstr("a.nhdr")) << lines;
  }
}

TEST(Nrrd, KnowsTheTypesByAllTheirNames) {
  struct Case {
    std::string name;
    std::string bytes;
    double value;
  };

  const std::vector<Case> cases{{"signed char", bytesOf<std::int8_t>({-5}), -5},
                                {"int8_t", bytesOf<std::int8_t>({-5}), -5},
                                {"uchar", bytesOf<std::uint8_t>({250}), 250},
                                {"unsigned  char", bytesOf<std::uint8_t>({250}), 250},
                                {"Signed Short Int", bytesOf<std::int16_t>({-300}), -300},
                                {"int16_t", bytesOf<std::int16_t>({-300}), -300},
                                {"unsigned short int", bytesOf<std::uint16_t>({60000}), 60000},
                                {"signed int", bytesOf<std::int32_t>({-70000}), -70000},
                                {"uint32", bytesOf<std::uint32_t>({70000}), 70000},
                                {"long long int", bytesOf<std::int64_t>({-9}), -9},
                                {"unsigned long long", bytesOf<std::uint64_t>({9}), 9},
                                {"float", bytesOf<float>({1.5F}), 1.5},
                                {"double", bytesOf<double>({-2.5}), -2.5}};
  for (const Case& c : cases) {
    const auto file = readImage(made(testDir() / "a.nrrd",
                                     "NRRD0001\ntype: " + c.name +
                                         "\ndimension: 3\nsizes: 1 1 1\nendian: little\n"
                                         "encoding: raw\n\n" +
                                         c.bytes));
    ASSERT_TRUE(file) << c.name << file.error().message;
    EXPECT_EQ(file->volume.at({0, 0, 0}), c.value) << c.name;
  }
  for (const std::string name : {"block", "char", "long", "half"}) {
    EXPECT_THAT(refusal("NRRD0001\ntype: " + name +
                        "\ndimension: 3\nsizes: 1 1 1\nendian: little\nencoding: raw\n\nxxxxxxxx"),
                HasSubstr("'" + name + "'"));
  }
}

TEST(Nrrd, ReadsTheByteOrderAndRefusesToGuessIt) {
  const auto big = readImage(made(testDir() / "a.nrrd",
                                  "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 1 1\nendian: big\n"
                                  "encoding: hex\n\n0102 fffe"));
  ASSERT_TRUE(big) << big.error().message;
  EXPECT_THAT(voxelsOf<std::int16_t>(big->volume), ElementsAre(258, -2));
  EXPECT_THAT(refusal("NRRD0004\ntype: short\ndimension: 3\nsizes: 2 1 1\nencoding: raw\n\nabcd"),
              HasSubstr("byte order"));
}

TEST(Nrrd, ReadsASliceInSpaceAndRefusesValuesPerVoxel) {
  const auto slice = readImage(made(testDir() / "a.nrrd",
                                    "NRRD0004\ntype: uchar\ndimension: 2\nsizes: 2 1\n"
                                    "encoding: raw\nspace: LPS\nspace directions: (0,2,0) (0,0,3)\n"
                                    "space origin: (0,0,0)\n\nab"));
  ASSERT_TRUE(slice) << slice.error().message;
  EXPECT_EQ(slice->volume.geometry().lpsFromIndex.column(2), (Vec3{1, 0, 0}));
  const std::string colour =
      "NRRD0004\ntype: uchar\ndimension: 4\nsizes: 3 1 1 1\nencoding: raw\nspace: LPS\n"
      "space directions: none (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n"
      "kinds: RGB-color domain domain domain\n\nabc";
  EXPECT_THAT(refusal(colour), HasSubstr("3 time points (or values per voxel)"));
}

TEST(Nrrd, AllocatesNothingThatTheFileCannotHold) {
  const std::string start =
      "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4000 4000 4000\nencoding: ";
  for (const std::string encoding : {"raw", "gzip", "ascii", "hex"}) {
    EXPECT_THAT(refusal(start + encoding + "\n\n1 2 3"), HasSubstr("too short")) << encoding;
  }
  EXPECT_FALSE(refusal(start + "bzip2\n\n1 2 3").empty());
}

// Layers, names and colours as 3D Slicer writes them: a "list" axis first.
TEST(Nrrd, ReadsTheLayersOfASlicerSegmentation) {
  const std::string text =
      "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\n"
      "sizes: 2 2 1 2\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n"
      "kinds: list domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n"
      "Segment0_Color:=0.2 0.4 1\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n"
      "Segment0_Name:=lung\\nleft\nSegment0_Tags:=a:b|TerminologyEntry:x~SCT^1^Anatomical "
      "Structure~SCT^39607008^Lung~SCT^7771000^Left~y~^^~^^|\n"
      "Segment1_LabelValue:=1\nSegment1_Layer:=1\nSegment1_Name:=K\xe4rper\n"
      "Segment2_LabelValue:=4\nSegment2_Layer:=7\nSegment2_Name:=lost\n\n";
  const fs::path path = made(testDir() / "a.seg.nrrd", text + std::string("\1\0\0\1\2\1\1\1", 8));
  const auto file = readLabelLayers(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->layers.size(), 2U);
  EXPECT_THAT(file->layers[0].labels.voxels, ElementsAre(1, 0, 2, 1));
  EXPECT_THAT(file->layers[1].labels.voxels, ElementsAre(0, 1, 1, 1));
  const LabelTable& names = file->layers[0].names;
  EXPECT_EQ(names.nameOf(1), "lung\nleft");
  EXPECT_EQ(names.colorOf(1), (Color{51, 102, 255}));
  EXPECT_EQ(names.entries().at(1).code, (Code{"SCT", "39607008", "Lung"}));
  EXPECT_EQ(names.entries().at(1).side, Side::Left);
  EXPECT_EQ(file->layers[1].names.nameOf(1), "K\u00e4rper");
  ASSERT_EQ(file->warnings.size(), 1U);
  EXPECT_THAT(file->warnings[0].text, HasSubstr("'lost'"));
  const auto one = readLabels(path);
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().message, HasSubstr("K\u00e4rper"));
}

TEST(Nrrd, ReadsOverlappingStructuresOfARealSlicerSegmentation) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const auto file = readLabelLayers(data / "seg" / "slicer" / "SegmentationOverlapping.seg.nrrd");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->layers.size(), 2U);
  EXPECT_TRUE(file->warnings.empty());
  const auto& first = file->layers[0];
  EXPECT_EQ(first.names.nameOf(1), "ribs");
  EXPECT_EQ(first.names.nameOf(6), "left lung");
  EXPECT_EQ(first.names.entries().at(6).side, Side::Left);
  EXPECT_EQ(first.names.colorOf(5), (Color{22, 197, 71}));
  // The space directions are LPS, the first two negative.
  EXPECT_EQ(axisCodes(first.labels.geometry), "RAS");
  EXPECT_EQ(first.labels.geometry.size, (Size3{128, 128, 34}));
  std::int64_t both = 0;
  for (std::size_t n = 0; n < first.labels.voxels.size(); ++n) {
    both += first.labels.voxels[n] != 0 && file->layers[1].labels.voxels[n] != 0 ? 1 : 0;
  }
  EXPECT_GT(both, 0);
}

TEST(Nrrd, WritesSegmentsThatReadBackWithCodesAndSides) {
  LabelMap labels{{{2, 1, 1}, {}, {}}, {7, 0}};
  LabelTable names;
  names.set(7, {"a\\b\nc", Code{"SCT", "39607008", "Lung"}, Color{1, 2, 3}, Side::Right});
  const fs::path path = testDir() / "a.seg.nrrd";
  ASSERT_TRUE(writeLabels(path, labels, names));
  const auto file = readLabels(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->names.nameOf(7), "a\\b\nc");
  EXPECT_EQ(file->names.colorOf(7), (Color{1, 2, 3}));
  EXPECT_EQ(file->names.entries().at(7).code, (Code{"SCT", "39607008", "Lung"}));
  EXPECT_EQ(file->names.entries().at(7).side, Side::Right);
}

}  // namespace
}  // namespace argand::io
