// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

namespace argand {
namespace {

TEST(Text, KnowsWellFormedUtf8) {
  for (const char* text : {"", "liver", "Hüfte links", "脾臓", "😀", "\xC2\x80", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(isUtf8(text)) << text;
  }
  for (const char* bytes : {"M\xFCller",
                            "\x80",
                            "\xC0\x80",
                            "\xE0\x80\x80",
                            "\xED\xA0\x80",
                            "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80",
                            "\xF5",
                            "a\xC3"}) {
    EXPECT_FALSE(isUtf8(bytes)) << bytes;
  }
}

TEST(Text, ReadsOtherBytesAsLatin1) {
  EXPECT_EQ(utf8Text("Gl\xE4ndula"), "Gländula");
  EXPECT_EQ(utf8Text("Gländula"), "Gländula");
  EXPECT_EQ(displayed("M\xFCller/k\xE4"
                      "fer.nii.gz"),
            "Müller/käfer.nii.gz");
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_TRUE(isUtf8(utf8Text(std::string(3, static_cast<char>(byte))))) << byte;
  }
}

TEST(Text, JsonStaysValidWithAnyBytes) {
  const Json json{{"name", "Gl\xE4ndula"}};
  EXPECT_EQ(parseJson(dumped(json), "it").value()["name"], "Gl\xEF\xBF\xBDndula");
}

TEST(Text, ReadsJsonOfOlderEncodings) {
  const std::filesystem::path file = test::testDir() / "names.json";
  ASSERT_TRUE(writeFileAtomically(file, "{\"1\": \"Gl\xE4ndula\"}"));
  EXPECT_EQ(readJsonFile(file).value()["1"], "Gländula");
}

TEST(ParseDecimal, ReadsAllNotations) {
  EXPECT_EQ(parseDecimal("1.25"), 1.25);
  EXPECT_EQ(parseDecimal("1,25"), 1.25);
  EXPECT_EQ(parseDecimal("-8,5"), -8.5);
  EXPECT_EQ(parseDecimal("  +0.5 \r\n"), 0.5);
  EXPECT_EQ(parseDecimal("-1.024e3"), -1024.0);
  EXPECT_EQ(parseDecimal("1E+2"), 100.0);
  EXPECT_EQ(parseDecimal(".5"), 0.5);
  EXPECT_EQ(parseDecimal("5."), 5.0);
  EXPECT_EQ(parseDecimal(std::string_view("3\0", 2)), 3.0);
  EXPECT_EQ(parseDecimal("0.97656250000000000001"), 0.9765625);
}

TEST(ParseDecimal, NeverCutsANumber) {
  for (const char* text : {"",
                           " ",
                           "-1024 HU",
                           "1.5mm",
                           "1.2.3",
                           "1,2,3",
                           "1,234.5",
                           "1.234,5",
                           "0x10",
                           "inf",
                           "-Infinity",
                           "nan",
                           "1e999",
                           "--1",
                           "+-1",
                           "+",
                           "1 2",
                           "1\\2",
                           "e5"}) {
    EXPECT_EQ(parseDecimal(text), std::nullopt) << text;
  }
}

TEST(ParseWhole, TakesWholeNumbersOnly) {
  EXPECT_EQ(parseWhole("512"), 512);
  EXPECT_EQ(parseWhole("3.0"), 3);
  EXPECT_EQ(parseWhole("-7"), -7);
  EXPECT_EQ(parseWhole("3.5"), std::nullopt);
  EXPECT_EQ(parseWhole("1e30"), std::nullopt);
}

}  // namespace
}  // namespace argand
