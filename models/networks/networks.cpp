// SPDX-License-Identifier: Apache-2.0
#include "models/networks/networks.h"

#include "models/networks/dynunet.h"
#include "models/networks/lamp_se_unet.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/meshnet.h"
#include "models/networks/monai_unet.h"
#include "models/networks/network_options.h"
#include "models/networks/nnunet_plain.h"
#include "models/networks/nnunet_resenc.h"
#include "models/networks/segresnet.h"

#include <string>
#include <vector>

namespace argand::models {

namespace {

using From = NetworkOptions;

// Numbers of layers, units and the like; more is a slip of the keyboard.
constexpr std::int64_t kMostLayers = 64;

// Keys of every network.
template <typename Options>
Result<void> takeEnds(From& from, Options& options) {
  ARGAND_ASSIGN(options.classes, from.number("classes", options.classes));
  ARGAND_ASSIGN(options.inputChannels, from.number("in", options.inputChannels));
  return {};
}

template <typename Options>
Result<void> takeLamp(From& from, Options& options) {
  constexpr std::int64_t kDeepest = 8;
  ARGAND_TRY(takeEnds(from, options));
  ARGAND_ASSIGN(options.width, from.number("n", options.width));
  ARGAND_ASSIGN(const std::int64_t depth, from.number("depth", options.depth, kDeepest));
  options.depth = static_cast<int>(depth);
  ARGAND_ASSIGN(const std::size_t norm, from.choice("norm", {"batch", "instance"}));
  options.norm = norm == 0 ? Options::Norm::Batch : Options::Norm::Instance;
  return {};
}

Result<engine::Graph> buildLamp(From& from) {
  LampUnetOptions options;
  ARGAND_TRY(takeLamp(from, options));
  ARGAND_TRY(from.finish("n, classes, in, depth and norm"));
  return lampUnet(options);
}

Result<engine::Graph> buildLampSe(From& from) {
  LampSeUnetOptions options;
  ARGAND_TRY(takeLamp(from, options));
  ARGAND_ASSIGN(options.reduction, from.number("reduction", options.reduction));
  ARGAND_TRY(from.finish("n, classes, in, depth, norm and reduction"));
  return lampSeUnet(options);
}

Result<void> takeStages(From& from, NnunetStages& stages) {
  ARGAND_TRY(takeEnds(from, stages));
  ARGAND_ASSIGN(stages.channels, from.numbers("channels", stages.channels));
  ARGAND_ASSIGN(stages.kernels, from.extents("kernels"));
  ARGAND_ASSIGN(stages.strides, from.extents("strides"));
  ARGAND_ASSIGN(stages.decoderConvs, from.numbers("decoder", {}, kMostLayers));
  return {};
}

// The rules that concern several options together.
template <typename Options>
Result<void> checked(const From& from, const Options& options) {
  if (const auto checks = options.check(); !checks) {
    std::string what = checks.error().message;
    what.erase(what.find_last_not_of('.') + 1);
    return from.wrong(what);
  }
  return {};
}

Result<engine::Graph> buildNnunetPlain(From& from) {
  NnunetPlainOptions options;
  ARGAND_TRY(takeStages(from, options));
  ARGAND_ASSIGN(options.convs, from.numbers("convs", {}, kMostLayers));
  ARGAND_TRY(from.finish("channels, classes, in, kernels, strides, convs and decoder"));
  ARGAND_TRY(checked(from, options));
  return nnunetPlain(options);
}

Result<engine::Graph> buildNnunetResenc(From& from) {
  NnunetResencOptions options;
  ARGAND_TRY(takeStages(from, options));
  ARGAND_ASSIGN(options.blocks, from.numbers("blocks", {}, kMostLayers));
  ARGAND_TRY(from.finish("channels, classes, in, kernels, strides, blocks and decoder"));
  ARGAND_TRY(checked(from, options));
  return nnunetResenc(options);
}

Result<engine::Graph> buildMonaiUnet(From& from) {
  constexpr std::int64_t kLargestStride = 16;
  MonaiUnetOptions options;
  ARGAND_TRY(takeEnds(from, options));
  ARGAND_ASSIGN(options.channels, from.numbers("channels", options.channels));
  const std::vector<std::int64_t> twos(options.channels.size() - 1, 2);
  ARGAND_ASSIGN(options.strides, from.numbers("strides", twos, kLargestStride));
  ARGAND_ASSIGN(options.kernel, from.number("kernel", options.kernel, kMostLayers));
  // A number that may be 0, which means plain convolutions.
  ARGAND_ASSIGN(const std::size_t units, from.choice("units", {"2", "0", "1", "3", "4"}));
  constexpr std::int64_t kUnits[] = {2, 0, 1, 3, 4};
  options.units = kUnits[units];
  ARGAND_ASSIGN(const std::size_t norm, from.choice("norm", {"instance", "batch"}));
  options.norm = static_cast<MonaiUnetOptions::Norm>(norm);
  ARGAND_ASSIGN(const std::size_t act, from.choice("act", {"prelu", "relu", "leakyrelu"}));
  options.activation = static_cast<MonaiUnetOptions::Activation>(act);
  ARGAND_ASSIGN(options.dropout, from.share("dropout", options.dropout));
  ARGAND_TRY(from.finish("channels, classes, in, strides, kernel, units, norm, act and dropout"));
  ARGAND_TRY(checked(from, options));
  return monaiUnet(options);
}

Result<engine::Graph> buildDynUnet(From& from) {
  DynUnetOptions options;
  ARGAND_TRY(takeEnds(from, options));
  ARGAND_ASSIGN(options.channels, from.numbers("channels", options.channels));
  ARGAND_ASSIGN(options.kernels, from.extents("kernels"));
  ARGAND_ASSIGN(options.strides, from.extents("strides"));
  ARGAND_ASSIGN(const std::size_t residual, from.choice("residual", {"no", "yes"}));
  options.residual = residual == 1;
  ARGAND_ASSIGN(const std::size_t bias, from.choice("transposed_bias", {"no", "yes"}));
  options.transposedBias = bias == 1;
  ARGAND_TRY(from.finish("channels, classes, in, kernels, strides, residual and transposed_bias"));
  ARGAND_TRY(checked(from, options));
  return dynUnet(options);
}

Result<engine::Graph> buildSegResNet(From& from) {
  SegResNetOptions options;
  ARGAND_TRY(takeEnds(from, options));
  ARGAND_ASSIGN(options.width, from.number("n", options.width));
  ARGAND_ASSIGN(options.groups, from.number("groups", options.groups));
  ARGAND_ASSIGN(options.down, from.numbers("down", options.down, kMostLayers));
  const std::vector<std::int64_t> ones(options.down.size() - 1, 1);
  ARGAND_ASSIGN(options.up, from.numbers("up", ones, kMostLayers));
  ARGAND_ASSIGN(options.dropout, from.share("dropout", options.dropout));
  ARGAND_TRY(from.finish("n, classes, in, groups, down, up and dropout"));
  ARGAND_TRY(checked(from, options));
  return segResNet(options);
}

Result<engine::Graph> buildMeshNet(From& from) {
  constexpr std::int64_t kLargestDilation = 256;
  MeshNetOptions options;
  ARGAND_TRY(takeEnds(from, options));
  ARGAND_ASSIGN(options.channels, from.number("channels", options.channels));
  ARGAND_ASSIGN(options.dilations, from.numbers("dilations", options.dilations, kLargestDilation));
  ARGAND_ASSIGN(const std::size_t norm, from.choice("norm", {"batch", "none"}));
  options.norm = norm == 0 ? MeshNetOptions::Norm::Batch : MeshNetOptions::Norm::None;
  ARGAND_ASSIGN(options.dropout, from.share("dropout", options.dropout));
  ARGAND_TRY(from.finish("channels, classes, in, dilations, norm and dropout"));
  return meshNet(options);
}

struct Known {
  std::string_view name;
  Result<engine::Graph> (*build)(From&);
};

constexpr Known kKnown[] = {{"lamp-unet", buildLamp},
                            {"lamp-se-unet", buildLampSe},
                            {"nnunet-plain", buildNnunetPlain},
                            {"nnunet-resenc", buildNnunetResenc},
                            {"monai-unet", buildMonaiUnet},
                            {"dynunet", buildDynUnet},
                            {"segresnet", buildSegResNet},
                            {"meshnet", buildMeshNet}};

}  // namespace

Result<engine::Graph> buildNetwork(std::string_view description) {
  ARGAND_ASSIGN(NetworkOptions options, NetworkOptions::parse(description));
  std::string names;
  for (const Known& known : kKnown) {
    if (known.name == options.network()) {
      return known.build(options);
    }
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return fail(ErrorCode::Usage,
              fmt::format("There is no network '{}'; known are {}.", options.network(), names));
}

}  // namespace argand::models
