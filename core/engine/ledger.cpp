// SPDX-License-Identifier: Apache-2.0
#include "core/engine/ledger.h"

#include "core/engine/devices.h"

#include <c10/core/CPUAllocator.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>

namespace argand::engine {

namespace {

constexpr std::size_t kAlignment = 64;
// From here on a block lies on huge pages, where the kernel has them: the page
// faults of a fresh block cost more than a pass over it.
constexpr std::size_t kLargeBlock = 4u << 20;
constexpr std::size_t kHugePage = 2u << 20;

void* takeFromSystem(std::size_t bytes) {
  const bool large = bytes >= kLargeBlock;
  void* block = nullptr;
  if (::posix_memalign(&block, large ? kHugePage : kAlignment, bytes) != 0) {
    throw std::bad_alloc();
  }
  if (large) {
    ::madvise(block, bytes, MADV_HUGEPAGE);  // a wish: without huge pages it still works
  }
  return block;
}

}  // namespace

struct Ledger::Core {
  std::string device;
  std::int64_t budgetBytes = 0;
  mutable std::mutex mutex;
  std::int64_t live = 0;
  std::int64_t peak = 0;
  std::int64_t kept = 0;
  std::multimap<std::size_t, void*> blocks;  // kept, by their whole size

  ~Core() { giveBackKept(0); }

  // Frees kept blocks, the largest first, until at most `bytes` are left.
  void giveBackKept(std::int64_t bytes) {
    while (kept > std::max<std::int64_t>(0, bytes) && !blocks.empty()) {
      const auto last = std::prev(blocks.end());
      kept -= static_cast<std::int64_t>(last->first);
      std::free(last->second);
      blocks.erase(last);
    }
  }

  void charge(std::int64_t bytes) {
    if (live + bytes > budgetBytes) {
      throw std::runtime_error(fmt::format("{} may use {} and has {} in use; {} more do not fit.",
                                           device,
                                           formatBytes(budgetBytes),
                                           formatBytes(live),
                                           formatBytes(bytes)));
    }
    live += bytes;
    peak = std::max(peak, live);
    giveBackKept(peak - live);
  }

  void* take(std::size_t whole) {
    const std::lock_guard lock(mutex);
    const auto found = blocks.find(whole);
    void* block = nullptr;
    if (found != blocks.end()) {
      block = found->second;
      kept -= static_cast<std::int64_t>(whole);
      blocks.erase(found);
    }
    try {
      charge(static_cast<std::int64_t>(whole));
      return block == nullptr ? takeFromSystem(whole) : block;
    } catch (...) {
      std::free(block);
      throw;
    }
  }

  void give(void* block, std::size_t whole) {
    const std::lock_guard lock(mutex);
    live -= static_cast<std::int64_t>(whole);
    if (live + kept + static_cast<std::int64_t>(whole) <= peak) {
      blocks.emplace(whole, block);
      kept += static_cast<std::int64_t>(whole);
    } else {
      std::free(block);
    }
  }
};

namespace {

std::shared_ptr<Ledger::Core>& currentCore() {
  thread_local std::shared_ptr<Ledger::Core> core;
  return core;
}

// In front of every block, so that it finds its ledger when it is freed.
struct Header {
  std::shared_ptr<Ledger::Core> core;
  std::size_t whole = 0;
};

static_assert(sizeof(Header) <= kAlignment);

void freeBlock(void* data) {
  if (data == nullptr) {
    return;
  }
  auto* block = static_cast<std::byte*>(data) - kAlignment;
  auto* header = std::launder(reinterpret_cast<Header*>(block));
  const std::shared_ptr<Ledger::Core> core = std::move(header->core);
  const std::size_t whole = header->whole;
  header->~Header();
  if (core) {
    core->give(block, whole);
  } else {
    std::free(block);
  }
}

// Torch's allocator for the processor, with the charge to the current ledger.
class ChargingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) {
      return {nullptr, nullptr, &freeBlock, c10::Device(c10::DeviceType::CPU)};
    }
    const std::size_t whole = (bytes + kAlignment - 1) / kAlignment * kAlignment + kAlignment;
    const std::shared_ptr<Ledger::Core>& core = currentCore();
    void* block = core ? core->take(whole) : takeFromSystem(whole);
    new (block) Header{core, whole};
    void* data = static_cast<std::byte*>(block) + kAlignment;
    return {data, data, &freeBlock, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &freeBlock; }

  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

void installAllocator() {
  static std::once_flag once;
  // Never destroyed: tensors of static duration may be freed after main.
  std::call_once(once, [] { c10::SetCPUAllocator(new ChargingAllocator, 1); });
}

}  // namespace

Ledger::Ledger(std::string device, std::int64_t budgetBytes) : m_core(std::make_shared<Core>()) {
  installAllocator();
  m_core->device = std::move(device);
  m_core->budgetBytes = budgetBytes;
}

Ledger::~Ledger() = default;

void Ledger::charge(std::int64_t bytes) {
  const std::lock_guard lock(m_core->mutex);
  m_core->charge(bytes);
}

void Ledger::release(std::int64_t bytes) {
  const std::lock_guard lock(m_core->mutex);
  m_core->live -= bytes;
}

std::int64_t Ledger::liveBytes() const {
  const std::lock_guard lock(m_core->mutex);
  return m_core->live;
}

std::int64_t Ledger::peakBytes() const {
  const std::lock_guard lock(m_core->mutex);
  return m_core->peak;
}

void Ledger::reset() {
  const std::lock_guard lock(m_core->mutex);
  m_core->giveBackKept(0);
  m_core->peak = m_core->live;
}

LedgerScope::LedgerScope(const Ledger& ledger)
    : m_previous(std::exchange(currentCore(), ledger.m_core)) {}

LedgerScope::~LedgerScope() {
  currentCore() = std::move(m_previous);
}

}  // namespace argand::engine
