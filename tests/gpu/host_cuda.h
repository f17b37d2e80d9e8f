// SPDX-License-Identifier: Apache-2.0
// Runs CUDA kernels on the processor, thread by thread, so that their arithmetic
// and every index are tested where there is no GPU. Included by
// the compiler's command line before a .cu file that it compiles as C++.
//
// The threads of a block are fibers that take turns: each runs until it waits in
// __syncthreads or ends; those of a kernel that never waits just follow each other.
// Blocks run one after the other, so what is shared
// within a block may be static. Nothing is concurrent: races are not found.
#pragma once

#include <cuda_runtime.h>
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#undef __shared__
#define __shared__ static

inline dim3 threadIdx;
inline dim3 blockIdx;
inline dim3 blockDim;
inline dim3 gridDim;

namespace argand::engine::cuda {

class HostBlock {
 public:
  explicit HostBlock(unsigned threads) : m_fibers(threads) {
    for (Fiber& fiber : m_fibers) {
      fiber.stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
    }
  }

  // Runs body for every thread of the block that blockIdx names.
  void run(const std::function<void()>& body) {
    s_current = this;
    m_body = &body;
    for (Fiber& fiber : m_fibers) {
      fiber.ended = false;
      ::getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = kStackBytes;
      fiber.context.uc_link = &m_scheduler;
      ::makecontext(&fiber.context, &HostBlock::enter, 0);
    }
    for (std::size_t left = m_fibers.size(); left > 0;) {
      std::size_t waiting = 0;
      for (m_at = 0; m_at < m_fibers.size(); ++m_at) {
        if (m_fibers[m_at].ended) {
          continue;
        }
        const auto at = static_cast<unsigned>(m_at);
        threadIdx =
            dim3(at % blockDim.x, at / blockDim.x % blockDim.y, at / blockDim.x / blockDim.y);
        ::swapcontext(&m_scheduler, &m_fibers[m_at].context);
        waiting += m_fibers[m_at].ended ? 0 : 1;
      }
      // All threads of a block must meet in __syncthreads: some that wait while others
      // have ended is a bug, whatever a GPU makes of it.
      if (waiting != 0 && waiting != left) {
        std::fprintf(stderr, "%zu of %zu threads wait in __syncthreads\n", waiting, left);
        std::abort();
      }
      left = waiting;
    }
  }

  // Whatever the kernel and whoever starts it: threadIdx is one for all.
  inline static std::mutex oneAtATime;

  // Runs body for every thread in turn; none may wait.
  static void runInTurn(const std::function<void()>& body) {
    s_current = nullptr;
    for (unsigned z = 0; z < blockDim.z; ++z) {
      for (unsigned y = 0; y < blockDim.y; ++y) {
        for (unsigned x = 0; x < blockDim.x; ++x) {
          threadIdx = dim3(x, y, z);
          body();
        }
      }
    }
  }

  [[nodiscard]] bool hasWaited() const { return m_waited; }

  static void wait() {
    if (s_current == nullptr) {
      std::fprintf(stderr, "a kernel waits in one block and not in another\n");
      std::abort();
    }
    HostBlock& block = *s_current;
    block.m_waited = true;
    const dim3 me = threadIdx;
    ::swapcontext(&block.m_fibers[block.m_at].context, &block.m_scheduler);
    threadIdx = me;
  }

 private:
  static constexpr std::size_t kStackBytes = 64U << 10;

  struct Fiber {
    ucontext_t context{};
    std::unique_ptr<char[]> stack;
    bool ended = false;
  };

  static void enter() {
    HostBlock& block = *s_current;
    (*block.m_body)();
    block.m_fibers[block.m_at].ended = true;
  }

  inline static HostBlock* s_current = nullptr;
  std::vector<Fiber> m_fibers;
  std::size_t m_at = 0;
  bool m_waited = false;
  ucontext_t m_scheduler{};
  const std::function<void()>* m_body = nullptr;
};

template <typename Args>
cudaError_t launch(
    void (*kernel)(Args), const dim3& grid, const dim3& block, cudaStream_t, Args args) {
  const std::lock_guard lock(HostBlock::oneAtATime);
  const unsigned threads = block.x * block.y * block.z;
  if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.y > 65535 ||
      grid.z == 0 || grid.z > 65535) {
    return cudaErrorInvalidConfiguration;
  }
  gridDim = grid;
  blockDim = block;
  // By its first block ever: whether the kernel waits.
  static std::map<void (*)(Args), bool> waits;
  std::optional<HostBlock> fibers;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = dim3(x, y, z);
        const auto known = waits.find(kernel);
        if (known != waits.end() && !known->second) {
          HostBlock::runInTurn([&] { kernel(args); });
        } else {
          if (!fibers) {
            fibers.emplace(threads);
          }
          fibers->run([&] { kernel(args); });
          waits[kernel] = fibers->hasWaited();
        }
      }
    }
  }
  return cudaSuccess;
}

}  // namespace argand::engine::cuda

inline void __syncthreads() {
  argand::engine::cuda::HostBlock::wait();
}
