// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/charges.h"

#include "core/engine/plan/step_bytes.h"

#include <c10/cuda/CUDACachingAllocator.h>

#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace argand::engine::cuda {

// By the address of each block. Called under the allocator's lock, so nothing in
// here may allocate on a device.
struct Charges {
  struct Block {
    std::function<void(std::int64_t)> release;  // its ledger may be gone by then
    std::int64_t bytes = 0;
  };

  std::mutex mutex;
  std::unordered_map<std::size_t, Block> blocks;

  static Charges& instance() {
    static Charges charges;
    return charges;
  }

  static ChargeScope*& current() {
    thread_local ChargeScope* scope = nullptr;
    return scope;
  }

  void note(const c10::CachingDeviceAllocator::TraceEntry& entry) {
    using Entry = c10::CachingDeviceAllocator::TraceEntry;
    if (entry.action_ == Entry::ALLOC && current() != nullptr) {
      charge(*current(),
             entry.addr_,
             blockBytes(static_cast<std::int64_t>(entry.size_), DeviceKind::Cuda));
    } else if (entry.action_ == Entry::FREE_COMPLETED) {
      release(entry.addr_);
    }
  }

  void charge(ChargeScope& scope, std::size_t address, std::int64_t bytes) {
    try {
      scope.m_ledger.charge(bytes);
      const std::lock_guard lock(mutex);
      blocks[address] = {scope.m_ledger.releaser(), bytes};
    } catch (const std::exception& exception) {
      if (scope.m_problem.empty()) {
        scope.m_problem = exception.what();
      }
    }
  }

  void release(std::size_t address) {
    const std::lock_guard lock(mutex);
    const auto found = blocks.find(address);
    if (found != blocks.end()) {
      found->second.release(found->second.bytes);
      blocks.erase(found);
    }
  }
};

ChargeScope::ChargeScope(Ledger& ledger) : m_ledger(ledger) {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::cuda::CUDACachingAllocator::attachAllocatorTraceTracker(
        [](const c10::CachingDeviceAllocator::TraceEntry& entry) {
          Charges::instance().note(entry);
        });
  });
  m_previous = std::exchange(Charges::current(), this);
}

ChargeScope::~ChargeScope() {
  Charges::current() = m_previous;
}

}  // namespace argand::engine::cuda
