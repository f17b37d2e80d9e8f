// SPDX-License-Identifier: Apache-2.0
// argand-cli: the same engine as the window, with no display.
#include "app/cli/terminal.h"
#include "app/cli/verb.h"
#include "app/composition.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/base/version.h"

#include <algorithm>
#include <cstdio>
#include <span>

namespace argand::app {

namespace {

struct Global {
  bool json = false;
  bool quiet = false;
  log::Level level = log::Level::Warning;
};

struct Verb {
  CLI::App* app = nullptr;
  Action action;
};

void print(const Json& json) {
  fmt::print("{}\n", dumped(json, 2));
}

int printError(const Error& error, bool json) {
  const int status = exitStatus(error.code);
  endProgressLine();
  if (json) {
    print({{"error", {{"code", toString(error.code)}, {"message", utf8Text(error.message)}}}});
  } else {
    fmt::print(stderr, "argand-cli: {}\n", error.message);
  }
  return status;
}

void addGlobal(CLI::App& app, Global& global) {
  const std::vector<std::pair<std::string, log::Level>> levels{{"debug", log::Level::Debug},
                                                               {"info", log::Level::Info},
                                                               {"warning", log::Level::Warning},
                                                               {"error", log::Level::Error},
                                                               {"off", log::Level::Off}};
  app.add_flag("--json", global.json, "Print one JSON object on standard output, nothing else");
  app.add_flag("--quiet", global.quiet, "No progress");
  addChoice(app, "--log-level", global.level, levels, "What of the log is printed");
}

std::vector<Verb> addVerbs(CLI::App& app) {
  struct Known {
    const char* name;
    const char* description;
    Action (*add)(CLI::App&);
  };

  const Known known[] = {
      {"info", "What studies, series and volumes there are under a path", addInfo},
      {"convert", "An image to another format; an RTSTRUCT or SEG to a label map", addConvert},
      {"segment", "Segment a study with a model", addSegment},
      {"export", "Write a label map as RTSTRUCT, DICOM SEG or surfaces", addExport},
      {"plan", "How a network would run on which devices, and whether it fits", addPlan},
      {"bench", "Time one network with random weights on this machine", addBench},
      {"evaluate", "Compare a label map with a reference", addEvaluate},
      {"train", "Train or fine-tune a model on a folder of images and labels", addTrain},
      {"models", "The models there are", addModels},
      {"demo", "The whole job on a real head: DICOM, segmentation, RTSTRUCT", addDemo},
  };
  std::vector<Verb> verbs;
  for (const Known& verb : known) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.description);
    sub->fallthrough();
    verbs.push_back({sub, verb.add(*sub)});
  }
  return verbs;
}

int run(const Verb& verb, const Global& global, std::stop_token stop) {
  if (global.level != log::Level::Off) {
    log::addSink(global.level, [](log::Level level, std::string_view message) {
      fmt::print(stderr, "{}: {}\n", log::toString(level), message);
    });
  }
  const auto models = makeModels();
  Context context{*models, std::move(stop), progressOnStderr(global.quiet)};
  const auto outcome = guarded(ErrorCode::Internal,
                               "working (a fault of Argand; please report it)",
                               [&] { return verb.action(context); });
  if (!outcome) {
    return printError(outcome.error(), global.json);
  }
  endProgressLine();
  if (global.json) {
    print(outcome->json);
  } else {
    fmt::print("{}", outcome->text);
  }
  return outcome->status;
}

int main(int argc, char** argv) {
  const InterruptWatch interrupts;
  CLI::App app("Argand: whole-volume segmentation of CT and MR studies. For research use only.",
               "argand-cli");
  Global global;
  app.set_version_flag("--version", std::string("argand-cli ") + kVersion);
  app.require_subcommand(1);
  addGlobal(app, global);
  const std::vector<Verb> verbs = addVerbs(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
    const bool json = std::any_of(arguments.begin(), arguments.end(), [](const char* argument) {
      return std::string_view(argument) == "--json";
    });
    return printError(
        {ErrorCode::Usage,
         fmt::format("{} See argand-cli --help, or argand-cli VERB --help.", error.what()),
         {}},
        json);
  }
  const auto given =
      std::find_if(verbs.begin(), verbs.end(), [](const Verb& verb) { return verb.app->parsed(); });
  return run(*given, global, interrupts.token());
}

}  // namespace

}  // namespace argand::app

int main(int argc, char** argv) {
  return argand::app::main(argc, argv);
}
