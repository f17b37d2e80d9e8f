// SPDX-License-Identifier: Apache-2.0
#include "models/import/meshnet.h"

#include "core/base/json.h"
#include "core/base/text.h"
#include "models/networks/networks.h"

#include <fmt/ranges.h>

namespace argand::models {

namespace {

struct Layer {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t kernel = 0;
  std::int64_t padding = 0;
  std::int64_t stride = 0;
  std::int64_t dilation = 0;
};

Result<Layer> layerOf(const Json& json, std::string_view what) {
  Layer layer;
  ARGAND_ASSIGN(layer.in, jsonMember<std::int64_t>(json, "in_channels", what));
  ARGAND_ASSIGN(layer.out, jsonMember<std::int64_t>(json, "out_channels", what));
  ARGAND_ASSIGN(layer.kernel, jsonMember<std::int64_t>(json, "kernel_size", what));
  ARGAND_ASSIGN(layer.padding, jsonMember<std::int64_t>(json, "padding", what));
  ARGAND_ASSIGN(layer.stride, jsonMember<std::int64_t>(json, "stride", what));
  ARGAND_ASSIGN(layer.dilation, jsonMember<std::int64_t>(json, "dilation", what));
  return layer;
}

// The description of the network; `step` becomes the distance of two
// convolutions in the Sequential.
Result<std::string> networkOf(const Json& json, const std::string& what, std::size_t& step) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::InputRefused, fmt::format("{}: {}.", what, why));
  };
  ARGAND_ASSIGN(const bool norm, jsonMemberOr(json, "bnorm", false, what));
  ARGAND_ASSIGN(const bool gelu, jsonMemberOr(json, "gelu", false, what));
  ARGAND_ASSIGN(const bool bias, jsonMemberOr(json, "bias", true, what));
  ARGAND_ASSIGN(const double dropout, jsonMemberOr(json, "dropout_p", 0.0, what));
  ARGAND_ASSIGN(const Json layers, jsonMember<Json>(json, "layers", what));
  if (norm || gelu || !bias) {
    return refuse("only a MeshNet with biases and ReLU and without norms can be imported");
  }
  if (!layers.is_array() || layers.size() < 2) {
    return refuse("it has no list of two layers or more");
  }
  std::vector<std::int64_t> dilations;
  ARGAND_ASSIGN(const Layer first, layerOf(layers[0], what));
  ARGAND_ASSIGN(const Layer last, layerOf(layers[layers.size() - 1], what));
  for (std::size_t n = 0; n + 1 < layers.size(); ++n) {
    ARGAND_ASSIGN(const Layer layer, layerOf(layers[n], what));
    const bool fits = layer.kernel == 3 && layer.stride == 1 && layer.padding == layer.dilation &&
                      layer.out == first.out && (n == 0 || layer.in == first.out);
    if (!fits) {
      return refuse(
          fmt::format("layer {} is no dilated 3x3x3 convolution of {} channels that "
                      "keeps the size",
                      n + 1,
                      first.out));
    }
    dilations.push_back(layer.dilation);
  }
  if (last.kernel != 1 || last.stride != 1 || last.padding != 0 || last.in != first.out) {
    return refuse("its last layer is no 1x1x1 convolution");
  }
  step = dropout > 0.0 ? 3 : 2;
  return fmt::format("meshnet:channels={},classes={},in={},dilations={},norm=none{}",
                     first.out,
                     last.out,
                     first.in,
                     fmt::join(dilations, "-"),
                     dropout > 0.0 ? fmt::format(",dropout={}", dropout) : "");
}

}  // namespace

Result<ImportedNetwork> importMeshnet(const std::filesystem::path& weights,
                                      const std::filesystem::path& description) {
  ARGAND_ASSIGN(const Json json, readJsonFile(description));
  ImportedNetwork imported;
  std::size_t step = 0;
  ARGAND_ASSIGN(imported.network, networkOf(json, displayed(description), step));
  ARGAND_ASSIGN(imported.graph, buildNetwork(imported.network));
  ARGAND_ASSIGN(const engine::TensorFile file, engine::readTensorFile(weights));
  std::size_t place = 0;
  for (const engine::Node& node : imported.graph.nodes()) {
    if (!std::holds_alternative<engine::ConvOp>(node.op)) {
      continue;
    }
    for (const char* kind : {"weight", "bias"}) {
      const std::string theirs = fmt::format("model.{}.{}", place, kind);
      const engine::StoredTensor* found = file.find(theirs);
      if (found == nullptr) {
        return fail(ErrorCode::InputRefused,
                    fmt::format("{} lacks the tensor '{}'.", displayed(weights), theirs));
      }
      imported.weights.tensors.push_back(*found);
      imported.weights.tensors.back().name = fmt::format("{}.{}", node.name, kind);
    }
    place += step;
  }
  if (imported.weights.tensors.size() != file.tensors.size()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} has {} tensors, this network {}; it belongs to another one.",
                            displayed(weights),
                            file.tensors.size(),
                            imported.weights.tensors.size()));
  }
  return imported;
}

}  // namespace argand::models
