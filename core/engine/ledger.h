// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace argand::engine {

// Counts the bytes that live on one device. While a LedgerScope is on a
// thread, every allocation of Torch on it (tensors, oneDNN's scratchpads) is
// charged here, and given back when freed, on whatever thread that is.
class Ledger {
 public:
  Ledger(std::string device, std::int64_t budgetBytes);

  // Throws std::runtime_error where the budget would be exceeded.
  void charge(std::int64_t bytes);
  void release(std::int64_t bytes);

  [[nodiscard]] std::int64_t liveBytes() const { return m_live.load(); }

  [[nodiscard]] std::int64_t peakBytes() const { return m_peak.load(); }

  // The peak starts again at what lives now.
  void resetPeak();

 private:
  std::string m_device;
  std::int64_t m_budgetBytes;
  std::atomic<std::int64_t> m_live{0};
  std::atomic<std::int64_t> m_peak{0};
};

// Charges allocations of this thread to `ledger` until the end of the scope.
// The ledger must outlive everything allocated in it.
class LedgerScope {
 public:
  explicit LedgerScope(Ledger& ledger);
  ~LedgerScope();
  LedgerScope(const LedgerScope&) = delete;
  LedgerScope& operator=(const LedgerScope&) = delete;

 private:
  Ledger* m_previous;
};

}  // namespace argand::engine
