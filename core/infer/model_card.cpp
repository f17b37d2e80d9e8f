// SPDX-License-Identifier: Apache-2.0
#include "core/infer/model_card.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace argand::infer {
namespace {

constexpr int kSchema = 1;
constexpr std::string_view kZScore = "z-score";
constexpr std::string_view kClipAndScale = "clip-and-scale";

Failure refuse(std::string message) {
  return fail(ErrorCode::InputRefused, std::move(message));
}

// A key that nobody reads is a misspelt one: "mirorsafe" must not pass as false.
Result<void> checkKeys(const Json& object,
                       const std::set<std::string_view>& known,
                       std::string_view what) {
  if (!object.is_object()) {
    return refuse(fmt::format("{} is not a JSON object.", what));
  }
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) {
      return refuse(fmt::format("'{}' in {} is not a key of a model card.", key, what));
    }
  }
  return {};
}

Result<Vec3> vec3Member(const Json& object, std::string_view key, std::string_view what) {
  ARGAND_ASSIGN(const std::vector<double> values,
                jsonMember<std::vector<double>>(object, key, what));
  if (values.size() != 3) {
    return refuse(fmt::format("'{}' in {} needs three numbers.", key, what));
  }
  return Vec3{values[0], values[1], values[2]};
}

Result<ModelInput> inputFromJson(const Json& json, std::string_view what) {
  ARGAND_TRY(checkKeys(json, {"modality", "name", "normalization", "lower", "upper"}, what));
  ModelInput input;
  ARGAND_ASSIGN(const std::string modality, jsonMember<std::string>(json, "modality", what));
  input.modality = modalityFromCode(modality);
  if (input.modality == Modality::Unknown || input.modality == Modality::Other) {
    return refuse(fmt::format(
        "'modality' in {} is '{}'; it must be a DICOM code such as CT or MR.", what, modality));
  }
  ARGAND_ASSIGN(input.name, jsonMemberOr<std::string>(json, "name", modality, what));
  ARGAND_ASSIGN(const std::string kind, jsonMember<std::string>(json, "normalization", what));
  if (kind == kZScore) {
    input.normalization = Normalization::ZScore;
    return input;
  }
  if (kind != kClipAndScale) {
    return refuse(fmt::format("'normalization' in {} is '{}'; it must be '{}' or '{}'.",
                              what,
                              kind,
                              kZScore,
                              kClipAndScale));
  }
  input.normalization = Normalization::ClipAndScale;
  ARGAND_ASSIGN(input.lower, jsonMember<double>(json, "lower", what));
  ARGAND_ASSIGN(input.upper, jsonMember<double>(json, "upper", what));
  if (!(input.upper > input.lower)) {
    return refuse(fmt::format("'upper' in {} must be greater than 'lower'.", what));
  }
  return input;
}

Json toJson(const ModelInput& input) {
  Json json{{"modality", toString(input.modality)}, {"name", input.name}};
  if (input.normalization == Normalization::ZScore) {
    json["normalization"] = kZScore;
  } else {
    json["normalization"] = kClipAndScale;
    json["lower"] = input.lower;
    json["upper"] = input.upper;
  }
  return json;
}

Result<ModelStructure> structureFromJson(const Json& json, std::string_view what) {
  ARGAND_TRY(checkKeys(json, {"label", "name", "code", "color", "sided"}, what));
  ModelStructure structure;
  ARGAND_ASSIGN(structure.value, jsonMember<LabelValue>(json, "label", what));
  ARGAND_ASSIGN(structure.name, jsonMember<std::string>(json, "name", what));
  if (structure.name.empty()) {
    return refuse(fmt::format("'name' in {} is empty.", what));
  }
  ARGAND_ASSIGN(structure.sided, jsonMemberOr<bool>(json, "sided", false, what));
  structure.color = paletteColor(structure.value == 0 ? 0U : structure.value - 1U);
  if (json.contains("color")) {
    using Rgb = std::array<std::uint8_t, 3>;
    ARGAND_ASSIGN(const Rgb rgb, jsonMember<Rgb>(json, "color", what));
    structure.color = {rgb[0], rgb[1], rgb[2]};
  }
  if (json.contains("code")) {
    using Triple = std::array<std::string, 3>;
    ARGAND_ASSIGN(const Triple code, jsonMember<Triple>(json, "code", what));
    structure.code = Code{code[0], code[1], code[2]};
  }
  return structure;
}

Json toJson(const ModelStructure& structure) {
  Json json{{"label", structure.value}, {"name", structure.name}};
  if (structure.code) {
    json["code"] = {structure.code->scheme, structure.code->value, structure.code->meaning};
  }
  json["color"] = {structure.color.red, structure.color.green, structure.color.blue};
  json["sided"] = structure.sided;
  return json;
}

// Class n of the network is structure n, so labels are 1, 2, 3... in order.
Result<void> readStructures(ModelCard& card, const Json& json, std::string_view what) {
  ARGAND_ASSIGN(const Json list, jsonMember<Json>(json, "structures", what));
  if (!list.is_array() || list.empty()) {
    return refuse(fmt::format("'structures' in {} lists nothing.", what));
  }
  std::set<std::string> names;
  for (const Json& entry : list) {
    const std::string where = fmt::format("structure {} of {}", card.structures.size() + 1, what);
    ARGAND_ASSIGN(ModelStructure structure, structureFromJson(entry, where));
    if (structure.value != card.structures.size() + 1) {
      return refuse(
          fmt::format("'label' in {} is {}; labels must be 1, 2, 3... in the order of the classes.",
                      where,
                      structure.value));
    }
    if (!names.insert(structure.name).second) {
      return refuse(fmt::format("The name '{}' in {} is used twice.", structure.name, where));
    }
    card.structures.push_back(std::move(structure));
  }
  return {};
}

Result<void> readInputs(ModelCard& card, const Json& json, std::string_view what) {
  ARGAND_ASSIGN(const Json list, jsonMember<Json>(json, "inputs", what));
  if (!list.is_array() || list.empty()) {
    return refuse(fmt::format("'inputs' in {} lists nothing.", what));
  }
  for (const Json& entry : list) {
    ARGAND_ASSIGN(
        ModelInput input,
        inputFromJson(entry, fmt::format("input {} of {}", card.inputs.size() + 1, what)));
    card.inputs.push_back(std::move(input));
  }
  return {};
}

// The id names a folder and stands on command lines.
bool usableId(std::string_view id) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  return !id.empty() && id.front() != '.' && id.front() != '-' && id.size() <= 64 &&
         id.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<void> readSpace(ModelCard& card, const Json& json, std::string_view what) {
  ARGAND_ASSIGN(card.axisCodes, jsonMember<std::string>(json, "axis_codes", what));
  if (!orderTo(Geometry{{1, 1, 1}, {}, {}}, card.axisCodes)) {
    return refuse(fmt::format(
        "'axis_codes' in {} is '{}'; it must name each of L/R, P/A and S/I once, as in 'RAS'.",
        what,
        card.axisCodes));
  }
  ARGAND_ASSIGN(card.spacingMm, vec3Member(json, "spacing_mm", what));
  ARGAND_ASSIGN(card.trainedExtentMm, vec3Member(json, "trained_extent_mm", what));
  for (int axis = 0; axis < 3; ++axis) {
    if (!(card.spacingMm[axis] > 0.0) || !std::isfinite(card.spacingMm[axis])) {
      return refuse(fmt::format("'spacing_mm' in {} must be greater than 0.", what));
    }
    if (!(card.trainedExtentMm[axis] > 0.0) || !std::isfinite(card.trainedExtentMm[axis])) {
      return refuse(fmt::format("'trained_extent_mm' in {} must be greater than 0.", what));
    }
  }
  return {};
}

Result<void> readWindow(ModelCard& card, const Json& json, std::string_view what) {
  if (!json.contains("window")) {
    return {};
  }
  const std::string where = fmt::format("'window' in {}", what);
  ARGAND_TRY(checkKeys(json["window"], {"size", "overlap"}, where));
  ARGAND_ASSIGN(const auto size,
                jsonMember<std::vector<std::int64_t>>(json["window"], "size", where));
  if (size.size() != 3 || *std::min_element(size.begin(), size.end()) < 1) {
    return refuse(fmt::format("'size' in {} needs three numbers of voxels.", where));
  }
  ModelWindow window{{size[0], size[1], size[2]}};
  ARGAND_ASSIGN(window.overlap, jsonMember<double>(json["window"], "overlap", where));
  if (!(window.overlap >= 0.0 && window.overlap < 1.0)) {
    return refuse(fmt::format("'overlap' in {} must be 0 or more and less than 1.", where));
  }
  card.window = window;
  return {};
}

Result<void> readWeights(ModelCard& card, const Json& json, std::string_view what) {
  ARGAND_ASSIGN(card.weightsFile, jsonMember<std::string>(json, "weights", what));
  if (card.weightsFile.empty() || card.weightsFile.find('/') != std::string::npos) {
    return refuse(fmt::format("'weights' in {} must be the name of a file beside the card.", what));
  }
  ARGAND_ASSIGN(card.weightsSha256, jsonMember<std::string>(json, "weights_sha256", what));
  if (card.weightsSha256.size() != 64 ||
      card.weightsSha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return refuse(
        fmt::format("'weights_sha256' in {} must be 64 hexadecimal digits in lower case.", what));
  }
  return {};
}

}  // namespace

LabelTable ModelCard::labelTable() const {
  LabelTable table;
  for (const ModelStructure& structure : structures) {
    table.set(structure.value, {structure.name, structure.code, structure.color, Side::None});
  }
  return table;
}

Result<ModelCard> ModelCard::fromJson(const Json& json, std::string_view what) {
  ARGAND_TRY(
      checkKeys(json,
                {"schema",       "id",         "name",       "version",           "description",
                 "intended_use", "license",    "network",    "body_region",       "attribution",
                 "inputs",       "structures", "axis_codes", "trained_extent_mm", "mirror_safe",
                 "spacing_mm",   "weights",    "parent",     "weights_sha256",    "training",
                 "metrics",      "window"},
                what));
  ARGAND_ASSIGN(const int schema, jsonMember<int>(json, "schema", what));
  if (schema != kSchema) {
    return refuse(fmt::format(
        "'schema' in {} is {}; this program reads cards of schema {}.", what, schema, kSchema));
  }
  ModelCard card;
  ARGAND_ASSIGN(card.id, jsonMember<std::string>(json, "id", what));
  if (!usableId(card.id)) {
    return refuse(fmt::format(
        "'id' in {} is '{}'; it may have up to 64 small letters, digits, dots, dashes and "
        "underscores, and starts with a letter or a digit.",
        what,
        card.id));
  }
  ARGAND_ASSIGN(card.name, jsonMember<std::string>(json, "name", what));
  ARGAND_ASSIGN(card.version, jsonMember<std::string>(json, "version", what));
  ARGAND_ASSIGN(card.description, jsonMember<std::string>(json, "description", what));
  ARGAND_ASSIGN(card.intendedUse, jsonMember<std::string>(json, "intended_use", what));
  ARGAND_ASSIGN(card.bodyRegion, jsonMember<std::string>(json, "body_region", what));
  ARGAND_ASSIGN(card.license, jsonMember<std::string>(json, "license", what));
  ARGAND_ASSIGN(card.attribution, jsonMember<std::string>(json, "attribution", what));
  ARGAND_ASSIGN(card.network, jsonMember<std::string>(json, "network", what));
  ARGAND_TRY(readInputs(card, json, what));
  ARGAND_TRY(readStructures(card, json, what));
  ARGAND_TRY(readSpace(card, json, what));
  ARGAND_TRY(readWindow(card, json, what));
  ARGAND_ASSIGN(card.mirrorSafe, jsonMember<bool>(json, "mirror_safe", what));
  ARGAND_TRY(readWeights(card, json, what));
  ARGAND_ASSIGN(card.parent, jsonMemberOr<std::string>(json, "parent", {}, what));
  card.training = json.value("training", Json::object());
  card.metrics = json.value("metrics", Json::object());
  return card;
}

Json ModelCard::toJson() const {
  Json json;
  json["schema"] = kSchema;
  json["id"] = id;
  json["name"] = name;
  json["version"] = version;
  json["description"] = description;
  json["intended_use"] = intendedUse;
  json["body_region"] = bodyRegion;
  json["license"] = license;
  json["attribution"] = attribution;
  json["network"] = network;
  json["inputs"] = Json::array();
  for (const ModelInput& input : inputs) {
    json["inputs"].push_back(infer::toJson(input));
  }
  json["structures"] = Json::array();
  for (const ModelStructure& structure : structures) {
    json["structures"].push_back(infer::toJson(structure));
  }
  json["axis_codes"] = axisCodes;
  json["spacing_mm"] = {spacingMm.x, spacingMm.y, spacingMm.z};
  json["trained_extent_mm"] = {trainedExtentMm.x, trainedExtentMm.y, trainedExtentMm.z};
  if (window) {
    json["window"] = {{"size", {window->size.i, window->size.j, window->size.k}},
                      {"overlap", window->overlap}};
  }
  json["mirror_safe"] = mirrorSafe;
  json["weights"] = weightsFile;
  json["weights_sha256"] = weightsSha256;
  if (!parent.empty()) {
    json["parent"] = parent;
  }
  json["training"] = training.is_null() ? Json::object() : training;
  json["metrics"] = metrics.is_null() ? Json::object() : metrics;
  return json;
}

}  // namespace argand::infer
