// SPDX-License-Identifier: Apache-2.0
#include "core/infer/run_network.h"

#include "core/base/assert.h"
#include "core/infer/label_collector.h"

namespace argand::infer {

Result<NetworkRun> runNetwork(const engine::Graph& graph,
                              const engine::Parameters& parameters,
                              const engine::Plan& plan,
                              const NetworkGrid& grid,
                              std::span<const float> input,
                              const std::stop_token& stop,
                              const ProgressFn& progress) {
  const engine::Shape shape{1, graph.inputChannels(), grid.padded};
  ARGAND_ASSIGN(engine::Executor executor, engine::Executor::create(graph, parameters, plan));
  LabelCollector collector(grid);
  NetworkRun run;
  ARGAND_ASSIGN(run.report,
                executor.run(
                    engine::inputFrom(input, shape),
                    [&](const engine::ScoreSlab& slab) { return collector.consume(slab); },
                    stop,
                    progress));
  ARGAND_ASSERT(collector.rowsKept() == 0);
  run.labels = collector.take();
  return run;
}

}  // namespace argand::infer
