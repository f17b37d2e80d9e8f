// SPDX-License-Identifier: Apache-2.0
#include "core/base/assert.h"

#include <fmt/format.h>

#include <stdexcept>

namespace argand {

void assertionFailed(const char* condition, const std::source_location& where) {
  throw std::logic_error(fmt::format("{}:{}: '{}' does not hold in {}",
                                     where.file_name(),
                                     where.line(),
                                     condition,
                                     where.function_name()));
}

}  // namespace argand
