// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/engine/graph/graph.h"
#include "core/engine/plan/plan.h"
#include "core/engine/run/parameters.h"
#include "core/engine/run/scores.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace argand::engine {

// Writes input rows [rows.begin, rows.end) as (row, height, width, channel),
// channel fastest. Called from several workers at once, for some rows twice.
using InputProvider = std::function<Result<void>(const RowRange& rows, std::span<float> voxels)>;

// Looks at a buffer (channel, depth, height, width) that stays alive and unchanged.
[[nodiscard]] InputProvider inputFrom(std::span<const float> voxels, const Shape& shape);

struct DeviceReport {
  std::string name;
  std::int64_t budgetBytes = 0;
  std::int64_t predictedPeakBytes = 0;
  std::int64_t peakBytes = 0;      // by the ledger
  std::int64_t receivedBytes = 0;  // halos and gathers from other devices
  double busySeconds = 0.0;
};

struct RunReport {
  std::vector<DeviceReport> devices;  // every device of the plan, also unused ones
  std::int64_t hostPeakBytes = 0;     // what was spilled to host memory, by its ledger
  double workShare = 1.0;             // FLOPs done over those of the network
  double seconds = 0.0;
};

// Runs one network under one plan, one worker thread per device. Results are
// the same for every plan.
class Executor {
 public:
  // Copies the weights to the devices that need them. Fails with NoPlan where
  // the plan's predictions exceed a budget.
  [[nodiscard]] static Result<Executor> create(Graph graph,
                                               const Parameters& parameters,
                                               Plan plan);
  ~Executor();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;

  // One volume through the network. The first failure of any worker, provider
  // or consumer is returned once all workers have ended; a stop within a layer.
  [[nodiscard]] Result<RunReport> run(const InputProvider& input,
                                      const Output& output,
                                      std::stop_token stop = {},
                                      const ProgressFn& progress = {});

  [[nodiscard]] const Graph& graph() const;
  [[nodiscard]] const Plan& plan() const;

 private:
  struct State;
  explicit Executor(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace argand::engine
