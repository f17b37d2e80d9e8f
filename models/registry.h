// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/model_source.h"

#include <filesystem>
#include <string>
#include <vector>

namespace argand::models {

// Models as folders, each with card.json and its weights: those that come with
// the program, and the person's own.
class Registry : public infer::ModelSource {
 public:
  // Where the models are on this machine: ARGAND_MODELS, else share/argand/models
  // of the installation, else the source tree; the person's own in
  // argand/models under XDG_DATA_HOME (by default ~/.local/share).
  Registry();
  Registry(std::filesystem::path shipped, std::filesystem::path own);

  // By id. A folder whose card cannot be read is left out, with a warning in the log.
  [[nodiscard]] std::vector<infer::ModelCard> list() const override;
  [[nodiscard]] Result<infer::ModelCard> card(const std::string& id) const override;
  // Also checks that every tensor of the network is in the weights, in its shape.
  [[nodiscard]] Result<infer::LoadedModel> load(const std::string& id) const override;
  [[nodiscard]] Result<engine::Graph> network(const std::string& spec) const override;
  [[nodiscard]] Result<void> install(const infer::ModelCard& card,
                                     const std::filesystem::path& weights) override;

  [[nodiscard]] const std::filesystem::path& shippedFolder() const { return m_shipped; }

  [[nodiscard]] const std::filesystem::path& ownFolder() const { return m_own; }

 private:
  // The folder of a model; empty where there is none.
  [[nodiscard]] std::filesystem::path folderOf(const std::string& id) const;

  std::filesystem::path m_shipped;
  std::filesystem::path m_own;
};

}  // namespace argand::models
