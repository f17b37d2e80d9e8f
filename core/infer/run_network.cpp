// SPDX-License-Identifier: Apache-2.0
#include "core/infer/run_network.h"

#include "core/base/assert.h"
#include "core/infer/label_grid.h"

namespace argand::infer {

Result<NetworkRun> runNetwork(const engine::Graph& graph,
                              const engine::Parameters& parameters,
                              const NetworkPlan& plan,
                              const NetworkGrid& grid,
                              std::span<const float> input,
                              const std::stop_token& stop,
                              const ProgressFn& progress) {
  engine::LabelCollector labels(labelGrid(grid));
  NetworkRun run;
  if (const auto* windows = std::get_if<engine::WindowPlan>(&plan)) {
    ARGAND_ASSIGN(auto executor, engine::WindowExecutor::create(graph, parameters, *windows));
    ARGAND_ASSIGN(run.report, executor.run(input, &labels, stop, progress));
  } else {
    const engine::Shape shape{1, graph.inputChannels(), grid.padded};
    ARGAND_ASSIGN(auto executor,
                  engine::Executor::create(graph, parameters, std::get<engine::Plan>(plan)));
    ARGAND_ASSIGN(run.report,
                  executor.run(engine::inputFrom(input, shape), &labels, stop, progress));
  }
  ARGAND_ASSERT(labels.rowsKept() == 0);
  run.labels = labels.take();
  return run;
}

}  // namespace argand::infer
