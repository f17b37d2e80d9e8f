// SPDX-License-Identifier: Apache-2.0
#include "core/infer/label_collector.h"

#include "core/base/assert.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace argand::infer {
namespace {

// The first of the highest.
LabelValue highest(const float* scores, std::int64_t classes) {
  std::int64_t best = 0;
  for (std::int64_t c = 1; c < classes; ++c) {
    if (scores[c] > scores[best]) {
      best = c;
    }
  }
  return static_cast<LabelValue>(best);
}

// Adds `factor` times the line and the one below it, `share` of the way between them.
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

LabelCollector::LabelCollector(const NetworkGrid& grid)
    : m_size(grid.size),
      m_axes(grid.order.source),
      m_labels(static_cast<std::size_t>(grid.part.size.voxels()), LabelValue{0}) {
  const std::array<std::int64_t, 3> strides{
      1, grid.part.size.i, grid.part.size.i * grid.part.size.j};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    m_strides[axis] = strides[static_cast<std::size_t>(m_axes[axis])];
  }
  const std::int64_t slices = grid.part.size.k;
  if (grid.part.evenlySpaced()) {
    m_groups.push_back(makeGroup(grid, {}, {0, slices}));
    return;
  }
  const Affine indexFromLps = grid.part.indexFromLps();
  for (std::int64_t k = 0; k < slices; ++k) {
    const Vec3 origin = indexFromLps.apply(grid.part.sliceToLps(0.0, 0.0, k));
    const Vec3 shift{origin.x, origin.y, origin.z - static_cast<double>(k)};
    m_groups.push_back(makeGroup(grid, shift, {k, k + 1}));
  }
}

// `shift`: from where the regular grid has these voxels to where they are.
LabelCollector::Group LabelCollector::makeGroup(const NetworkGrid& grid,
                                                const Vec3& shift,
                                                Range slices) {
  Group group;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int to = static_cast<int>(axis);
    const int from = m_axes[axis];
    const std::int64_t count = grid.part.size[from];
    const auto middle = static_cast<double>(count - 1) / 2.0;
    const auto last = static_cast<double>(m_size[to] - 1);
    const bool flipped = grid.order.flipped[axis];
    group.indices[axis] = from == 2 ? slices : Range{0, count};
    Positions& positions = group.positions[axis];
    positions.resize(static_cast<std::size_t>(count));
    for (std::int64_t n = 0; n < count; ++n) {
      double at = static_cast<double>(flipped ? count - 1 - n : n);
      at += flipped ? -shift[from] : shift[from];
      if (grid.respaced) {
        at = (at - middle) * grid.stepsPerVoxel[to] + last / 2.0;
      }
      at = std::clamp(at, 0.0, last);
      const double low = std::floor(at);
      positions[static_cast<std::size_t>(n)] = {static_cast<std::int64_t>(low),
                                                static_cast<float>(at - low)};
      m_exact = m_exact && at == low;
    }
  }
  // Positions rise or fall along the axis, so the voxels of a row lie together.
  group.byRow.resize(static_cast<std::size_t>(m_size.k));
  for (std::int64_t n = group.indices[2].begin; n < group.indices[2].end; ++n) {
    Range& row =
        group.byRow[static_cast<std::size_t>(group.positions[2][static_cast<std::size_t>(n)].low)];
    row = row.empty() ? Range{n, n + 1} : Range{std::min(row.begin, n), std::max(row.end, n + 1)};
  }
  return group;
}

Result<void> LabelCollector::consume(const engine::ScoreSlab& slab) {
  ARGAND_ASSERT(!slab.scores.empty() && slab.rows.count() > 0);
  const std::int64_t rowElements = slab.height * slab.width * slab.classes;
  const std::int64_t end = std::min(slab.rows.end, m_size.k);  // the rest is padding
  const auto rowAt = [&](std::int64_t row) {
    return slab.scores.subspan(static_cast<std::size_t>((row - slab.rows.begin) * rowElements),
                               static_cast<std::size_t>(rowElements));
  };
  const RowShape shape{slab.width, slab.classes};
  for (std::int64_t row = slab.rows.begin; row < end; ++row) {
    if (m_exact || row + 1 == m_size.k) {
      label(row, rowAt(row), {}, shape);
    } else if (row + 1 < end) {
      label(row, rowAt(row), rowAt(row + 1), shape);
    } else {
      meet(row, true, rowAt(row), shape);
    }
  }
  if (!m_exact && slab.rows.begin > 0 && slab.rows.begin < end) {
    meet(slab.rows.begin - 1, false, rowAt(slab.rows.begin), shape);
  }
  return {};
}

std::size_t LabelCollector::rowsKept() const {
  const std::lock_guard lock(m_mutex);
  return m_borders.size();
}

// One side of the border above `border` has come: waits for the other, or labels.
void LabelCollector::meet(std::int64_t border,
                          bool lowSide,
                          std::span<const float> row,
                          const RowShape& shape) {
  std::vector<float> other;
  {
    const std::lock_guard lock(m_mutex);
    const auto found = m_borders.find(border);
    if (found == m_borders.end()) {
      m_borders.emplace(border, std::vector<float>(row.begin(), row.end()));
      return;
    }
    other = std::move(found->second);
    m_borders.erase(found);
  }
  if (lowSide) {
    label(border, row, other, shape);
  } else {
    label(border, other, row, shape);
  }
}

// The voxels between row `row` and the next.
void LabelCollector::label(std::int64_t row,
                           std::span<const float> low,
                           std::span<const float> high,
                           const RowShape& shape) {
  std::vector<float> line(static_cast<std::size_t>(shape.width * shape.classes));
  std::vector<float> scores(static_cast<std::size_t>(shape.classes));
  for (const Group& group : m_groups) {
    const Range depth = group.byRow[static_cast<std::size_t>(row)];
    for (std::int64_t d = depth.begin; d < depth.end; ++d) {
      const float depthShare = group.positions[2][static_cast<std::size_t>(d)].share;
      for (std::int64_t h = group.indices[1].begin; h < group.indices[1].end; ++h) {
        const Position across = group.positions[1][static_cast<std::size_t>(h)];
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
        labelLine(group, d * m_strides[2] + h * m_strides[1], whole, scores);
      }
    }
  }
}

// Voxels along the network's width, from a line of scores.
void LabelCollector::labelLine(const Group& group,
                               std::int64_t offset,
                               const float* line,
                               std::span<float> scores) {
  const auto classes = static_cast<std::int64_t>(scores.size());
  for (std::int64_t w = group.indices[0].begin; w < group.indices[0].end; ++w) {
    const Position at = group.positions[0][static_cast<std::size_t>(w)];
    const float* voxel = line + at.low * classes;
    if (at.share > 0.0F) {
      for (std::int64_t c = 0; c < classes; ++c) {
        scores[static_cast<std::size_t>(c)] =
            (1.0F - at.share) * voxel[c] + at.share * voxel[c + classes];
      }
      voxel = scores.data();
    }
    m_labels[static_cast<std::size_t>(offset + w * m_strides[0])] = highest(voxel, classes);
  }
}

}  // namespace argand::infer
