// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <source_location>
#include <string>
#include <string_view>

namespace argand {

// What kind of failure it was; decides the exit status of argand-cli and
// whether the window shows a message at all (Cancelled is never shown).
enum class ErrorCode {
  Usage,         // the request itself is wrong: an option, a combination (exit 2)
  InputRefused,  // a file, series or folder is missing, broken or unsuitable (exit 3)
  OutputFailed,  // a result could not be written (exit 3)
  NoPlan,        // no plan fits the memory budgets (exit 4)
  Cancelled,     // the person asked to stop (exit 5)
  Internal,      // a bug of ours (exit 1)
};

// A failure the world can cause. `message` is a sentence for the person at the
// screen: what happened, where, and what to do about it.
struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;
  std::source_location where;
};

// "input-refused" and so on: the word used in JSON output.
[[nodiscard]] std::string_view toString(ErrorCode code);

// The exit status of argand-cli for a failure of this kind.
[[nodiscard]] int exitStatus(ErrorCode code);

}  // namespace argand
