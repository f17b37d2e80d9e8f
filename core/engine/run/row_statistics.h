// SPDX-License-Identifier: Apache-2.0
// Internal to the executor: brings Torch in.
#pragma once

#include "core/engine/run/slab_tensor.h"

#include <cstdint>
#include <vector>

namespace argand::engine {

// The statistics of the rows of one chunk, counted in pieces that threads take one by
// one and joined in order, so that they do not depend on the threads.
class RowStatistics {
 public:
  // Rows `kept` of `slab`; each is joined from pieces of `voxels` voxels. Counts nothing
  // where the slab has no room for statistics, as no norm needs them.
  RowStatistics(Slab& slab,
                const RowRange& kept,
                std::int64_t channels,
                std::vector<std::int64_t> voxels);

  // (row, piece, channel, mean and squared deviations); null where nothing is counted.
  [[nodiscard]] double* pieces() const;

  // Once all pieces are there, to the rows that the slab has.
  void join();

 private:
  Slab& m_slab;
  const RowRange m_kept;
  const std::vector<std::int64_t> m_voxels;
  at::Tensor m_pieces;
};

}  // namespace argand::engine
