// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>

namespace argand::gpu_check {

// The list of figures; a figure above its limit fails the program.
class Figures {
 public:
  void add(const std::string& what, double figure, double limit, double gigabytesPerSecond = 0.0) {
    const bool good = figure <= limit;
    m_failed += good ? 0 : 1;
    fmt::print("{:<60} {:>9.2e} <= {:>8.1e}{}{}\n",
               what,
               figure,
               limit,
               gigabytesPerSecond > 0.0 ? fmt::format("  {:7.1f} GB/s", gigabytesPerSecond) : "",
               good ? "" : "  FAILED");
    std::fflush(stdout);
  }

  // Says how it went; the program's exit status.
  [[nodiscard]] int finish() const {
    fmt::print("{}\n",
               m_failed == 0 ? "All figures are within their limits."
                             : "Figures are out of their limits.");
    return m_failed == 0 ? 0 : 1;
  }

 private:
  int m_failed = 0;
};

}  // namespace argand::gpu_check
