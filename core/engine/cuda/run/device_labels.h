// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/cuda/run/device_streams.h"
#include "core/engine/run/labels.h"

#include <cstdint>

namespace argand::engine::cuda {

// Makes labels of the scores of a device where they are, so that labels alone leave
// it. Between its slab and the next one the collector makes them, from a row of
// scores of either side.
class DeviceLabels {
 public:
  // `slab`: the rows that come.
  DeviceLabels(LabelCollector& to, const RowRange& slab, DeviceStreams& streams)
      : m_to(to), m_slab(slab), m_streams(streams) {}

  // (row, height, width, class), dense; rows come in order. Waits for the device.
  void add(const RowRange& rows, const at::Tensor& scores);

 private:
  void label(const LabelGrid::Group& group,
             const std::array<RowRange, 3>& indices,
             std::int64_t firstRow,
             const at::Tensor& scores);
  void addBorder(std::int64_t border, std::int64_t row, const at::Tensor& scores);

  LabelCollector& m_to;
  const RowRange m_slab;
  DeviceStreams& m_streams;
  at::Tensor m_before;  // the last row that came, where voxels lie between it and the next
};

}  // namespace argand::engine::cuda
