// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/base/text.h"

namespace argand::app {

namespace {

namespace fs = std::filesystem;

Outcome list(const Context& context) {
  Outcome outcome;
  outcome.json["models"] = Json::array();
  for (const infer::ModelCard& card : context.models.list()) {
    outcome.json["models"].push_back({{"id", card.id},
                                      {"name", card.name},
                                      {"version", card.version},
                                      {"license", card.license},
                                      {"structures", card.structures.size()}});
    outcome.text +=
        fmt::format("{:24} {} {} ({})\n", card.id, card.name, card.version, card.license);
  }
  if (outcome.text.empty()) {
    outcome.text = "There are no models.\n";
  }
  return outcome;
}

Result<Outcome> show(const std::string& id, const Context& context) {
  ARGAND_ASSIGN(const infer::ModelCard card, context.models.card(id));
  Outcome outcome;
  outcome.json = card.toJson();
  outcome.text = dumped(outcome.json, 2) + "\n";
  return outcome;
}

// A folder with card.json and weights, such as training leaves behind.
Result<Outcome> importFolder(const fs::path& folder, Context& context) {
  ARGAND_ASSIGN(const Json json, readJsonFile(folder / "card.json"));
  ARGAND_ASSIGN(const infer::ModelCard card,
                infer::ModelCard::fromJson(json, displayed(folder / "card.json")));
  ARGAND_TRY(context.models.install(card, folder / card.weightsFile));
  Outcome outcome;
  outcome.json = {{"id", card.id}};
  outcome.text = fmt::format("Installed {}.\n", card.id);
  return outcome;
}

Result<Outcome> verify(const std::string& id, const Context& context) {
  ARGAND_ASSIGN(const infer::LoadedModel model, context.models.load(id));
  Outcome outcome;
  outcome.json = {{"id", id}, {"verified", true}, {"weights_sha256", model.card.weightsSha256}};
  outcome.text = fmt::format(
      "{}: weights and network agree with the card (SHA-256 {}).\n", id, model.card.weightsSha256);
  return outcome;
}

}  // namespace

Action addModels(CLI::App& verb) {
  auto id = std::make_shared<std::string>();
  auto path = std::make_shared<fs::path>();
  verb.require_subcommand(1);
  verb.fallthrough();
  CLI::App* listVerb = verb.add_subcommand("list", "The models there are");
  CLI::App* showVerb = verb.add_subcommand("show", "One model's card");
  showVerb->add_option("ID", *id, "The model's id")->required();
  CLI::App* importVerb = verb.add_subcommand("import", "Install a model's folder");
  importVerb->add_option("PATH", *path, "A folder with card.json and weights")->required();
  CLI::App* verifyVerb = verb.add_subcommand("verify", "Check a model's weights against its card");
  verifyVerb->add_option("ID", *id, "The model's id")->required();
  for (CLI::App* sub : {listVerb, showVerb, importVerb, verifyVerb}) {
    sub->fallthrough();
  }
  return [=](Context& context) -> Result<Outcome> {
    if (listVerb->parsed()) {
      return list(context);
    }
    if (showVerb->parsed()) {
      return show(*id, context);
    }
    return importVerb->parsed() ? importFolder(*path, context) : verify(*id, context);
  };
}

}  // namespace argand::app
