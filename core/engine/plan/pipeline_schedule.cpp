// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/pipeline_schedule.h"

#include "core/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>

namespace argand::engine {

namespace {

using Kind = PipelineAction::Kind;

// Starts every action as early as its stage and its input allow; tells when.
// An action waits for the same one of the stage before it (forward) or behind
// it (backward), and the last stage's backward for its own forward.
double replay(const std::vector<std::vector<PipelineAction>>& actions,
              int microBatches,
              const std::function<double(int stage, Kind kind)>& seconds,
              const std::function<void(int stage, const PipelineAction&, double start)>& started) {
  const int stages = static_cast<int>(actions.size());
  const auto index = [&](int stage, const PipelineAction& action) {
    return static_cast<std::size_t>(
        (stage * 2 + (action.kind == Kind::Backward ? 1 : 0)) * microBatches + action.microBatch);
  };
  std::vector<double> ends(static_cast<std::size_t>(stages * 2 * microBatches), -1.0);
  std::vector<std::size_t> next(actions.size(), 0);
  std::vector<double> free(actions.size(), 0.0);
  double last = 0.0;
  for (bool moved = true; moved;) {
    moved = false;
    for (int stage = 0; stage < stages; ++stage) {
      const auto s = static_cast<std::size_t>(stage);
      while (next[s] < actions[s].size()) {
        const PipelineAction& action = actions[s][next[s]];
        const int before = action.kind == Kind::Forward ? stage - 1 : stage + 1;
        double ready = 0.0;
        if (before >= 0 && before < stages) {
          ready = ends[index(before, action)];
        }
        if (action.kind == Kind::Backward) {
          const double own = ends[index(stage, {Kind::Forward, action.microBatch})];
          ready = own < 0.0 ? own : (ready < 0.0 ? ready : std::max(ready, own));
        }
        if (ready < 0.0) {
          break;
        }
        const double start = std::max(ready, free[s]);
        free[s] = start + seconds(stage, action.kind);
        ends[index(stage, action)] = free[s];
        last = std::max(last, free[s]);
        started(stage, action, start);
        ++next[s];
        moved = true;
      }
    }
  }
  for (std::size_t s = 0; s < actions.size(); ++s) {
    ARGAND_ASSERT(next[s] == actions[s].size());  // no stage waits for ever
  }
  return last;
}

}  // namespace

std::string_view toString(PipelineSchedule schedule) {
  return schedule == PipelineSchedule::GPipe ? "gpipe" : "1f1b";
}

std::vector<std::vector<PipelineAction>> pipelineActions(PipelineSchedule schedule,
                                                         int stages,
                                                         int microBatches) {
  ARGAND_ASSERT(stages >= 1 && microBatches >= 1);
  std::vector<std::vector<PipelineAction>> actions(static_cast<std::size_t>(stages));
  for (int stage = 0; stage < stages; ++stage) {
    auto& own = actions[static_cast<std::size_t>(stage)];
    const int ahead = microBatchesInFlight(schedule, stages, microBatches, stage);
    for (int n = 0; n < microBatches + ahead; ++n) {
      if (n >= ahead) {
        own.push_back({Kind::Backward, n - ahead});
      }
      if (n < microBatches) {
        own.push_back({Kind::Forward, n});
      }
    }
  }
  return actions;
}

int microBatchesInFlight(PipelineSchedule schedule, int stages, int microBatches, int stage) {
  return schedule == PipelineSchedule::GPipe ? microBatches
                                             : std::min(stages - stage, microBatches);
}

double pipelineSeconds(PipelineSchedule schedule,
                       const std::vector<double>& forwardSeconds,
                       const std::vector<double>& backwardSeconds,
                       int microBatches) {
  const int stages = static_cast<int>(forwardSeconds.size());
  return replay(
      pipelineActions(schedule, stages, microBatches),
      microBatches,
      [&](int stage, Kind kind) {
        return (kind == Kind::Forward ? forwardSeconds
                                      : backwardSeconds)[static_cast<std::size_t>(stage)];
      },
      [](int, const PipelineAction&, double) {});
}

std::string pipelineGrid(PipelineSchedule schedule, int stages, int microBatches) {
  std::vector<std::vector<std::string>> grid(static_cast<std::size_t>(stages));
  replay(
      pipelineActions(schedule, stages, microBatches),
      microBatches,
      [](int, Kind) { return 1.0; },
      [&](int stage, const PipelineAction& action, double start) {
        auto& line = grid[static_cast<std::size_t>(stage)];
        line.resize(static_cast<std::size_t>(start), "..");
        line.push_back(
            fmt::format("{}{}", action.kind == Kind::Forward ? 'F' : 'B', action.microBatch));
      });
  std::string text;
  for (const auto& line : grid) {
    text += fmt::format("{}\n", fmt::join(line, " "));
  }
  return text;
}

}  // namespace argand::engine
