// SPDX-License-Identifier: Apache-2.0
#include "core/infer/model_card.h"

#include "tests/core/infer/fake_models.h"

#include <gmock/gmock.h>

namespace argand::infer {

namespace {

using ::testing::HasSubstr;

ModelCard card() {
  ModelCard result = test::sampleCard("nnunet-plain:channels=4-8,classes=3");
  result.inputs.push_back({Modality::Ct, "CT", Normalization::ClipAndScale, -100.0, 300.0});
  result.parent = "base 0123";
  result.metrics = Json{{"mean_dice", 0.9}};
  return result;
}

std::string refusal(const Json& json) {
  const auto read = ModelCard::fromJson(json, "card.json");
  return read ? "accepted" : read.error().message;
}

TEST(ModelCard, ComesBackFromItsJson) {
  const auto back = ModelCard::fromJson(card().toJson(), "card.json");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->toJson(), card().toJson());
  EXPECT_EQ(back->classes(), 3);
  EXPECT_EQ(back->inputs[1].upper, 300.0);
  EXPECT_TRUE(back->structures[0].sided);
  EXPECT_EQ(back->structures[0].code->value, "1");
  EXPECT_EQ(back->labelTable().nameOf(2), "Two");
}

TEST(ModelCard, KeepsTheWindowOfANetworkTrainedOnPatches) {
  EXPECT_FALSE(card().toJson().contains("window")) << "trained on whole fields";
  ModelCard patches = card();
  patches.window = ModelWindow{{64, 48, 32}, 0.5};
  const auto back = ModelCard::fromJson(patches.toJson(), "card.json");
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_TRUE(back->window.has_value());
  EXPECT_EQ(back->window->size, (Size3{64, 48, 32}));
  EXPECT_EQ(back->window->overlap, 0.5);
  for (const Json& wrong : {Json{{"size", {64, 48}}, {"overlap", 0.5}},
                            Json{{"size", {64, 48, 0}}, {"overlap", 0.5}},
                            Json{{"size", {64, 48, 32}}, {"overlap", 1.0}},
                            Json{{"size", {64, 48, 32}}},
                            Json{{"size", {64, 48, 32}}, {"overlap", 0.5}, {"step", 2}}}) {
    Json json = patches.toJson();
    json["window"] = wrong;
    EXPECT_THAT(refusal(json), HasSubstr("'window'"));
  }
}

TEST(ModelCard, NamesEachKeyThatIsMissing) {
  const Json whole = card().toJson();
  for (const char* key : {"schema",
                          "id",
                          "name",
                          "network",
                          "inputs",
                          "structures",
                          "license",
                          "axis_codes",
                          "spacing_mm",
                          "trained_extent_mm",
                          "mirror_safe",
                          "weights",
                          "weights_sha256",
                          "attribution",
                          "intended_use"}) {
    Json json = whole;
    json.erase(key);
    EXPECT_THAT(refusal(json), HasSubstr(fmt::format("'{}'", key)));
  }
}

TEST(ModelCard, RefusesByNameWhatMakesNoSense) {
  const auto with = [](const char* key, Json value) {
    Json json = card().toJson();
    json[key] = std::move(value);
    return refusal(json);
  };
  EXPECT_THAT(with("mirorsafe", true), HasSubstr("'mirorsafe'"));
  EXPECT_THAT(with("id", "../escape"), HasSubstr("'id'"));
  EXPECT_THAT(with("schema", 2), HasSubstr("'schema'"));
  EXPECT_THAT(with("axis_codes", "RAR"), HasSubstr("'axis_codes'"));
  EXPECT_THAT(with("spacing_mm", {1.0, 0.0, 1.0}), HasSubstr("'spacing_mm'"));
  EXPECT_THAT(with("spacing_mm", {1.0, 1.0}), HasSubstr("'spacing_mm'"));
  EXPECT_THAT(with("trained_extent_mm", "large"), HasSubstr("'trained_extent_mm'"));
  EXPECT_THAT(with("weights", "../other"), HasSubstr("'weights'"));
  EXPECT_THAT(with("weights_sha256", "abc"), HasSubstr("'weights_sha256'"));
  EXPECT_THAT(with("structures", Json::array()), HasSubstr("'structures'"));
  Json json = card().toJson();
  json["structures"][1]["label"] = 5;
  EXPECT_THAT(refusal(json), HasSubstr("'label' in structure 2"));
  json = card().toJson();
  json["structures"][1]["name"] = "One";
  EXPECT_THAT(refusal(json), HasSubstr("used twice"));
  json = card().toJson();
  json["inputs"][0]["normalization"] = "none";
  EXPECT_THAT(refusal(json), HasSubstr("'normalization' in input 1"));
  EXPECT_THAT(refusal(Json::array()), HasSubstr("not a JSON object"));
}

}  // namespace

}  // namespace argand::infer
