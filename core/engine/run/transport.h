// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace argand::engine {

// How a device gets at rows that lie on another one. Every implementation
// counts the same bytes for the same plan.
class Transport {
 public:
  virtual ~Transport() = default;

  // Makes `bytes` at `rows` on device `from` readable by device `to` and
  // returns where; valid until the step is over on all devices. Called by the
  // worker of `to`.
  [[nodiscard]] virtual const std::byte* receive(int to,
                                                 int from,
                                                 const std::byte* rows,
                                                 std::int64_t bytes) = 0;

  // What `device` has received since the start.
  [[nodiscard]] virtual std::int64_t receivedBytes(int device) const = 0;
};

// Virtual devices that share host memory: the rows are readable where they are.
[[nodiscard]] std::unique_ptr<Transport> hostTransport(int devices);

}  // namespace argand::engine
