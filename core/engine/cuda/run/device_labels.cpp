// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/device_labels.h"

#include "core/base/assert.h"
#include "core/engine/cuda/run/calls.h"
#include "core/engine/cuda/run/device_reader.h"
#include "core/engine/plan/task_bytes.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace argand::engine::cuda {

namespace {

static_assert(sizeof(Position) == sizeof(std::int64_t));

// Of indices along one axis the next that fit a table and the room for labels.
RowRange next(const RowRange& all, std::int64_t begin, std::int64_t table, std::int64_t room) {
  return {begin, std::min({all.end, begin + table, begin + std::max<std::int64_t>(1, room)})};
}

}  // namespace

void DeviceLabels::add(const RowRange& rows, const at::Tensor& scores) {
  ARGAND_ASSERT(scores.is_contiguous());
  const LabelGrid& grid = m_to.grid();
  const RowRange due = intersection(rows, {0, grid.rows()});  // the rest is padding
  if (due.count() == 0) {
    return;
  }
  const bool ends = grid.exact() || due.end == grid.rows();
  if (!grid.exact() && due.begin == m_slab.begin && due.begin > 0) {
    addBorder(due.begin - 1, due.begin, scores[0]);
  }
  const std::int64_t room = rows.count() * scores.size(1) * scores.size(2);  // as predicted
  const RowRange lows{due.begin - (m_before.defined() ? 1 : 0), due.end - (ends ? 0 : 1)};
  for (const LabelGrid::Group& group : grid.groups()) {
    const RowRange depth = LabelGrid::between(group, lows);
    const RowRange& height = group.indices[1];
    const RowRange& width = group.indices[2];
    const std::int64_t table = kLabelPositions / 4;
    for (RowRange w{0, width.begin}; w.end < width.end;) {
      w = next(width, w.end, 2 * table, room);
      for (RowRange h{0, height.begin}; h.end < height.end;) {
        h = next(height, h.end, table, room / w.count());
        for (RowRange d{0, depth.begin}; d.end < depth.end;) {
          d = next(depth, d.end, table, room / w.count() / h.count());
          label(group, {d, h, w}, due.begin, scores);
        }
      }
    }
  }
  if (ends) {
    return;
  }
  const at::Tensor last = scores[due.count() - 1];
  if (due.end == m_slab.end) {
    addBorder(due.end - 1, due.end - 1, last);
    m_before = at::Tensor();
  } else if (m_before.defined()) {
    m_before.copy_(last);
  } else {
    m_before = last.clone();
  }
}

void DeviceLabels::label(const LabelGrid::Group& group,
                         const std::array<RowRange, 3>& indices,
                         std::int64_t firstRow,
                         const at::Tensor& scores) {
  const at::Tensor table = m_streams.hostMemory({kLabelPositions}, at::kLong);
  auto* const positions = static_cast<Position*>(table.mutable_data_ptr());
  std::int64_t count = 0;
  std::array<std::int64_t, 3> first{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    first[axis] = count;
    for (std::int64_t n = indices[axis].begin; n < indices[axis].end; ++n) {
      const LabelGrid::Position& at = group.positions[axis][static_cast<std::size_t>(n)];
      positions[count++] = {at.low, at.share};
    }
  }
  const at::Tensor fetched = m_streams.fetch(table);
  const auto* const tables = static_cast<const Position*>(fetched.const_data_ptr());
  const at::Tensor labels = at::empty({indices[0].count(), indices[1].count(), indices[2].count()},
                                      at::TensorOptions(at::kShort).device(m_streams.device()));
  ArgmaxResampled args;
  args.type = scalarOf(scores.scalar_type());
  args.rows = scores.const_data_ptr();
  args.before = m_before.defined() ? m_before.const_data_ptr() : nullptr;
  args.firstRow = firstRow;
  args.height = scores.size(1);
  args.width = scores.size(2);
  args.classes = scores.size(3);
  args.depth = tables + first[0];
  args.across = tables + first[1];
  args.along = tables + first[2];
  args.voxels = {labels.size(0), labels.size(1), labels.size(2)};
  args.labels = labels.mutable_data_ptr();
  must(argmaxResampled(args, m_streams.compute()), "labelling");
  const at::Tensor host = m_streams.hostMemory(labels.sizes(), at::kShort);
  m_streams.store(labels, host);
  m_streams.settle();
  m_to.addLabels(indices,
                 {static_cast<const std::uint16_t*>(host.const_data_ptr()),
                  static_cast<std::size_t>(host.numel())});
}

void DeviceLabels::addBorder(std::int64_t border, std::int64_t row, const at::Tensor& scores) {
  const at::Tensor stored = m_streams.hostMemory(scores.sizes(), scores.scalar_type());
  m_streams.store(scores, stored);
  m_streams.settle();
  const at::Tensor wide = m_streams.hostMemory(scores.sizes(), at::kFloat);
  wide.copy_(stored);
  m_to.addBorder(border,
                 {{row, row + 1},
                  scores.size(0),
                  scores.size(1),
                  scores.size(2),
                  {wide.const_data_ptr<float>(), static_cast<std::size_t>(wide.numel())},
                  {}});
}

}  // namespace argand::engine::cuda
