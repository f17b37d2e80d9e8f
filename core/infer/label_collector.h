// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/executor.h"
#include "core/infer/preprocess.h"

#include <array>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace argand::infer {

// Turns class scores into labels on the source's grid while they come.
//
// Each source voxel takes the class of the highest score at its centre; scores
// are interpolated trilinearly between the network's voxels (beyond the
// outermost centres they stay as there), and of equal scores the lower class
// wins. Where the grids differ by their axis order alone nothing is
// interpolated. Of the scores only rows at the borders of slabs are kept, until
// the neighbouring slab has come, so the labels do not depend on how the
// network was divided.
class LabelCollector {
 public:
  explicit LabelCollector(const NetworkGrid& grid);

  // Takes a slab of (padded) network rows; called from several threads.
  [[nodiscard]] Result<void> consume(const engine::ScoreSlab& slab);

  // The class of every voxel of `grid.box`, i fastest.
  [[nodiscard]] std::vector<LabelValue> take() { return std::move(m_labels); }

  // Rows kept at this moment: 0 once every row has come.
  [[nodiscard]] std::size_t rowsKept() const;

 private:
  // Where a source voxel lies along one of the network's axes: `share` of the
  // way from voxel `low` to the next.
  struct Position {
    std::int64_t low = 0;
    float share = 0.0F;
  };

  using Positions = std::vector<Position>;  // by the index along the source's axis

  struct Range {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    [[nodiscard]] bool empty() const { return end <= begin; }
  };

  // Source voxels whose positions are separable: all of an evenly spaced part,
  // one slice of an uneven one (its slices may be shifted sideways).
  struct Group {
    std::array<Positions, 3> positions;  // by the network's axis
    std::array<Range, 3> indices;        // along the source's axis of each
    std::vector<Range> byRow;            // of indices[2]: those whose low is this row
  };

  struct RowShape {
    std::int64_t width = 0;  // of a line, padding included
    std::int64_t classes = 0;
  };

  [[nodiscard]] Group makeGroup(const NetworkGrid& grid, const Vec3& shift, Range slices);
  void meet(std::int64_t border, bool lowSide, std::span<const float> row, const RowShape& shape);
  void label(std::int64_t row,
             std::span<const float> low,
             std::span<const float> high,
             const RowShape& shape);
  void labelLine(const Group& group,
                 std::int64_t offset,
                 const float* line,
                 std::span<float> scores);

  Size3 m_size;                             // of the network's grid
  std::array<int, 3> m_axes{};              // the source's axis of each of the network's
  std::array<std::int64_t, 3> m_strides{};  // in the labels, by the network's axis
  std::vector<Group> m_groups;
  bool m_exact = true;  // every voxel lies on a network voxel
  std::vector<LabelValue> m_labels;

  mutable std::mutex m_mutex;
  // By the row below the border: the one side of it that has come.
  std::map<std::int64_t, std::vector<float>> m_borders;
};

}  // namespace argand::infer
