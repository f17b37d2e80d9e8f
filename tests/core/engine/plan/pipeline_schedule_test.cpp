// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/pipeline_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

namespace argand::engine {
namespace {

using Kind = PipelineAction::Kind;

constexpr PipelineSchedule kBoth[] = {PipelineSchedule::GPipe,
                                      PipelineSchedule::OneForwardOneBackward};

template <typename Body>
void forAll(const Body& body) {
  for (const PipelineSchedule schedule : kBoth) {
    for (int stages = 1; stages <= 8; ++stages) {
      for (int microBatches = 1; microBatches <= 17; ++microBatches) {
        SCOPED_TRACE(fmt::format(
            "{}, {} stages, {} micro-batches", toString(schedule), stages, microBatches));
        body(schedule, stages, microBatches);
      }
    }
  }
}

TEST(PipelineSchedule, EveryStageTakesEveryMicroBatchOnceEachWayInOrder) {
  forAll([](PipelineSchedule schedule, int stages, int microBatches) {
    const auto actions = pipelineActions(schedule, stages, microBatches);
    ASSERT_EQ(actions.size(), static_cast<std::size_t>(stages));
    for (const auto& own : actions) {
      int forward = 0;
      int backward = 0;
      for (const PipelineAction& action : own) {
        int& next = action.kind == Kind::Forward ? forward : backward;
        EXPECT_EQ(action.microBatch, next);
        ++next;
        EXPECT_LE(backward, forward);  // no backward before its own forward
      }
      EXPECT_EQ(forward, microBatches);
      EXPECT_EQ(backward, microBatches);
    }
  });
}

TEST(PipelineSchedule, HoldsNoMoreMicroBatchesThanItSays) {
  forAll([](PipelineSchedule schedule, int stages, int microBatches) {
    const auto actions = pipelineActions(schedule, stages, microBatches);
    for (int stage = 0; stage < stages; ++stage) {
      int held = 0;
      int most = 0;
      for (const PipelineAction& action : actions[static_cast<std::size_t>(stage)]) {
        held += action.kind == Kind::Forward ? 1 : -1;
        most = std::max(most, held);
      }
      EXPECT_EQ(held, 0);
      EXPECT_EQ(most, microBatchesInFlight(schedule, stages, microBatches, stage));
      if (schedule == PipelineSchedule::OneForwardOneBackward) {
        EXPECT_LE(most, stages);
      }
    }
  });
}

// Stage by stage as the executor does it: each runs its next action once what
// it waits for is there, in whatever order the stages come.
TEST(PipelineSchedule, NoStageWaitsForEver) {
  forAll([](PipelineSchedule schedule, int stages, int microBatches) {
    const auto actions = pipelineActions(schedule, stages, microBatches);
    std::set<std::tuple<int, Kind, int>> done;
    std::vector<std::size_t> next(actions.size(), 0);
    for (bool moved = true; moved;) {
      moved = false;
      for (int stage = stages; stage-- > 0;) {
        auto& at = next[static_cast<std::size_t>(stage)];
        const auto& own = actions[static_cast<std::size_t>(stage)];
        if (at == own.size()) {
          continue;
        }
        const auto [kind, n] = own[at];
        const bool ready = kind == Kind::Forward
                               ? stage == 0 || done.contains({stage - 1, kind, n})
                               : done.contains({stage, Kind::Forward, n}) &&
                                     (stage + 1 == stages || done.contains({stage + 1, kind, n}));
        if (ready) {
          EXPECT_TRUE(done.emplace(stage, kind, n).second);
          ++at;
          moved = true;
        }
      }
    }
    EXPECT_EQ(done.size(), static_cast<std::size_t>(2 * stages * microBatches));
  });
}

TEST(PipelineSchedule, TakesAsLongAsThePapersSay) {
  forAll([](PipelineSchedule schedule, int stages, int microBatches) {
    const std::vector<double> forward(static_cast<std::size_t>(stages), 1.0);
    const std::vector<double> backward(static_cast<std::size_t>(stages), 2.0);
    EXPECT_DOUBLE_EQ(pipelineSeconds(schedule, forward, backward, microBatches),
                     3.0 * (microBatches + stages - 1));
  });
}

TEST(PipelineSchedule, IsNoFasterThanItsSlowestStage) {
  // Ten micro-batches of 8 s in the middle, and on both sides of it one of 1 s each way.
  for (const PipelineSchedule schedule : kBoth) {
    const double seconds = pipelineSeconds(schedule, {1, 4, 1}, {1, 4, 1}, 10);
    EXPECT_GE(seconds, 10 * 8.0 + 2.0);
    EXPECT_LE(seconds, 10 * 8.0 + 4.0);
  }
}

TEST(PipelineSchedule, PrintsAsAGrid) {
  EXPECT_EQ(pipelineGrid(PipelineSchedule::GPipe, 2, 3),
            "F0 F1 F2 .. .. B0 B1 B2\n"
            ".. F0 F1 F2 B0 B1 B2\n");
  EXPECT_EQ(pipelineGrid(PipelineSchedule::OneForwardOneBackward, 2, 3),
            "F0 F1 .. B0 F2 B1 .. B2\n"
            ".. F0 B0 F1 B1 F2 B2\n");
}

}  // namespace
}  // namespace argand::engine
