// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/error.h"

#include <fmt/format.h>
#include <tl/expected.hpp>

#include <exception>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

namespace argand {

// A value, or the reason there is none. std::expected replaces the alias when
// every supported compiler has it.
template <typename T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

[[nodiscard]] inline Failure fail(ErrorCode code,
                                  std::string message,
                                  std::source_location where = std::source_location::current()) {
  return Failure(Error{code, std::move(message), where});
}

// Passes the error of another result on.
template <typename T>
[[nodiscard]] Failure failureOf(const Result<T>& result) {
  return Failure(result.error());
}

// Runs `body`, which may throw (Torch, DCMTK, bad_alloc), and turns what it
// throws into an Error with `code`. `doing` names the work in the message:
// guarded(ErrorCode::InputRefused, "reading head.nii", [&] { ... }).
// `body` returns a plain value, void, or a Result.
template <typename Body>
[[nodiscard]] auto guarded(ErrorCode code,
                           std::string_view doing,
                           Body&& body,
                           std::source_location where = std::source_location::current()) {
  using Value = std::invoke_result_t<Body>;
  constexpr bool kIsResult = requires {
    typename Value::error_type;
  };
  using Returned = typename std::
      conditional_t<kIsResult, std::type_identity<Value>, std::type_identity<Result<Value>>>::type;
  try {
    if constexpr (std::is_void_v<Value>) {
      std::forward<Body>(body)();
      return Returned{};
    } else {
      return Returned{std::forward<Body>(body)()};
    }
  } catch (const std::bad_alloc&) {
    return Returned{Failure(
        Error{ErrorCode::InputRefused, fmt::format("Out of memory while {}.", doing), where})};
  } catch (const std::exception& exception) {
    return Returned{Failure(
        Error{code, fmt::format("A failure while {}: {}", doing, exception.what()), where})};
  }
}

}  // namespace argand

#define ARGAND_JOIN_(a, b) a##b
#define ARGAND_JOIN(a, b) ARGAND_JOIN_(a, b)

// Declares `target` from a Result, or returns its error from this function:
//   ARGAND_ASSIGN(const Volume volume, readVolume(path));
#define ARGAND_ASSIGN(target, ...)                              \
  auto ARGAND_JOIN(result_, __LINE__) = (__VA_ARGS__);          \
  if (!ARGAND_JOIN(result_, __LINE__)) {                        \
    return ::argand::failureOf(ARGAND_JOIN(result_, __LINE__)); \
  }                                                             \
  target = std::move(*ARGAND_JOIN(result_, __LINE__))

// Returns the error of a Result<void> (or of any Result whose value is not needed).
#define ARGAND_TRY(...)                           \
  do {                                            \
    if (auto result_ = (__VA_ARGS__); !result_) { \
      return ::argand::failureOf(result_);        \
    }                                             \
  } while (false)
