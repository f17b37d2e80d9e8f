// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks.
#pragma once

#include "core/engine/training/placement.h"

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace argand::engine {

// The devices of one stage, each on a thread of its own with its number of
// threads and its ledger. The first one's is the thread that uses the team; those
// of the others wait here between operations until the team is gone.
class DeviceTeam {
 public:
  struct Member {
    int device = 0;  // its place in the plan
    int threads = 1;
    Ledger* ledger = nullptr;  // none: its memory is charged nowhere
    Placement placement{};
  };

  DeviceTeam(const std::vector<Member>& members, std::stop_token stop);
  ~DeviceTeam();
  DeviceTeam(const DeviceTeam&) = delete;
  DeviceTeam& operator=(const DeviceTeam&) = delete;

  [[nodiscard]] const c10::Device& where(int device) const;

  // Calls body(n) on the thread of devices[n], all at once, in the caller's grad mode, and
  // waits for them. Throws what the first to fail has thrown, and an error of its own
  // where a stop was asked for, in forward and in backward.
  void each(const std::vector<int>& devices, const std::function<void(std::size_t)>& body);

 private:
  struct Worker {
    std::function<void()> task;  // empty: nothing to do
    std::condition_variable wakes;
    std::jthread thread;
  };

  [[nodiscard]] std::size_t memberOf(int device) const;
  void work(Worker& worker, const Member& member, const std::stop_token& ends);
  void attempt(const std::function<void()>& task);

  const std::vector<Member> m_members;
  const std::stop_token m_stop;
  std::mutex m_mutex;
  std::condition_variable m_finished;
  int m_busy = 0;
  std::exception_ptr m_error;
  std::vector<std::unique_ptr<Worker>> m_workers;  // of all members but the first
};

// For stage threads and team workers: `threads` for what Torch computes on this thread.
void useThreads(int threads);

}  // namespace argand::engine
