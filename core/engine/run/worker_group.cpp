// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/worker_group.h"

#include <thread>
#include <vector>

namespace argand::engine {

Result<void> WorkerGroup::run(const std::function<Result<void>(int)>& body) {
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(m_count));
    for (int n = 0; n < m_count; ++n) {
      threads.emplace_back([this, &body, n] {
        const Result<void> done = guarded(ErrorCode::Internal,
                                          fmt::format("running device {} of the plan", n),
                                          [&] { return body(n); });
        if (!done) {
          abort(done.error());
        }
      });
    }
  }
  if (m_error) {
    return Failure(*m_error);
  }
  return {};
}

bool WorkerGroup::arrive() {
  std::unique_lock lock(m_mutex);
  if (m_error) {
    return false;
  }
  const long round = m_round;
  if (++m_arrived == m_count) {
    m_arrived = 0;
    ++m_round;
    m_allArrived.notify_all();
    return true;
  }
  m_allArrived.wait(lock, [&] { return m_round != round || m_error; });
  // Whoever has passed this round goes on to the next one and stops there.
  return m_round != round;
}

bool WorkerGroup::failed() {
  const std::lock_guard lock(m_mutex);
  return m_error.has_value();
}

void WorkerGroup::abort(Error error) {
  const std::lock_guard lock(m_mutex);
  if (!m_error) {
    m_error = std::move(error);
  }
  m_allArrived.notify_all();
}

}  // namespace argand::engine
