// SPDX-License-Identifier: Apache-2.0
#include "models/registry.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/engine/graph/safetensors.h"
#include "core/infer/weights_hash.h"
#include "models/networks/networks.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>

namespace argand::models {

namespace {

namespace fs = std::filesystem;

constexpr const char* kCardFile = "card.json";

fs::path environmentPath(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

fs::path shippedModels() {
  if (const fs::path chosen = environmentPath("ARGAND_MODELS"); !chosen.empty()) {
    return chosen;
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path installed = program.parent_path().parent_path() / ARGAND_MODELS_FROM_PREFIX;
    if (fs::is_directory(installed, error)) {
      return installed;
    }
  }
  return ARGAND_SOURCE_MODELS;
}

fs::path ownModels() {
  fs::path data = environmentPath("XDG_DATA_HOME");
  if (!data.is_absolute()) {  // the XDG specification ignores relative ones
    const fs::path home = environmentPath("HOME");
    data = home.empty() ? fs::temp_directory_path() : home / ".local" / "share";
  }
  return data / "argand" / "models";
}

Result<infer::ModelCard> readCard(const fs::path& folder) {
  const fs::path path = folder / kCardFile;
  ARGAND_ASSIGN(const Json json, readJsonFile(path));
  ARGAND_ASSIGN(infer::ModelCard card, infer::ModelCard::fromJson(json, displayed(path)));
  if (card.id != folder.filename()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'id' in {} is '{}'; it must be the folder's name, '{}'.",
                            displayed(path),
                            card.id,
                            displayed(folder.filename())));
  }
  return card;
}

std::set<fs::path> modelFolders(const fs::path& parent) {
  std::set<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    const bool pending = entry->path().filename().native().starts_with('.');
    if (!pending && fs::exists(entry->path() / kCardFile, error)) {
      folders.insert(entry->path());
    }
  }
  return folders;
}

Result<void> checkWeights(const infer::ModelCard& card, const fs::path& weights) {
  ARGAND_ASSIGN(const std::string hash, infer::sha256OfFile(weights));
  if (hash != card.weightsSha256) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The weights {} are not those of model '{}': their SHA-256 is {}, the "
                            "card says {}. Install the model again.",
                            displayed(weights),
                            card.id,
                            hash,
                            card.weightsSha256));
  }
  return {};
}

Result<void> checkTensors(const engine::Graph& graph, const fs::path& weights) {
  ARGAND_ASSIGN(const engine::TensorFile file, engine::readTensorFile(weights));
  for (const engine::ParameterSpec& spec : graph.parameters()) {
    const engine::StoredTensor* stored = file.find(spec.name);
    if (stored == nullptr || stored->shape != spec.shape) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("The tensor '{}' of shape ({}) {} in {}.",
                              spec.name,
                              fmt::join(spec.shape, ", "),
                              stored == nullptr ? "is missing" : "has another shape",
                              displayed(weights)));
    }
  }
  return {};
}

}  // namespace

Registry::Registry() : Registry(shippedModels(), ownModels()) {}

Registry::Registry(fs::path shipped, fs::path own)
    : m_shipped(std::move(shipped)), m_own(std::move(own)) {}

std::vector<infer::ModelCard> Registry::list() const {
  std::vector<infer::ModelCard> cards;
  for (const fs::path& parent : {m_shipped, m_own}) {
    for (const fs::path& folder : modelFolders(parent)) {
      auto card = readCard(folder);
      if (card) {
        cards.push_back(std::move(*card));
      } else {
        log::warning("A model is left out: {}", card.error().message);
      }
    }
  }
  std::sort(cards.begin(), cards.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return cards;
}

fs::path Registry::folderOf(const std::string& id) const {
  for (const fs::path& parent : {m_shipped, m_own}) {
    for (const fs::path& folder : modelFolders(parent)) {
      if (folder.filename() == id) {
        return folder;
      }
    }
  }
  return {};
}

Result<infer::ModelCard> Registry::card(const std::string& id) const {
  const fs::path folder = folderOf(id);
  if (!folder.empty()) {
    return readCard(folder);
  }
  std::string known;
  for (const infer::ModelCard& card : list()) {
    known += (known.empty() ? "" : ", ") + card.id;
  }
  return fail(ErrorCode::InputRefused,
              fmt::format("There is no model '{}'; there {}.",
                          id,
                          known.empty() ? "are none in " + displayed(m_shipped) : "is " + known));
}

Result<infer::LoadedModel> Registry::load(const std::string& id) const {
  infer::LoadedModel model;
  ARGAND_ASSIGN(model.card, card(id));
  ARGAND_ASSIGN(model.graph, network(model.card.network));
  ARGAND_TRY(checkNetwork(model.card, model.graph));
  model.weights = folderOf(id) / model.card.weightsFile;
  ARGAND_TRY(checkWeights(model.card, model.weights));
  ARGAND_TRY(checkTensors(model.graph, model.weights));
  return model;
}

Result<engine::Graph> Registry::network(const std::string& spec) const {
  return buildNetwork(spec);
}

Result<void> Registry::install(const infer::ModelCard& card, const fs::path& weights) {
  if (!folderOf(card.id).empty()) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("There is a model '{}' already; give the new one another id.", card.id));
  }
  // What is installed is what could be read back.
  ARGAND_TRY(infer::ModelCard::fromJson(card.toJson(), "the model card"));
  ARGAND_TRY(checkWeights(card, weights));
  ARGAND_ASSIGN(const engine::Graph graph, network(card.network));
  ARGAND_TRY(checkNetwork(card, graph));
  ARGAND_TRY(checkTensors(graph, weights));

  const fs::path pending = m_own / fmt::format(".{}.{}", card.id, getpid());
  const auto copied = guarded(
      ErrorCode::OutputFailed,
      fmt::format("installing model '{}' in {}", card.id, displayed(m_own)),
      [&]() -> Result<void> {
        fs::create_directories(pending);
        fs::copy_file(weights, pending / card.weightsFile, fs::copy_options::overwrite_existing);
        ARGAND_TRY(writeJsonFile(pending / kCardFile, card.toJson()));
        fs::rename(pending, m_own / card.id);
        return {};
      });
  if (!copied) {
    std::error_code ignored;
    fs::remove_all(pending, ignored);
  }
  return copied;
}

}  // namespace argand::models
