// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/parameters.h"
#include "core/infer/model_source.h"
#include "core/infer/weights_hash.h"
#include "models/networks/networks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

namespace argand::test {

// A card that passes every check, for a network of one input and two structures.
inline infer::ModelCard sampleCard(const std::string& network) {
  infer::ModelCard card;
  card.id = "sample";
  card.name = "Sample";
  card.version = "1.0.0";
  card.description = "A network for tests.";
  card.intendedUse = "Tests only.";
  card.bodyRegion = "none";
  card.license = "Apache-2.0";
  card.attribution = "none";
  card.network = network;
  card.inputs = {{Modality::Mr, "T1", infer::Normalization::ZScore, 0.0, 1.0}};
  card.structures = {{1, "One", Code{"SCT", "1", "One"}, Color{255, 0, 0}, true},
                     {2, "Two", std::nullopt, Color{0, 255, 0}, false}};
  card.axisCodes = "RAS";
  card.trainedExtentMm = {200.0, 200.0, 200.0};
  card.mirrorSafe = true;
  card.weightsSha256 = std::string(64, 'a');
  return card;
}

// One model with weights by chance, in a folder of the test's own.
class FakeModels : public infer::ModelSource {
 public:
  FakeModels(infer::ModelCard card, const std::filesystem::path& folder, std::uint64_t seed = 7)
      : m_card(std::move(card)), m_weights(folder / m_card.weightsFile) {
    const auto graph = models::buildNetwork(m_card.network).value();
    const auto saved = engine::Parameters::initialised(graph, seed).value().save(m_weights);
    EXPECT_TRUE(saved) << "The weights could not be written.";
    m_card.weightsSha256 = infer::sha256OfFile(m_weights).value();
  }

  [[nodiscard]] std::vector<infer::ModelCard> list() const override { return {m_card}; }

  [[nodiscard]] Result<infer::ModelCard> card(const std::string& id) const override {
    if (id != m_card.id) {
      return fail(ErrorCode::InputRefused, "There is no such model.");
    }
    return m_card;
  }

  [[nodiscard]] Result<infer::LoadedModel> load(const std::string& id) const override {
    ARGAND_ASSIGN(infer::ModelCard found, card(id));
    ARGAND_ASSIGN(engine::Graph graph, network(found.network));
    return infer::LoadedModel{std::move(found), std::move(graph), m_weights};
  }

  [[nodiscard]] Result<engine::Graph> network(const std::string& spec) const override {
    return models::buildNetwork(spec);
  }

  [[nodiscard]] Result<void> install(const infer::ModelCard& /*card*/,
                                     const std::filesystem::path& /*weights*/) override {
    return fail(ErrorCode::OutputFailed, "Nothing can be installed here.");
  }

 private:
  infer::ModelCard m_card;
  std::filesystem::path m_weights;
};

// Every order of three axes and every choice of directions.
inline std::vector<AxisOrder> allAxisOrders() {
  std::vector<AxisOrder> orders;
  std::array<int, 3> axes{0, 1, 2};
  do {
    for (unsigned flips = 0; flips < 8; ++flips) {
      orders.push_back({axes, {(flips & 1U) != 0, (flips & 2U) != 0, (flips & 4U) != 0}});
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
  return orders;
}

}  // namespace argand::test
