// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/program.h"

#include <cstdint>
#include <functional>
#include <span>
#include <variant>

namespace argand::engine {

class LabelCollector;

// Class scores of some rows of the output, (row, height, width, class), class
// fastest. Valid during the call only.
struct ScoreSlab {
  RowRange rows;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t classes = 0;
  std::span<const float> scores;
  std::span<const double> scores64;  // instead of `scores` for plans in Float64 (proofs)
};

// Takes the scores of each row exactly once. Called from several workers at
// once, for different rows, in no fixed order.
using ScoreConsumer = std::function<Result<void>(const ScoreSlab& slab)>;

// What becomes of the scores: they go to a function, or become labels on the device
// that makes them. Labels are for plans that count what is kept of them
// (outputBytesPerVoxel) and not for those in Float64.
using Output = std::variant<ScoreConsumer, LabelCollector*>;

// Scores in the processor's memory to either. As thread-safe as `output`.
[[nodiscard]] Result<void> handOn(const ScoreSlab& slab, const Output& output);

}  // namespace argand::engine
