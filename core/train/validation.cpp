// SPDX-License-Identifier: Apache-2.0
#include "core/train/validation.h"

#include "core/engine/plan/planner.h"
#include "core/infer/run_network.h"
#include "core/metrics/metrics.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <sstream>

namespace argand::train {

namespace {

struct Counts {
  std::int64_t both = 0;
  std::int64_t found = 0;
  std::int64_t reference = 0;
};

std::vector<Counts> countLabels(const std::vector<LabelValue>& found,
                                const std::vector<LabelValue>& reference,
                                std::size_t classes) {
  std::vector<Counts> counts(classes);
  for (std::size_t n = 0; n < found.size(); ++n) {
    ++counts[found[n]].found;
    ++counts[reference[n]].reference;
    counts[found[n]].both += found[n] == reference[n] ? 1 : 0;
  }
  return counts;
}

// Those of the words that bind a plan of training which mean something without it.
std::string inferenceWords(const std::string& words) {
  std::string text = words;
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream stream(text);
  std::string kept;
  for (std::string word; stream >> word;) {
    if (word != "pipeline" && word != "gpipe" && word != "stored") {
      kept += word + ",";
    }
  }
  return kept;
}

}  // namespace

Result<std::vector<LabelDice>> validate(const engine::Graph& graph,
                                        const engine::Parameters& parameters,
                                        const infer::ModelCard& card,
                                        const TrainOptions& options,
                                        std::span<const TrainingCase* const> cases,
                                        ProcessGroup* group,
                                        const std::stop_token& stop,
                                        const ProgressFn& progress) {
  // Of each structure: the sum of its Dice, and the cases that have one.
  at::Tensor sums = at::zeros({static_cast<std::int64_t>(card.structures.size()), 2}, at::kDouble);
  auto sum = sums.accessor<double, 2>();
  const Share own = group == nullptr ? Share{0, cases.size()}
                                     : shareOf(cases.size(), group->rank(), group->size());
  for (std::size_t n = own.begin; n < own.end; ++n) {
    const TrainingCase& one = *cases[n];
    report(progress,
           "Validating",
           static_cast<double>(n) / static_cast<double>(cases.size()),
           fmt::format("case {} of {}", n + 1, cases.size()));
    engine::PlanRequest request;
    request.input = {1, graph.inputChannels(), one.grid.padded};
    request.devices = options.devices;
    request.words = inferenceWords(options.plan);
    request.outputBytesPerVoxel = infer::kLabelBytesPerVoxel;
    ARGAND_ASSIGN(const engine::Plan plan, engine::makePlan(graph, request));
    ARGAND_ASSIGN(const infer::NetworkRun run,
                  infer::runNetwork(graph,
                                    parameters,
                                    plan,
                                    one.grid,
                                    padded(one.image, one.grid.size, one.grid.padded),
                                    stop));
    const auto counts =
        countLabels(run.labels, one.source, static_cast<std::size_t>(card.classes()));
    for (std::size_t row = 0; row < card.structures.size(); ++row) {
      const Counts& count = counts[card.structures[row].value];
      if (const auto dice = metrics::dice(count.both, count.found, count.reference)) {
        sum[static_cast<std::int64_t>(row)][0] += *dice;
        sum[static_cast<std::int64_t>(row)][1] += 1.0;
      }
    }
  }
  if (group != nullptr) {
    ARGAND_TRY(group->sum(sums));
  }
  const auto totals = sums.accessor<double, 2>();
  std::vector<LabelDice> dice;
  for (std::size_t row = 0; row < card.structures.size(); ++row) {
    LabelDice label{card.structures[row].value, card.structures[row].name, std::nullopt};
    const double counted = totals[static_cast<std::int64_t>(row)][1];
    if (counted > 0.0) {
      label.dice = totals[static_cast<std::int64_t>(row)][0] / counted;
    }
    dice.push_back(std::move(label));
  }
  return dice;
}

}  // namespace argand::train
