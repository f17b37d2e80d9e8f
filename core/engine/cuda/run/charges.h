// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/ledger.h"

#include <string>

namespace argand::engine::cuda {

// While this lives, what Torch's allocator for CUDA gives to this thread (tensors,
// cuDNN's workspaces) is charged to `ledger`, and given back when it is free
// again, on whatever thread that is.
//
// The allocator only tells what it has done, so what does not fit is noticed, not
// prevented: problem() says so, and the worker ends the run.
class ChargeScope {
 public:
  explicit ChargeScope(Ledger& ledger);
  ~ChargeScope();
  ChargeScope(const ChargeScope&) = delete;
  ChargeScope& operator=(const ChargeScope&) = delete;

  // Empty, or the sentence of the first charge above the budget.
  [[nodiscard]] const std::string& problem() const { return m_problem; }

 private:
  friend struct Charges;
  Ledger& m_ledger;
  std::string m_problem;
  ChargeScope* m_previous = nullptr;
};

}  // namespace argand::engine::cuda
