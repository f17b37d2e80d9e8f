// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/ledger.h"

#include "core/engine/plan/step_bytes.h"

#include <c10/core/CPUAllocator.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>

namespace argand::engine {

namespace {

constexpr std::size_t kAlignment = 64;

void* takeFromSystem(std::size_t bytes) {
  void* block = nullptr;
  if (::posix_memalign(&block, kAlignment, bytes) != 0) {
    throw std::bad_alloc();
  }
  return block;
}

// Blocks of one device, packed from the bottom of a range of addresses: a page is
// used again by whatever comes next, so that it is faulted in once. The range is
// larger than the budget, for the gaps; pages that were never touched cost nothing.
class Arena {
 public:
  explicit Arena(std::int64_t budgetBytes) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    constexpr std::int64_t kLeast = std::int64_t{64} << 20;
    m_size = static_cast<std::size_t>(budgetBytes > kMost / 2 ? kMost
                                                              : std::max(kLeast, 2 * budgetBytes));
    void* range = ::mmap(nullptr,
                         m_size,
                         PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                         -1,
                         0);
    if (range == MAP_FAILED) {
      m_size = 0;  // every block comes from the system then
      return;
    }
    m_base = static_cast<std::byte*>(range);
    ::madvise(range, m_size, MADV_HUGEPAGE);  // a wish: without huge pages it still works
  }

  ~Arena() {
    if (m_base != nullptr) {
      ::munmap(m_base, m_size);
    }
  }

  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // At the lowest address that has room.
  void* take(std::size_t bytes) {
    for (auto gap = m_gaps.begin(); gap != m_gaps.end(); ++gap) {
      if (gap->second >= bytes) {
        const auto [at, room] = *gap;
        m_gaps.erase(gap);
        if (room > bytes) {
          m_gaps.emplace(at + bytes, room - bytes);
        }
        return m_base + at;
      }
    }
    if (m_size - m_top < bytes) {
      return takeFromSystem(bytes);
    }
    const std::size_t at = std::exchange(m_top, m_top + bytes);
    return m_base + at;
  }

  void give(void* block, std::size_t bytes) {
    auto* const address = static_cast<std::byte*>(block);
    if (m_base == nullptr || address < m_base || address >= m_base + m_size) {
      std::free(block);
      return;
    }
    auto [gap, isNew] = m_gaps.emplace(static_cast<std::size_t>(address - m_base), bytes);
    const auto next = std::next(gap);
    if (next != m_gaps.end() && gap->first + gap->second == next->first) {
      gap->second += next->second;
      m_gaps.erase(next);
    }
    if (gap != m_gaps.begin()) {
      const auto before = std::prev(gap);
      if (before->first + before->second == gap->first) {
        before->second += gap->second;
        m_gaps.erase(gap);
        gap = before;
      }
    }
    if (gap->first + gap->second == m_top) {
      m_top = gap->first;
      m_gaps.erase(gap);
    }
  }

 private:
  std::byte* m_base = nullptr;
  std::size_t m_size = 0;
  std::size_t m_top = 0;                      // end of the highest block
  std::map<std::size_t, std::size_t> m_gaps;  // below m_top: where and how large
};

}  // namespace

struct Ledger::Core {
  Core(std::string name, std::int64_t budget, DeviceKind of)
      : device(std::move(name)), budgetBytes(budget), kind(of), arena(budget) {}

  std::string device;
  std::int64_t budgetBytes = 0;
  DeviceKind kind = DeviceKind::Cpu;
  mutable std::mutex mutex;
  std::int64_t live = 0;
  std::int64_t peak = 0;
  Arena arena;

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
  }

  void* take(std::size_t whole) {
    const std::lock_guard lock(mutex);
    charge(static_cast<std::int64_t>(whole));
    return arena.take(whole);
  }

  void give(void* block, std::size_t whole) {
    const std::lock_guard lock(mutex);
    live -= static_cast<std::int64_t>(whole);
    arena.give(block, whole);
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
    const std::shared_ptr<Ledger::Core>& core = currentCore();
    const auto whole = static_cast<std::size_t>(
        blockBytes(static_cast<std::int64_t>(bytes), core ? core->kind : DeviceKind::Cpu));
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

Ledger::Ledger(std::string device, std::int64_t budgetBytes, DeviceKind kind)
    : m_core(std::make_shared<Core>(std::move(device), budgetBytes, kind)) {
  installAllocator();
}

Ledger::~Ledger() = default;

void Ledger::charge(std::int64_t bytes) {
  const std::lock_guard lock(m_core->mutex);
  m_core->charge(bytes);
}

void Ledger::release(std::int64_t bytes) {
  releaser()(bytes);
}

std::function<void(std::int64_t)> Ledger::releaser() const {
  return [core = m_core](std::int64_t bytes) {
    const std::lock_guard lock(core->mutex);
    core->live -= bytes;
  };
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
  m_core->peak = m_core->live;
}

LedgerScope::LedgerScope(const Ledger& ledger)
    : m_previous(std::exchange(currentCore(), ledger.m_core)) {}

LedgerScope::~LedgerScope() {
  currentCore() = std::move(m_previous);
}

}  // namespace argand::engine
