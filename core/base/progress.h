// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <functional>
#include <stop_token>
#include <string>

namespace argand {

// How far a long piece of work is. Called from the thread that does the work,
// at most about 20 times a second; it must return quickly.
struct Progress {
  std::string stage;      // "Reading slices", "Network": a heading for the person
  double fraction = 0.0;  // of this stage, 0 to 1
  std::string detail;     // "layer 7 of 31"; may be empty
};

using ProgressFn = std::function<void(const Progress&)>;

inline void report(const ProgressFn& progress,
                   std::string stage,
                   double fraction,
                   std::string detail = {}) {
  if (progress) {
    progress(Progress{std::move(stage), fraction, std::move(detail)});
  }
}

// Fails with Cancelled once a stop was asked for.
[[nodiscard]] inline Result<void> checkStop(const std::stop_token& stop) {
  if (stop.stop_requested()) {
    return fail(ErrorCode::Cancelled, "Cancelled.");
  }
  return {};
}

}  // namespace argand
