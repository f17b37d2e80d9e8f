// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>

namespace argand::train {

// Random numbers from a key and a counter (splitmix64, Steele et al. 2014): the
// numbers of (seed, epoch, case) are the same whenever and on whatever thread
// they are drawn, so that a resumed run needs no stored state.
class CounterRandom {
 public:
  CounterRandom(std::initializer_list<std::uint64_t> key) {
    for (const std::uint64_t part : key) {
      m_key = mixed(m_key ^ mixed(part + kStep));
    }
  }

  std::uint64_t next() { return mixed(m_key + kStep * ++m_count); }

  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  bool chance(double probability) { return uniform() < probability; }

  // Below `count`, which is small against 2^64.
  std::uint64_t below(std::uint64_t count) { return next() % count; }

  // Standard normal (Box & Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;

  static std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
  }

  std::uint64_t m_key = 0;
  std::uint64_t m_count = 0;
};

}  // namespace argand::train
