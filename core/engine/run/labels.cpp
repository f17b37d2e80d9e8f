// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/labels.h"

#include "core/base/assert.h"

#include <algorithm>

namespace argand::engine {

namespace {

// The first of the highest.
std::uint16_t highest(const float* scores, std::int64_t classes) {
  std::int64_t best = 0;
  for (std::int64_t c = 1; c < classes; ++c) {
    if (scores[c] > scores[best]) {
      best = c;
    }
  }
  return static_cast<std::uint16_t>(best);
}

// Adds `factor` times the line and the one below it, `share` of the way between them.
// The kernel of CUDA devices (kernels/argmax.cu) makes the same sums in the same order,
// and neither joins a product and a sum in one rounding: their labels are the same.
void addLines(std::span<float> sum, const float* line, float share, float factor) {
  const float here = (1.0F - share) * factor;
  for (std::size_t n = 0; n < sum.size(); ++n) {
    sum[n] += here * line[n];
  }
  if (share > 0.0F) {
    const float there = share * factor;
    const float* next = line + sum.size();
    for (std::size_t n = 0; n < sum.size(); ++n) {
      sum[n] += there * next[n];
    }
  }
}

}  // namespace

Result<void> handOn(const ScoreSlab& slab, const Output& output) {
  if (const auto* const labels = std::get_if<LabelCollector*>(&output)) {
    return (*labels)->add(slab);
  }
  return std::get<ScoreConsumer>(output)(slab);
}

LabelGrid LabelGrid::own(const Extent& size) {
  LabelGrid grid(size.d, size.voxels(), {size.h * size.w, size.w, 1});
  std::array<Positions, 3> positions;
  for (int axis = 0; axis < 3; ++axis) {
    for (std::int64_t n = 0; n < size[axis]; ++n) {
      positions[static_cast<std::size_t>(axis)].push_back({static_cast<std::int32_t>(n), 0.0F});
    }
  }
  grid.add(std::move(positions), {RowRange{0, size.d}, {0, size.h}, {0, size.w}});
  return grid;
}

void LabelGrid::add(std::array<Positions, 3> positions, const std::array<RowRange, 3>& indices) {
  for (const Positions& along : positions) {
    m_exact = m_exact && std::all_of(along.begin(), along.end(), [](const Position& position) {
                return position.share == 0.0F;
              });
  }
  Group group{std::move(positions), indices, {}};
  // Positions rise or fall along the axis, so the voxels of a row lie together.
  group.byRow.resize(static_cast<std::size_t>(m_rows));
  for (std::int64_t n = indices[0].begin; n < indices[0].end; ++n) {
    RowRange& row =
        group.byRow[static_cast<std::size_t>(group.positions[0][static_cast<std::size_t>(n)].low)];
    row = row.count() == 0 ? RowRange{n, n + 1}
                           : RowRange{std::min(row.begin, n), std::max(row.end, n + 1)};
  }
  m_groups.push_back(std::move(group));
}

RowRange LabelGrid::between(const Group& group, const RowRange& rows) {
  RowRange all;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const RowRange& one = group.byRow[static_cast<std::size_t>(row)];
    if (one.count() > 0) {
      all = all.count() == 0 ? one
                             : RowRange{std::min(all.begin, one.begin), std::max(all.end, one.end)};
    }
  }
  return all;
}

Result<void> LabelCollector::add(const ScoreSlab& slab) {
  ARGAND_ASSERT(!slab.scores.empty() && slab.rows.count() > 0);
  const std::int64_t rowElements = slab.height * slab.width * slab.classes;
  const std::int64_t end = std::min(slab.rows.end, m_grid.rows());  // the rest is padding
  const auto rowAt = [&](std::int64_t row) {
    return slab.scores.subspan(static_cast<std::size_t>((row - slab.rows.begin) * rowElements),
                               static_cast<std::size_t>(rowElements));
  };
  const auto atBorder = [&](std::int64_t border, std::int64_t row) {
    addBorder(border, {{row, row + 1}, slab.height, slab.width, slab.classes, rowAt(row), {}});
  };
  const RowShape shape{slab.width, slab.classes};
  for (std::int64_t row = slab.rows.begin; row < end; ++row) {
    if (m_grid.exact() || row + 1 == m_grid.rows()) {
      label(row, rowAt(row), {}, shape);
    } else if (row + 1 < end) {
      label(row, rowAt(row), rowAt(row + 1), shape);
    } else {
      atBorder(row, row);
    }
  }
  if (!m_grid.exact() && slab.rows.begin > 0 && slab.rows.begin < end) {
    atBorder(slab.rows.begin - 1, slab.rows.begin);
  }
  return {};
}

void LabelCollector::addLabels(const std::array<RowRange, 3>& indices,
                               std::span<const std::uint16_t> labels) {
  const auto& [strideD, strideH, strideW] = m_grid.strides();
  const std::uint16_t* from = labels.data();
  for (std::int64_t d = indices[0].begin; d < indices[0].end; ++d) {
    for (std::int64_t h = indices[1].begin; h < indices[1].end; ++h) {
      std::uint16_t* const line = m_labels.data() + d * strideD + h * strideH;
      for (std::int64_t w = indices[2].begin; w < indices[2].end; ++w) {
        line[w * strideW] = *from++;
      }
    }
  }
}

std::size_t LabelCollector::rowsKept() const {
  const std::lock_guard lock(m_mutex);
  return m_borders.size();
}

// Waits for the other side, or labels.
void LabelCollector::addBorder(std::int64_t border, const ScoreSlab& row) {
  std::vector<float> other;
  {
    const std::lock_guard lock(m_mutex);
    const auto found = m_borders.find(border);
    if (found == m_borders.end()) {
      m_borders.emplace(border, std::vector<float>(row.scores.begin(), row.scores.end()));
      return;
    }
    other = std::move(found->second);
    m_borders.erase(found);
  }
  const RowShape shape{row.width, row.classes};
  if (row.rows.begin == border) {
    label(border, row.scores, other, shape);
  } else {
    label(border, other, row.scores, shape);
  }
}

// The voxels between row `row` and the next.
void LabelCollector::label(std::int64_t row,
                           std::span<const float> low,
                           std::span<const float> high,
                           const RowShape& shape) {
  std::vector<float> line(static_cast<std::size_t>(shape.width * shape.classes));
  std::vector<float> scores(static_cast<std::size_t>(shape.classes));
  for (const LabelGrid::Group& group : m_grid.groups()) {
    const RowRange depth = group.byRow[static_cast<std::size_t>(row)];
    for (std::int64_t d = depth.begin; d < depth.end; ++d) {
      const float depthShare = group.positions[0][static_cast<std::size_t>(d)].share;
      for (std::int64_t h = group.indices[1].begin; h < group.indices[1].end; ++h) {
        const LabelGrid::Position across = group.positions[1][static_cast<std::size_t>(h)];
        const std::size_t first = line.size() * static_cast<std::size_t>(across.low);
        const float* whole = low.data() + first;
        if (depthShare > 0.0F || across.share > 0.0F) {
          std::fill(line.begin(), line.end(), 0.0F);
          addLines(line, low.data() + first, across.share, 1.0F - depthShare);
          if (depthShare > 0.0F) {
            addLines(line, high.data() + first, across.share, depthShare);
          }
          whole = line.data();
        }
        labelLine(group, d * m_grid.strides()[0] + h * m_grid.strides()[1], whole, scores);
      }
    }
  }
}

// Voxels along the network's width, from a line of scores.
void LabelCollector::labelLine(const LabelGrid::Group& group,
                               std::int64_t offset,
                               const float* line,
                               std::span<float> scores) {
  const auto classes = static_cast<std::int64_t>(scores.size());
  for (std::int64_t w = group.indices[2].begin; w < group.indices[2].end; ++w) {
    const LabelGrid::Position at = group.positions[2][static_cast<std::size_t>(w)];
    const float* voxel = line + at.low * classes;
    if (at.share > 0.0F) {
      for (std::int64_t c = 0; c < classes; ++c) {
        scores[static_cast<std::size_t>(c)] =
            (1.0F - at.share) * voxel[c] + at.share * voxel[c + classes];
      }
      voxel = scores.data();
    }
    m_labels[static_cast<std::size_t>(offset + w * m_grid.strides()[2])] = highest(voxel, classes);
  }
}

}  // namespace argand::engine
