// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"
#include "core/engine/run/executor.h"
#include "core/engine/run/windows.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// One network with weights and input by chance, run for its time and memory.
namespace argand::engine {

struct TrialRequest {
  // Size, devices, type, words. What the consumer keeps is set by the trial: a
  // label of 16 bits for each voxel.
  PlanRequest plan;
  std::string planText;  // instead of the planner's choice: a plan as toText prints it
  std::optional<WindowOptions> window;  // in windows, not whole
  std::uint64_t seed = 1;
};

class Trial {
 public:
  // Makes weights, input and plan. Fails as makePlan or planWindows does.
  [[nodiscard]] static Result<Trial> create(const Graph& graph, const TrialRequest& request);
  ~Trial();
  Trial(Trial&&) noexcept;
  Trial& operator=(Trial&&) noexcept;

  // Runs once more; the report says how long it took.
  [[nodiscard]] Result<RunReport> run(std::stop_token stop = {}, const ProgressFn& progress = {});

  [[nodiscard]] std::string planText() const;
  [[nodiscard]] double predictedSeconds() const;
  // Of one run: a multiply and an add are two; what windows see twice counts twice.
  [[nodiscard]] std::int64_t flops() const;

  // The most memory that this process held in a run above what it held when
  // weights, input and labels were there and nothing else. Counts all trials
  // that run in the process.
  [[nodiscard]] std::int64_t residentPeakBytes() const;

  // The class of each voxel in the last run (depth, height, width).
  [[nodiscard]] const std::vector<std::uint16_t>& labels() const;
  // FNV-1a over them: equal for equal labels.
  [[nodiscard]] std::uint64_t labelsHash() const;

 private:
  struct State;
  explicit Trial(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

// The share of voxels at which the last runs of two trials differ.
[[nodiscard]] double changedLabels(const Trial& one, const Trial& other);

}  // namespace argand::engine
