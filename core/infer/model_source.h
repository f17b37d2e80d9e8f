// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/graph.h"
#include "core/infer/model_card.h"

#include <filesystem>
#include <string>
#include <vector>

namespace argand::infer {

struct LoadedModel {
  ModelCard card;
  engine::Graph graph;
  std::filesystem::path weights;  // safetensors, keyed by layer name
};

// The graph's channels and classes are those that the card lists.
[[nodiscard]] Result<void> checkNetwork(const ModelCard& card, const engine::Graph& graph);

// Where models come from. models/registry.h implements it; the programs join
// the two, so that nothing below them knows which networks exist.
class ModelSource {
 public:
  virtual ~ModelSource() = default;

  [[nodiscard]] virtual std::vector<ModelCard> list() const = 0;
  // Fails, naming the models there are, where there is no `id`.
  [[nodiscard]] virtual Result<ModelCard> card(const std::string& id) const = 0;
  // Builds the graph and checks the weights' hash against the card.
  [[nodiscard]] virtual Result<LoadedModel> load(const std::string& id) const = 0;
  // The graph of a network by name and options, as in "lamp-unet:n=32,classes=10".
  [[nodiscard]] virtual Result<engine::Graph> network(const std::string& spec) const = 0;
  // Copies a card and its weights into the person's own models, under card.id.
  // An id that exists is refused.
  [[nodiscard]] virtual Result<void> install(const ModelCard& card,
                                             const std::filesystem::path& weights) = 0;
};

}  // namespace argand::infer
