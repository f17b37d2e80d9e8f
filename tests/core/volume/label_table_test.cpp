// SPDX-License-Identifier: Apache-2.0
#include "core/volume/label_table.h"

#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace argand {
namespace {

Result<LabelTable> tableOf(std::string_view text) {
  return LabelTable::fromJson(parseJson(text, "names").value(), "names");
}

TEST(LabelTable, ReadsTheFormsInUse) {
  for (const std::string_view text : {R"({"1": "Liver", "2": "Spleen"})",
                                      R"({"Liver": 1, "Spleen": 2})",
                                      R"({"labels": {"background": 0, "Liver": 1, "Spleen": 2}})",
                                      R"({"labels": {"0": "none", "1": "Liver", "2": "Spleen"}})",
                                      R"({"1": {"name": "Liver"}, "2": "Spleen"})"}) {
    const auto table = tableOf(text);
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->entries().size(), 2U) << text;
    EXPECT_EQ(table->nameOf(1), "Liver");
    EXPECT_EQ(table->nameOf(2), "Spleen");
    EXPECT_EQ(table->nameOf(3), "Label_3");
  }
}

TEST(LabelTable, ReadsBackWhatItWrites) {
  LabelTable table;
  table.set(3, {"Kidney_L", Code{"SCT", "64033007", "Kidney"}, Color{9, 8, 7}, Side::Left});
  table.set(40000, {"Body", {}, {}, Side::None});
  const LabelTable back = LabelTable::fromJson(table.toJson(), "text").value();
  ASSERT_EQ(back.entries().size(), 2U);
  const auto& kidney = back.entries().at(3);
  EXPECT_EQ(kidney.name, "Kidney_L");
  EXPECT_EQ(kidney.code, (Code{"SCT", "64033007", "Kidney"}));
  EXPECT_EQ(kidney.color, (Color{9, 8, 7}));
  EXPECT_EQ(kidney.side, Side::Left);
  EXPECT_EQ(back.nameOf(40000), "Body");
}

TEST(LabelTable, RefusesWhatIsNoTableBySayingWhy) {
  for (const std::string_view text : {R"([1, 2])",
                                      R"({"Liver": [1, 2]})",
                                      R"({"Liver": -1})",
                                      R"({"Liver": 65536})",
                                      R"({"Liver": 1.5})",
                                      R"({"1": 7})",
                                      R"({"Liver": 1, "Spleen": 1})",
                                      R"({"1": {"name": "A", "color": [1, 2]}})",
                                      R"({"1": {"name": "A", "color": [1, 2, 300]}})",
                                      R"({"1": {"name": "A", "code": ["SCT"]}})",
                                      R"({"1": {"name": "A", "side": "up"}})",
                                      R"({"1": {"colour": "red"}})"}) {
    const auto table = tableOf(text);
    ASSERT_FALSE(table) << text;
    EXPECT_THAT(table.error().message, ::testing::HasSubstr("names")) << text;
  }
}

TEST(LabelTable, KeepsColoursApart) {
  std::set<std::tuple<int, int, int>> seen;
  for (std::size_t n = 0; n < 120; ++n) {
    const Color color = paletteColor(n);
    seen.emplace(color.red, color.green, color.blue);
  }
  EXPECT_EQ(seen.size(), 120U);
  EXPECT_EQ(LabelTable().colorOf(1), paletteColor(0));
}

TEST(LabelTable, ReadsTheNamesOfRealLabelMaps) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const auto table = LabelTable::read(data / "ct-multiorgan" / "labels_total.json");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->nameOf(5), "liver");
}

}  // namespace
}  // namespace argand
