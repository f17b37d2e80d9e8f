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

TEST(Json, RefusesWhatIsTooDeepToCopy) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parseJson(nested(100), "text"));
  EXPECT_EQ(parseJson(nested(101), "the card").error().message,
            "the card is not valid JSON: more than 100 values lie within one another.");
  EXPECT_FALSE(parseJson(nested(1'000'000), "text"));
  EXPECT_FALSE(parseJson(std::string(1'000'000, '['), "text"));
}

TEST(Json, RefusesAKeyTwiceInOneObject) {
  EXPECT_EQ(parseJson(R"({"a": {"b": 1}, "b": 1, "a": 2})", "the card").error().message,
            "the card is not valid JSON: the key 'a' occurs twice in one object.");
  EXPECT_TRUE(parseJson(R"([{"a": 1}, {"a": {"a": 2}}])", "text"));
}

// A member is found by going through those before it.
TEST(Json, RefusesMoreMembersThanCanBeRead) {
  const auto object = [](int members) {
    std::string text = "{";
    for (int n = 0; n < members; ++n) {
      text += fmt::format("{}\"{}\":0", n == 0 ? "" : ",", n);
    }
    return text + "}";
  };
  EXPECT_EQ(parseJson(object(20'000), "text").value().size(), 20'000U);
  EXPECT_FALSE(parseJson(object(200'000), "text"));
}

TEST(Json, KeepsTheOrderOfKeys) {
  EXPECT_EQ(parseJson(R"({"z":1,"a":2})", "text").value().dump(), R"({"z":1,"a":2})");
}

}  // namespace
}  // namespace argand
