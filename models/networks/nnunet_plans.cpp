// SPDX-License-Identifier: Apache-2.0
#include "models/networks/nnunet_plans.h"

#include "core/base/json.h"
#include "models/networks/nnunet_plain.h"
#include "models/networks/nnunet_resenc.h"

#include <algorithm>
#include <string>

namespace argand::models {

namespace {

using engine::Extent;

constexpr std::string_view kPlain = "PlainConvUNet";
constexpr std::string_view kResenc = "ResidualEncoderUNet";

Failure refuse(std::string message) {
  return fail(ErrorCode::InputRefused, std::move(message));
}

// A configuration with what it inherits; its own values win.
Result<Json> configurationOf(const Json& plans, const std::string& name) {
  ARGAND_ASSIGN(const Json all, jsonMember<Json>(plans, "configurations", "the plans"));
  Json merged = Json::object();
  std::string next = name;
  for (std::size_t n = 0; n <= all.size(); ++n) {
    if (!all.is_object() || !all.contains(next) || !all[next].is_object()) {
      return refuse(fmt::format("The plans have no configuration '{}'.", next));
    }
    for (const auto& [key, value] : all[next].items()) {
      if (!merged.contains(key)) {
        merged[key] = value;
      }
    }
    if (!all[next].contains("inherits_from")) {
      return merged;
    }
    ARGAND_ASSIGN(next, jsonMember<std::string>(all[next], "inherits_from", "the plans"));
    merged.erase("inherits_from");
  }
  return refuse(fmt::format("The configuration '{}' of the plans inherits from itself.", name));
}

// nnU-Net wrote one number for all axes, or one per axis.
Result<std::vector<Extent>> extents(const Json& from, std::string_view key) {
  ARGAND_ASSIGN(const Json list, jsonMember<Json>(from, key, "the plans"));
  std::vector<Extent> values;
  for (const Json& one : list) {
    const bool cube = one.is_number_integer();
    const bool box =
        one.is_array() && one.size() == 3 &&
        std::all_of(one.begin(), one.end(), [](const Json& n) { return n.is_number_integer(); });
    if (!cube && !box) {
      return refuse(fmt::format(
          "'{}' in the plans is no list of whole numbers or triples of them; only 3D networks are "
          "supported.",
          key));
    }
    const auto at = [&](std::size_t axis) {
      return cube ? one.get<std::int64_t>() : one[axis].get<std::int64_t>();
    };
    values.push_back({at(0), at(1), at(2)});
  }
  return values;
}

// One number for all stages, or one per stage.
Result<std::vector<std::int64_t>> counts(const Json& from, std::string_view key, std::size_t n) {
  ARGAND_ASSIGN(const Json value, jsonMember<Json>(from, key, "the plans"));
  if (value.is_number_integer()) {
    return std::vector<std::int64_t>(n, value.get<std::int64_t>());
  }
  return jsonMember<std::vector<std::int64_t>>(from, key, "the plans");
}

std::string lastWord(const std::string& path) {
  return path.substr(path.find_last_of('.') + 1);
}

// The arguments that nnU-Net before version 2.4 left to its code.
Result<Json> argumentsOfOldPlans(const Json& configuration) {
  constexpr std::string_view kWhat = "the plans";
  Json arguments = {{"conv_bias", true},
                    {"norm_op", "InstanceNorm3d"},
                    {"norm_op_kwargs", {{"eps", 1e-5}, {"affine", true}}},
                    {"nonlin", "LeakyReLU"}};
  for (const auto& [key, old] :
       {std::pair{"kernel_sizes", "conv_kernel_sizes"},
        std::pair{"strides", "pool_op_kernel_sizes"},
        std::pair{"n_conv_per_stage", "n_conv_per_stage_encoder"},
        std::pair{"n_blocks_per_stage", "n_conv_per_stage_encoder"},
        std::pair{"n_conv_per_stage_decoder", "n_conv_per_stage_decoder"}}) {
    ARGAND_ASSIGN(arguments[key], jsonMember<Json>(configuration, old, kWhat));
  }
  ARGAND_ASSIGN(const auto base,
                jsonMember<std::int64_t>(configuration, "UNet_base_num_features", kWhat));
  ARGAND_ASSIGN(const auto most,
                jsonMember<std::int64_t>(configuration, "unet_max_num_features", kWhat));
  Json features = Json::array();
  for (std::size_t n = 0; n < arguments["kernel_sizes"].size() && n < 32; ++n) {
    features.push_back(std::min(base << n, most));
  }
  arguments["features_per_stage"] = features;
  return arguments;
}

Result<NnunetStages> stagesOf(const Json& arguments) {
  constexpr std::string_view kWhat = "the plans";
  NnunetStages stages;
  ARGAND_ASSIGN(stages.kernels, extents(arguments, "kernel_sizes"));
  ARGAND_ASSIGN(stages.strides, extents(arguments, "strides"));
  const std::size_t count = stages.kernels.size();
  ARGAND_ASSIGN(stages.channels, counts(arguments, "features_per_stage", count));
  ARGAND_ASSIGN(stages.decoderConvs,
                counts(arguments, "n_conv_per_stage_decoder", count == 0 ? 0 : count - 1));
  ARGAND_ASSIGN(stages.bias, jsonMemberOr(arguments, "conv_bias", false, kWhat));
  ARGAND_ASSIGN(const auto norm, jsonMember<std::string>(arguments, "norm_op", kWhat));
  ARGAND_ASSIGN(const auto activation, jsonMember<std::string>(arguments, "nonlin", kWhat));
  if (lastWord(norm) != "InstanceNorm3d") {
    return refuse(fmt::format("The norm '{}' of the plans is not supported.", norm));
  }
  if (lastWord(activation) != "LeakyReLU" && lastWord(activation) != "ReLU") {
    return refuse(fmt::format("The activation '{}' of the plans is not supported.", activation));
  }
  for (const char* key : {"dropout_op", "stem_channels", "bottleneck_channels"}) {
    if (arguments.contains(key) && !arguments[key].is_null()) {
      return refuse(fmt::format("'{}' in the plans is not supported.", key));
    }
  }
  const auto optional = [&](std::string_view key) {
    const bool given = arguments.contains(key) && arguments[std::string(key)].is_object();
    return given ? arguments[std::string(key)] : Json::object();
  };
  const Json normArguments = optional("norm_op_kwargs");
  ARGAND_ASSIGN(stages.epsilon, jsonMemberOr(normArguments, "eps", 1e-5, kWhat));
  ARGAND_ASSIGN(stages.affine, jsonMemberOr(normArguments, "affine", false, kWhat));
  const Json activationArguments = optional("nonlin_kwargs");
  ARGAND_ASSIGN(stages.slope, jsonMemberOr(activationArguments, "negative_slope", 0.01, kWhat));
  if (lastWord(activation) == "ReLU") {
    stages.slope = 0.0;
  }
  return stages;
}

template <typename Options>
Result<Options> checked(Options options) {
  if (const auto checks = options.check(); !checks) {
    return refuse(fmt::format("The plans describe no network: {}", checks.error().message));
  }
  return options;
}

}  // namespace

Result<engine::Graph> nnunetFromPlans(std::string_view plans,
                                      std::string_view configuration,
                                      std::int64_t inputChannels,
                                      std::int64_t classes) {
  ARGAND_ASSIGN(const Json json, parseJson(plans, "the plans"));
  ARGAND_ASSIGN(const Json chosen, configurationOf(json, std::string(configuration)));
  std::string network;
  Json arguments;
  if (chosen.contains("architecture")) {
    const Json& architecture = chosen["architecture"];
    ARGAND_ASSIGN(network,
                  jsonMember<std::string>(architecture, "network_class_name", "the plans"));
    ARGAND_ASSIGN(arguments, jsonMember<Json>(architecture, "arch_kwargs", "the plans"));
  } else {
    ARGAND_ASSIGN(network, jsonMember<std::string>(chosen, "UNet_class_name", "the plans"));
    ARGAND_ASSIGN(arguments, argumentsOfOldPlans(chosen));
  }
  ARGAND_ASSIGN(NnunetStages stages, stagesOf(arguments));
  stages.inputChannels = inputChannels;
  stages.classes = classes;
  const std::size_t count = stages.kernels.size();
  if (lastWord(network) == kPlain) {
    ARGAND_ASSIGN(auto convs, counts(arguments, "n_conv_per_stage", count));
    ARGAND_ASSIGN(const auto options, checked(NnunetPlainOptions{stages, std::move(convs)}));
    return nnunetPlain(options);
  }
  if (lastWord(network) == kResenc) {
    ARGAND_ASSIGN(auto blocks, counts(arguments, "n_blocks_per_stage", count));
    ARGAND_ASSIGN(const auto options, checked(NnunetResencOptions{stages, std::move(blocks)}));
    return nnunetResenc(options);
  }
  return refuse(fmt::format(
      "The network '{}' of the plans is not supported; {} and {} are.", network, kPlain, kResenc));
}

}  // namespace argand::models
