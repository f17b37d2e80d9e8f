// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// In which order the stages of a pipeline take the micro-batches of a step. A
// pure function of two numbers: no tensors, no threads.
namespace argand::engine {

enum class PipelineSchedule {
  // All forward, then all backward (Huang et al. 2019): every micro-batch is in
  // flight at once.
  GPipe,
  // Backward as soon as it can be (Narayanan et al. 2019): at most as many in
  // flight as there are stages from this one to the last.
  OneForwardOneBackward,
};

[[nodiscard]] std::string_view toString(PipelineSchedule schedule);  // "gpipe", "1f1b"

struct PipelineAction {
  enum class Kind { Forward, Backward };
  Kind kind = Kind::Forward;
  int microBatch = 0;
  bool operator==(const PipelineAction&) const = default;
};

// The actions of every stage in its order. Backward takes the micro-batches in
// the order of forward, so that gradients are summed alike under every schedule.
[[nodiscard]] std::vector<std::vector<PipelineAction>> pipelineActions(PipelineSchedule schedule,
                                                                       int stages,
                                                                       int microBatches);

// Micro-batches whose activations a stage holds at once, at most.
[[nodiscard]] int microBatchesInFlight(PipelineSchedule schedule,
                                       int stages,
                                       int microBatches,
                                       int stage);

// When the last action ends, where forward and backward of one micro-batch take
// these seconds on each stage and every action starts once what it needs is there.
[[nodiscard]] double pipelineSeconds(PipelineSchedule schedule,
                                     const std::vector<double>& forwardSeconds,
                                     const std::vector<double>& backwardSeconds,
                                     int microBatches);

// One line per stage, one column per unit of time: "F0 F1 B0 ..", for actions that take one each.
[[nodiscard]] std::string pipelineGrid(PipelineSchedule schedule, int stages, int microBatches);

}  // namespace argand::engine
