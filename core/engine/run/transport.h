// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace argand::engine {

// Where rows go that cannot be read where they are: memory of the device that
// receives them, and the queue there (a CUDA stream) that the copy is put into.
struct Landing {
  std::byte* memory = nullptr;
  void* stream = nullptr;
};

// How a device gets at rows that lie on another one. Every implementation
// counts the same bytes for the same plan.
class Transport {
 public:
  explicit Transport(int devices) : m_received(static_cast<std::size_t>(devices), 0) {}

  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Makes `bytes` at `rows` on device `from`, complete by now, readable by device
  // `to` and returns where: there, or in the landing once its queue is at that point.
  // Valid until the step is over on all devices. Called by the worker of `to` alone:
  // that of `from` takes no part in it.
  [[nodiscard]] const std::byte* receive(
      int to, int from, const std::byte* rows, std::int64_t bytes, const Landing& landing = {}) {
    if (to == from) {
      return rows;
    }
    m_received[static_cast<std::size_t>(to)] += bytes;
    return carry(to, from, rows, bytes, landing);
  }

  // What `device` has received since the last reset.
  [[nodiscard]] std::int64_t receivedBytes(int device) const {
    return m_received[static_cast<std::size_t>(device)];
  }

  void reset() { m_received.assign(m_received.size(), 0); }

 private:
  virtual const std::byte* carry(
      int to, int from, const std::byte* rows, std::int64_t bytes, const Landing& landing) = 0;

  std::vector<std::int64_t> m_received;  // each entry is written by its device's worker alone
};

// Virtual devices that share host memory: the rows are readable where they are.
[[nodiscard]] std::unique_ptr<Transport> hostTransport(int devices);

}  // namespace argand::engine
