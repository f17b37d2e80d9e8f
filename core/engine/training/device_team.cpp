// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/device_team.h"

#include "core/base/assert.h"
#include "core/engine/run/ledger.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace argand::engine {

DeviceTeam::DeviceTeam(const std::vector<Member>& members, std::stop_token stop)
    : m_members(members), m_stop(std::move(stop)) {
  for (std::size_t n = 1; n < m_members.size(); ++n) {
    Worker& worker = *m_workers.emplace_back(std::make_unique<Worker>());
    worker.thread = std::jthread(
        [this, &worker, n](const std::stop_token& ends) { work(worker, m_members[n], ends); });
  }
}

DeviceTeam::~DeviceTeam() {
  for (const auto& worker : m_workers) {
    {
      const std::lock_guard lock(m_mutex);
      worker->thread.request_stop();
    }
    worker->wakes.notify_one();
  }
}

void DeviceTeam::work(Worker& worker, const Member& member, const std::stop_token& ends) {
  useThreads(member.threads);
  std::unique_ptr<DeviceScope> scope;
  std::unique_lock lock(m_mutex);
  for (;;) {
    worker.wakes.wait(lock, [&] { return worker.task || ends.stop_requested(); });
    if (!worker.task) {
      return;
    }
    lock.unlock();
    attempt([&] {
      if (!scope) {
        scope = member.placement.enter(member.ledger);
      }
      worker.task();
      scope->check();
    });
    lock.lock();
    worker.task = nullptr;
    --m_busy;
    m_finished.notify_one();
  }
}

std::size_t DeviceTeam::memberOf(int device) const {
  const auto member = std::find_if(
      m_members.begin(), m_members.end(), [&](const Member& one) { return one.device == device; });
  ARGAND_ASSERT(member != m_members.end());
  return static_cast<std::size_t>(member - m_members.begin());
}

const c10::Device& DeviceTeam::where(int device) const {
  return m_members[memberOf(device)].placement.where();
}

void DeviceTeam::attempt(const std::function<void()>& task) {
  try {
    task();
  } catch (...) {
    const std::lock_guard lock(m_mutex);
    if (!m_error) {
      m_error = std::current_exception();
    }
  }
}

void DeviceTeam::each(const std::vector<int>& devices,
                      const std::function<void(std::size_t)>& body) {
  if (m_stop.stop_requested()) {
    throw std::runtime_error("stopped");
  }
  const at::ThreadLocalState state;
  std::optional<std::size_t> own;
  {
    const std::lock_guard lock(m_mutex);
    for (std::size_t n = 0; n < devices.size(); ++n) {
      const std::size_t member = memberOf(devices[n]);
      if (member == 0) {
        own = n;
        continue;
      }
      Worker& worker = *m_workers[member - 1];
      ARGAND_ASSERT(!worker.task);
      worker.task = [&state, &body, n] {
        const at::ThreadLocalStateGuard guard(state);
        body(n);
      };
      ++m_busy;
      worker.wakes.notify_one();
    }
  }
  if (own) {
    attempt([&] {
      const auto scope = m_members.front().placement.enter(nullptr);
      body(*own);
    });
  }
  std::unique_lock lock(m_mutex);
  m_finished.wait(lock, [&] { return m_busy == 0; });
  if (m_error) {
    std::rethrow_exception(std::exchange(m_error, nullptr));
  }
}

void useThreads(int threads) {
  (void)at::get_num_threads();  // Torch sets a new thread up once, with another number
  at::set_num_threads(threads);
}

}  // namespace argand::engine
