// SPDX-License-Identifier: Apache-2.0
#include "core/volume/structure_table.h"

#include "core/volume/label_table.h"
#include "core/volume/phantom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace argand {
namespace {

// The classes of TotalSegmentator's task "total", version 2, as its labels are named.
constexpr std::string_view kTotalClasses =
    "adrenal_gland_left adrenal_gland_right aorta atrial_appendage_left autochthon_left "
    "autochthon_right brachiocephalic_trunk brachiocephalic_vein_left "
    "brachiocephalic_vein_right brain clavicula_left clavicula_right colon "
    "common_carotid_artery_left common_carotid_artery_right costal_cartilages duodenum "
    "esophagus femur_left femur_right gallbladder gluteus_maximus_left "
    "gluteus_maximus_right gluteus_medius_left gluteus_medius_right gluteus_minimus_left "
    "gluteus_minimus_right heart hip_left hip_right humerus_left humerus_right "
    "iliac_artery_left iliac_artery_right iliac_vena_left iliac_vena_right "
    "iliopsoas_left iliopsoas_right inferior_vena_cava kidney_cyst_left "
    "kidney_cyst_right kidney_left kidney_right liver lung_lower_lobe_left "
    "lung_lower_lobe_right lung_middle_lobe_right lung_upper_lobe_left "
    "lung_upper_lobe_right pancreas portal_vein_and_splenic_vein prostate pulmonary_vein "
    "rib_left_1 rib_left_10 rib_left_11 rib_left_12 rib_left_2 rib_left_3 rib_left_4 "
    "rib_left_5 rib_left_6 rib_left_7 rib_left_8 rib_left_9 rib_right_1 rib_right_10 "
    "rib_right_11 rib_right_12 rib_right_2 rib_right_3 rib_right_4 rib_right_5 "
    "rib_right_6 rib_right_7 rib_right_8 rib_right_9 sacrum scapula_left scapula_right "
    "skull small_bowel spinal_cord spleen sternum stomach subclavian_artery_left "
    "subclavian_artery_right superior_vena_cava thyroid_gland trachea urinary_bladder "
    "vertebrae_C1 vertebrae_C2 vertebrae_C3 vertebrae_C4 vertebrae_C5 vertebrae_C6 "
    "vertebrae_C7 vertebrae_L1 vertebrae_L2 vertebrae_L3 vertebrae_L4 vertebrae_L5 "
    "vertebrae_S1 vertebrae_T1 vertebrae_T10 vertebrae_T11 vertebrae_T12 vertebrae_T2 "
    "vertebrae_T3 vertebrae_T4 vertebrae_T5 vertebrae_T6 vertebrae_T7 vertebrae_T8 "
    "vertebrae_T9 ";

// The classes of the networks that are shipped or planned, with the sides they come in.
constexpr std::string_view kModelClasses =
    "Hippo_Ant_L Hippo_Ant_R Hippo_Post_L Hippo_Post_R Brainstem SpinalCord Parotid_L Parotid_R "
    "Esophagus Larynx Bone_Mandible WhiteMatter_L WhiteMatter_R Cortex_L Cortex_R "
    "Ventricle_Lat_L Ventricle_Lat_R CerebellumWM_L CerebellumWM_R CerebellumCortex_L "
    "CerebellumCortex_R Thalamus_L Thalamus_R Caudate_L Caudate_R Putamen_L Putamen_R "
    "Pallidum_L Pallidum_R Hippocampus_L Hippocampus_R Amygdala_L Amygdala_R Accumbens_L "
    "Accumbens_R VentralDC_L VentralDC_R Ventricle_3 Ventricle_4 Brain Body Lung_L Lung_R Bone "
    "SpinalCanal Liver Spleen Kidney_L Kidney_R Heart A_Aorta Stomach";

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

Side sideIn(const std::string& name) {
  const auto says = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  return says("_left") || name.ends_with("_L")    ? Side::Left
         : says("_right") || name.ends_with("_R") ? Side::Right
                                                  : Side::None;
}

const StructureTable& table() {
  return StructureTable::shipped();
}

Structure named(std::string name) {
  Structure structure;
  structure.name = std::move(name);
  return structure;
}

TEST(StructureTable, KnowsEveryClassOfTheNetworksAndItsSide) {
  EXPECT_EQ(words(kTotalClasses).size(), 117U);
  std::set<const KnownStructure*> known;
  for (const std::string_view list : {kTotalClasses, kModelClasses}) {
    for (const std::string& name : words(list)) {
      const KnownStructure* entry = table().find(name);
      ASSERT_NE(entry, nullptr) << name;
      EXPECT_EQ(entry->side, sideIn(name)) << name;
      known.insert(entry);
    }
  }
  // Classes that both lists have are one structure; no two of one list are.
  std::set<const KnownStructure*> total;
  for (const std::string& name : words(kTotalClasses)) {
    EXPECT_TRUE(total.insert(table().find(name)).second) << name;
  }
}

TEST(StructureTable, HasNamesThatPlanningSystemsTake) {
  std::set<std::string> names;
  for (const KnownStructure& entry : table().entries()) {
    EXPECT_LE(entry.name.size(), 16U) << entry.name;
    EXPECT_EQ(entry.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789_"),
              std::string::npos)
        << entry.name;
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(table().find(entry.name), &entry) << entry.name;
  }
}

TEST(StructureTable, HasBothSidesOfEveryPair) {
  for (const KnownStructure& entry : table().entries()) {
    const bool left = entry.name.ends_with("_L");
    const bool right = entry.name.ends_with("_R");
    if (!left && !right) {
      continue;
    }
    EXPECT_EQ(entry.side, left ? Side::Left : Side::Right) << entry.name;
    const std::string stem = entry.name.substr(0, entry.name.size() - 2);
    const KnownStructure* other = table().find(stem + (left ? "_R" : "_L"));
    if (entry.name == "AtrialAppend_L") {
      continue;  // its code says left, and no network outlines the right one
    }
    ASSERT_NE(other, nullptr) << entry.name;
    EXPECT_EQ(other->side, left ? Side::Right : Side::Left) << entry.name;
    EXPECT_EQ(other->code, entry.code) << entry.name;
    EXPECT_EQ(other->tg263, entry.tg263) << entry.name;
    EXPECT_NE(other->color, entry.color) << entry.name;
    const KnownStructure* either = table().find(stem);
    ASSERT_NE(either, nullptr) << entry.name;
    EXPECT_EQ(either->side, Side::None) << stem;
    EXPECT_EQ(either->code, entry.code) << stem;
  }
}

TEST(StructureTable, HasCodesOfSnomedCt) {
  for (const KnownStructure& entry : table().entries()) {
    for (const std::optional<Code>& code : {entry.code, entry.category}) {
      if (!code) {
        continue;
      }
      EXPECT_EQ(code->scheme, "SCT") << entry.name;
      EXPECT_GE(code->value.size(), 6U) << entry.name;
      EXPECT_EQ(code->value.find_first_not_of("0123456789"), std::string::npos) << entry.name;
      EXPECT_FALSE(code->meaning.empty()) << entry.name;
      EXPECT_LE(code->meaning.size(), 64U) << entry.name;  // LO
    }
  }
}

// SNOMED CT's check digit (Verhoeff 1969, in its technical guide): a mistyped digit or two
// that changed places are found.
TEST(StructureTable, HasCodesWhoseCheckDigitIsRight) {
  constexpr int kMultiply[10][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                                     {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
                                     {2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
                                     {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
                                     {4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
                                     {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
                                     {6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
                                     {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
                                     {8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
                                     {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
  constexpr int kPermute[8][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                                   {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
                                   {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
                                   {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
                                   {9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
                                   {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
                                   {2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
                                   {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
  const auto check = [&](const std::string& digits) {
    int c = 0;
    for (std::size_t n = 0; n < digits.size(); ++n) {
      c = kMultiply[c][kPermute[n % 8][digits[digits.size() - 1 - n] - '0']];
    }
    return c;
  };
  EXPECT_EQ(check("10200004"), 0);
  EXPECT_NE(check("10200040"), 0);
  for (const KnownStructure& entry : table().entries()) {
    for (const std::optional<Code>& code : {entry.code, entry.category}) {
      if (code) {
        EXPECT_EQ(check(code->value), 0) << entry.name << " " << code->value;
      }
    }
  }
}

TEST(StructureTable, FindsANameHoweverItIsWritten) {
  for (const char* name :
       {"Kidney_L", "kidney_left", "Left Kidney", "KIDNEY-LT", "kidney l", "L kidney"}) {
    const KnownStructure* entry = table().find(name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_EQ(entry->name, "Kidney_L") << name;
  }
  EXPECT_EQ(table().find("rib_right_12")->name, "Rib12_R");
  EXPECT_EQ(table().find("vertebrae_T4")->name, "VB_T04");
  EXPECT_EQ(table().find("Left-Cerebral-White-Matter")->name, "WhiteMatter_L");
  EXPECT_EQ(table().find("lung_middle_lobe_right")->name, "Lung_RML");
  EXPECT_EQ(table().find("Submandibular-Rt")->name, "Glnd_Submand_R");
  EXPECT_EQ(table().find("A tumour of mine"), nullptr);
  EXPECT_EQ(table().find(""), nullptr);
  EXPECT_EQ(table().find("rib_{}_1"), nullptr);
}

TEST(StructureTable, RefusesATableThatContradictsItself) {
  const auto refusal = [](std::string_view rows) {
    const auto json = parseJson(fmt::format(R"({{"structures": [{}]}})", rows), "text").value();
    const auto read = StructureTable::fromJson(json, "text");
    return read ? std::string() : read.error().message;
  };
  const std::string good = R"({"name": "A", "tg263": true, "color": [1, 2, 3]})";
  EXPECT_EQ(refusal(good), "");
  using ::testing::HasSubstr;
  EXPECT_THAT(
      refusal(good + R"(, {"name": "B", "names": ["a"], "tg263": true, "color": [1, 2, 3]})"),
      HasSubstr("'a' names both A and B"));
  EXPECT_THAT(refusal(R"({"name": "Seventeen_letters", "tg263": true, "color": [1, 2, 3]})"),
              HasSubstr("16 characters"));
  EXPECT_THAT(refusal(R"({"name": "Of two words", "tg263": true, "color": [1, 2, 3]})"),
              HasSubstr("spaces"));
  EXPECT_THAT(refusal(R"({"name": "A", "tg263": true, "code": ["T-1", "A"], "color": [1, 2, 3]})"),
              HasSubstr("digits"));
  EXPECT_THAT(refusal(R"({"name": "A", "tg263": true, "side": "up", "color": [1, 2, 3]})"),
              HasSubstr("'up'"));
  EXPECT_THAT(refusal(R"({"name": "A", "tg263": true, "color": [1, 2, 300]})"), HasSubstr("color"));
  EXPECT_THAT(refusal(R"({"name": "A", "color": [1, 2, 3]})"), HasSubstr("'tg263' is missing"));
}

TEST(StructureTable, CompletesAStructureAndKeepsWhatItHas) {
  Structure kidney = named("kidney right");
  EXPECT_TRUE(complete(kidney));
  EXPECT_EQ(kidney.name, "kidney right");
  EXPECT_EQ(kidney.side, Side::Right);
  EXPECT_EQ(kidney.code, (Code{"SCT", "64033007", "Kidney"}));
  EXPECT_EQ(kidney.category, std::nullopt);
  EXPECT_EQ(kidney.interpretedType, "ORGAN");

  Structure cyst = named("kidney_cyst_left");
  EXPECT_TRUE(complete(cyst));
  EXPECT_EQ(cyst.category, (Code{"SCT", "49755003", "Morphologically Abnormal Structure"}));
  Structure body = named("BODY");
  EXPECT_TRUE(complete(body));
  EXPECT_EQ(body.interpretedType, "EXTERNAL");

  Structure own = named("Liver");
  own.code = Code{"99LOCAL", "7", "My liver"};
  own.side = Side::Right;
  EXPECT_TRUE(complete(own));
  EXPECT_EQ(own.code, (Code{"99LOCAL", "7", "My liver"}));
  EXPECT_EQ(own.category, std::nullopt);  // what kind of thing a foreign code is, nobody knows
  EXPECT_EQ(own.side, Side::Right);

  Structure unknown = named("Tumour");
  const Structure before = unknown;
  EXPECT_FALSE(complete(unknown));
  EXPECT_EQ(unknown, before);
}

TEST(StructureTable, GivesCodesColoursAndSidesToALabelMap) {
  LabelMap map{phantom::grid({4, 4, 4}, {1, 1, 1}), std::vector<LabelValue>(64, 0)};
  LabelTable names;
  names.set(1, {"kidney_left", {}, {}, Side::None});
  names.set(2, {"spleen", {}, Color{1, 2, 3}, Side::None});
  names.set(3, {"Tumour", {}, {}, Side::None});
  const Segmentation segmentation = segmentationFrom(map, names);
  const auto& structures = segmentation.structures();
  ASSERT_EQ(structures.size(), 3U);
  EXPECT_EQ(structures[0].name, "kidney_left");
  EXPECT_EQ(structures[0].side, Side::Left);
  EXPECT_EQ(structures[0].code, (Code{"SCT", "64033007", "Kidney"}));
  EXPECT_EQ(structures[0].color, table().find("Kidney_L")->color);
  EXPECT_EQ(structures[1].color, (Color{1, 2, 3}));
  EXPECT_EQ(structures[1].code, (Code{"SCT", "78961009", "Spleen"}));
  EXPECT_EQ(structures[2].code, std::nullopt);
  EXPECT_EQ(structures[2].color, paletteColor(2));
}

TEST(StructureTable, RenamesToTg263WhereThereIsAName) {
  Segmentation segmentation(phantom::grid({4, 4, 4}, {1, 1, 1}));
  for (const char* name :
       {"kidney_left", "Kidney", "autochthon_left", "liver", "Liver", "Tumour"}) {
    Structure structure = named(name);
    structure.side = std::string_view(name) == "Kidney" ? Side::Right : Side::None;
    segmentation.add(structure);
  }
  const Segmentation renamed = withTg263Names(segmentation);
  std::vector<std::string> names;
  for (const Structure& structure : renamed.structures()) {
    names.push_back(structure.name);
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre(
                  "Kidney_L", "Kidney_R", "autochthon_left", "liver", "Liver", "Tumour"));
}

}  // namespace
}  // namespace argand
