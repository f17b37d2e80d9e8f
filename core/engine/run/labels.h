// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/scores.h"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace argand::engine {

// The voxels that get labels, and where they lie among the network's. Axes are
// those of the network: depth, height, width.
class LabelGrid {
 public:
  // `share` of the way from the network's voxel `low` to the next.
  struct Position {
    std::int32_t low = 0;
    float share = 0.0F;
  };

  using Positions = std::vector<Position>;  // by the voxel's index along an axis

  // Voxels whose positions are separable: along each axis they rise or fall.
  struct Group {
    std::array<Positions, 3> positions;
    std::array<RowRange, 3> indices;  // of its voxels
    std::vector<RowRange> byRow;      // indices along depth of those with this row as low
  };

  // `rows`: of the network, those beyond are padding. `strides`: from voxel to voxel
  // in the labels.
  LabelGrid(std::int64_t rows, std::int64_t voxels, const std::array<std::int64_t, 3>& strides)
      : m_rows(rows), m_voxels(voxels), m_strides(strides) {}

  // The network's own voxels.
  [[nodiscard]] static LabelGrid own(const Extent& size);

  void add(std::array<Positions, 3> positions, const std::array<RowRange, 3>& indices);

  [[nodiscard]] std::int64_t rows() const { return m_rows; }

  [[nodiscard]] std::int64_t voxels() const { return m_voxels; }

  [[nodiscard]] const std::array<std::int64_t, 3>& strides() const { return m_strides; }

  [[nodiscard]] const std::vector<Group>& groups() const { return m_groups; }

  // Every voxel lies on one of the network's.
  [[nodiscard]] bool exact() const { return m_exact; }

  // Indices along depth of a group's voxels with one of these rows as low.
  [[nodiscard]] static RowRange between(const Group& group, const RowRange& rows);

 private:
  std::int64_t m_rows;
  std::int64_t m_voxels;
  std::array<std::int64_t, 3> m_strides;
  std::vector<Group> m_groups;
  bool m_exact = true;
};

// Turns class scores into labels while they come.
//
// Each voxel takes the class of the highest score at its centre; scores are
// interpolated trilinearly between the network's voxels, and of equal scores the lower
// class wins. Where the grid is exact nothing is interpolated. Of the scores only rows
// at the borders of slabs are kept, until the neighbouring slab has come, so the labels
// do not depend on how the network was divided. Called from several threads.
class LabelCollector {
 public:
  explicit LabelCollector(LabelGrid grid)
      : m_grid(std::move(grid)), m_labels(static_cast<std::size_t>(m_grid.voxels()), 0) {}

  [[nodiscard]] const LabelGrid& grid() const { return m_grid; }

  // Rows of the network's (padded) output: their voxels and those between them, and
  // their sides of the borders with the rows around.
  [[nodiscard]] Result<void> add(const ScoreSlab& slab);

  // What a device has labelled by itself, by the same sums: voxels of a group with
  // these indices along depth, height and width, dense, width fastest.
  void addLabels(const std::array<RowRange, 3>& indices, std::span<const std::uint16_t> labels);

  // One row, as one side of the border between row `border` and the next.
  void addBorder(std::int64_t border, const ScoreSlab& row);

  // The class of every voxel.
  [[nodiscard]] std::vector<std::uint16_t> take() { return std::move(m_labels); }

  // Rows kept at this moment: 0 once every row has come.
  [[nodiscard]] std::size_t rowsKept() const;

 private:
  struct RowShape {
    std::int64_t width = 0;  // of a line, padding included
    std::int64_t classes = 0;
  };

  void label(std::int64_t row,
             std::span<const float> low,
             std::span<const float> high,
             const RowShape& shape);
  void labelLine(const LabelGrid::Group& group,
                 std::int64_t offset,
                 const float* line,
                 std::span<float> scores);

  const LabelGrid m_grid;
  std::vector<std::uint16_t> m_labels;

  mutable std::mutex m_mutex;
  // By the row below the border: the one side of it that has come.
  std::map<std::int64_t, std::vector<float>> m_borders;
};

}  // namespace argand::engine
