// SPDX-License-Identifier: Apache-2.0
// Internal to the executor.
#pragma once

#include "core/base/result.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

namespace argand::engine {

// Workers in step with each other: each waits until all have arrived. The
// first failure ends the waiting of all.
class WorkerGroup {
 public:
  explicit WorkerGroup(int count) : m_count(count) {}

  // Runs body(n) on a thread of its own for each worker, n from 0, and joins
  // them all. Returns the first failure; an exception counts as one.
  [[nodiscard]] Result<void> run(const std::function<Result<void>(int)>& body);

  // Waits for all workers. False: another one failed, and this one should return.
  [[nodiscard]] bool arrive();

  // True once a worker has failed.
  [[nodiscard]] bool failed();

 private:
  void abort(Error error);

  const int m_count;
  std::mutex m_mutex;
  std::condition_variable m_allArrived;
  int m_arrived = 0;
  long m_round = 0;
  std::optional<Error> m_error;
};

}  // namespace argand::engine
