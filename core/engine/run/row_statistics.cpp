// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/row_statistics.h"

#include "core/engine/run/kernels/kernels.h"

#include <ATen/ATen.h>

#include <utility>

namespace argand::engine {

RowStatistics::RowStatistics(Slab& slab,
                             const RowRange& kept,
                             std::int64_t channels,
                             std::vector<std::int64_t> voxels)
    : m_slab(slab), m_kept(kept), m_voxels(std::move(voxels)) {
  if (slab.moments.defined()) {
    m_pieces = at::empty({kept.count(), static_cast<std::int64_t>(m_voxels.size()), channels, 2},
                         at::kDouble);
  }
}

double* RowStatistics::pieces() const {
  return m_pieces.defined() ? m_pieces.mutable_data_ptr<double>() : nullptr;
}

void RowStatistics::join() {
  if (!m_pieces.defined()) {
    return;
  }
  const std::int64_t channels = m_pieces.size(2);
  const std::int64_t rowOfPieces = m_pieces.stride(0);
  double* const rows = m_slab.moments.mutable_data_ptr<double>();
  for (std::int64_t row = 0; row < m_kept.count(); ++row) {
    if (m_slab.rows.contains(m_kept.begin + row)) {
      kernels::joinMoments(pieces() + row * rowOfPieces,
                           m_voxels.data(),
                           static_cast<std::int64_t>(m_voxels.size()),
                           channels,
                           rows + (m_kept.begin + row - m_slab.rows.begin) * channels * 2);
    }
  }
}

}  // namespace argand::engine
