// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/assert.h"
#include "core/engine/graph/graph.h"

#include <cstdint>
#include <vector>

namespace argand::engine {

// What the allocator of one device has, peak and all.
class LiveBytes {
 public:
  struct Id {
    int tensor = -1;  // none
  };

  Id make(std::int64_t bytes) {
    if (bytes <= 0) {
      return {};
    }
    m_tensors.push_back({bytes, 1});
    m_live += bytes;
    note(0);
    return {static_cast<int>(m_tensors.size()) - 1};
  }

  Id hold(Id id) {
    if (id.tensor >= 0) {
      ++m_tensors[static_cast<std::size_t>(id.tensor)].holders;
    }
    return id;
  }

  void drop(Id& id) {
    if (id.tensor >= 0) {
      Tensor& tensor = m_tensors[static_cast<std::size_t>(id.tensor)];
      ARGAND_ASSERT(tensor.holders > 0);
      m_live -= --tensor.holders == 0 ? tensor.bytes : 0;
    }
    id = {};
  }

  [[nodiscard]] bool isAlone(Id id) const {
    return id.tensor >= 0 && m_tensors[static_cast<std::size_t>(id.tensor)].holders == 1;
  }

  // For a moment beside what lives.
  void note(std::int64_t scratch) {
    if (m_live + scratch > m_peak) {
      m_peak = m_live + scratch;
      m_where = m_doing;
    }
  }

  void doing(NodeId node) { m_doing = node; }

  [[nodiscard]] std::int64_t bytesOf(Id id) const {
    return id.tensor < 0 ? 0 : m_tensors[static_cast<std::size_t>(id.tensor)].bytes;
  }

  [[nodiscard]] std::int64_t live() const { return m_live; }

  [[nodiscard]] std::int64_t peak() const { return m_peak; }

  // The peak from now on.
  void restart() { m_peak = m_live; }

  [[nodiscard]] NodeId where() const { return m_where; }

 private:
  struct Tensor {
    std::int64_t bytes = 0;
    int holders = 0;
  };

  std::vector<Tensor> m_tensors;
  std::int64_t m_live = 0;
  std::int64_t m_peak = 0;
  NodeId m_doing = 0;
  NodeId m_where = 0;
};

}  // namespace argand::engine
