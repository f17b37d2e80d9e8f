// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"

#include <gtest/gtest.h>

namespace argand {
namespace {

TEST(Json, NamesTheTextThatDoesNotParse) {
  const auto parsed = parseJson("{", "the model card");
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().message.starts_with("the model card is not valid JSON"));
}

TEST(Json, ReadsMembersAndNamesWhatIsMissingOrOfAnotherType) {
  const Json json = parseJson(R"({"n": 3, "s": "x"})", "text").value();
  EXPECT_EQ(jsonMember<int>(json, "n", "text").value(), 3);
  EXPECT_EQ(jsonMemberOr<int>(json, "m", 7, "text").value(), 7);
  EXPECT_EQ(jsonMember<int>(json, "m", "the card").error().message,
            "'m' is missing from the card.");
  EXPECT_FALSE(jsonMember<int>(json, "s", "the card"));
  EXPECT_FALSE(jsonMember<int>(Json(5), "s", "the card"));
}

TEST(Json, KeepsTheOrderOfKeys) {
  EXPECT_EQ(parseJson(R"({"z":1,"a":2})", "text").value().dump(), R"({"z":1,"a":2})");
}

}  // namespace
}  // namespace argand
