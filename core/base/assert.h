// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <source_location>

namespace argand {

// Throws std::logic_error with the condition and where it stands.
[[noreturn]] void assertionFailed(const char* condition, const std::source_location& where);

}  // namespace argand

// For what only a bug can cause; on in every build.
#define ARGAND_ASSERT(condition)                                              \
  do {                                                                        \
    if (!(condition)) {                                                       \
      ::argand::assertionFailed(#condition, std::source_location::current()); \
    }                                                                         \
  } while (false)
