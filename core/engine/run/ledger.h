// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/devices.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace argand::engine {

// Counts the bytes that live on one device and holds its arena. While a
// LedgerScope is on a thread, every allocation of Torch on it (tensors,
// oneDNN's copies and scratchpads) is charged here, and given back when freed,
// on whatever thread and however late that is.
//
// Blocks lie packed in one range of addresses, each page of which is faulted in
// once, used again by whatever comes next, and given back with the ledger.
class Ledger {
 public:
  // Blocks are charged as the allocator of a device of that kind gives them.
  Ledger(std::string device, std::int64_t budgetBytes, DeviceKind kind = DeviceKind::Cpu);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Throws std::runtime_error where the budget would be exceeded.
  void charge(std::int64_t bytes);
  void release(std::int64_t bytes);

  [[nodiscard]] std::int64_t liveBytes() const;
  [[nodiscard]] std::int64_t peakBytes() const;

  // Gives bytes back, also once the ledger is gone.
  [[nodiscard]] std::function<void(std::int64_t)> releaser() const;

  // The peak starts again at what lives now.
  void reset();

  struct Core;

 private:
  friend class LedgerScope;
  std::shared_ptr<Core> m_core;
};

// Charges allocations of this thread to `ledger` until the end of the scope.
class LedgerScope {
 public:
  explicit LedgerScope(const Ledger& ledger);
  ~LedgerScope();
  LedgerScope(const LedgerScope&) = delete;
  LedgerScope& operator=(const LedgerScope&) = delete;

 private:
  std::shared_ptr<Ledger::Core> m_previous;
};

}  // namespace argand::engine
