// SPDX-License-Identifier: Apache-2.0
// Internal to the kernels: one cache line of numbers, which the compiler maps to
// the registers there are, and the two-byte types in and out of it.
#pragma once

#include "core/engine/run/kernels/types.h"

#include <cstdint>
#include <cstring>

// Chosen at run time by what the processor can do, whoever made it. Sanitizers are not ready when
// the choice is made.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ARGAND_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ARGAND_CLONES
#endif
#define ARGAND_INLINE __attribute__((always_inline)) inline

namespace argand::engine::kernels {

template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  typedef float Vector __attribute__((vector_size(64)));
  typedef std::int32_t Mask __attribute__((vector_size(64)));
  typedef std::uint32_t Bits __attribute__((vector_size(64)));
  typedef std::uint16_t Halves __attribute__((vector_size(32)));
  static constexpr std::int64_t kCount = 16;
};

template <>
struct Lanes<double> {
  typedef double Vector __attribute__((vector_size(64)));
  static constexpr std::int64_t kCount = 8;
};

using FloatLanes = Lanes<float>;

template <typename To, typename From>
ARGAND_INLINE To bitsAs(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

ARGAND_INLINE FloatLanes::Vector loadLanes(const float* from) {
  FloatLanes::Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

ARGAND_INLINE Lanes<double>::Vector loadLanes(const double* from) {
  Lanes<double>::Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

ARGAND_INLINE FloatLanes::Vector loadLanes(const BFloat16* from) {
  FloatLanes::Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const auto wide = __builtin_convertvector(halves, FloatLanes::Bits);
  return bitsAs<FloatLanes::Vector>(wide << 16);
}

// Exponents are moved over by a multiplication, which makes subnormals right too.
ARGAND_INLINE FloatLanes::Vector loadLanes(const Float16* from) {
  FloatLanes::Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const auto wide = __builtin_convertvector(halves, FloatLanes::Bits);
  const FloatLanes::Bits sign = (wide & 0x8000U) << 16;
  const FloatLanes::Bits rest = (wide & 0x7fffU) << 13;
  FloatLanes::Vector value = bitsAs<FloatLanes::Vector>(rest) * 0x1.0p112F;
  const FloatLanes::Bits special = bitsAs<FloatLanes::Bits>(rest >= (0x7c00U << 13));
  const FloatLanes::Bits bits = bitsAs<FloatLanes::Bits>(value) | (special & 0x7f800000U);
  return bitsAs<FloatLanes::Vector>(bits | sign);
}

ARGAND_INLINE void storeLanes(const FloatLanes::Vector& v, float* to) {
  std::memcpy(to, &v, sizeof v);
}

ARGAND_INLINE void storeLanes(const Lanes<double>::Vector& v, double* to) {
  std::memcpy(to, &v, sizeof v);
}

// To the nearest, ties to even; what is no number stays none.
ARGAND_INLINE void storeLanes(const FloatLanes::Vector& v, BFloat16* to) {
  const auto bits = bitsAs<FloatLanes::Bits>(v);
  const FloatLanes::Bits rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
  const FloatLanes::Bits none = bitsAs<FloatLanes::Bits>((bits & 0x7fffffffU) > 0x7f800000U);
  const FloatLanes::Bits result = (rounded & ~none) | ((bits | 0x400000U) & none);
  const auto halves = __builtin_convertvector(result >> 16, FloatLanes::Halves);
  std::memcpy(to, &halves, sizeof halves);
}

ARGAND_INLINE void storeLanes(const FloatLanes::Vector& v, Float16* to) {
  const auto bits = bitsAs<FloatLanes::Bits>(v);
  const FloatLanes::Bits sign = bits & 0x80000000U;
  const FloatLanes::Bits size = bits ^ sign;
  // Subnormals: the addition rounds at the right place.
  const FloatLanes::Bits magic = FloatLanes::Bits{} + 0x3f000000U;
  const auto small = bitsAs<FloatLanes::Bits>(bitsAs<FloatLanes::Vector>(size) +
                                              bitsAs<FloatLanes::Vector>(magic)) -
                     magic;
  const FloatLanes::Bits normal = (size + 0xc8000fffU + ((size >> 13) & 1U)) >> 13;
  const FloatLanes::Bits none = bitsAs<FloatLanes::Bits>(size > 0x7f800000U);
  const FloatLanes::Bits large = (FloatLanes::Bits{} + 0x7c00U) | (none & 0x200U);
  const FloatLanes::Bits isSmall = bitsAs<FloatLanes::Bits>(size < 0x38800000U);
  const FloatLanes::Bits isLarge = bitsAs<FloatLanes::Bits>(size >= 0x477ff000U);
  const FloatLanes::Bits result =
      (small & isSmall) | (large & isLarge) | (normal & ~isSmall & ~isLarge) | (sign >> 16);
  const auto halves = __builtin_convertvector(result, FloatLanes::Halves);
  std::memcpy(to, &halves, sizeof halves);
}

// The first `count` lanes, for the channels that do not fill a line.
template <typename T>
ARGAND_INLINE auto loadSome(const T* from, std::int64_t count) {
  T line[Lanes<Wide<T>>::kCount] = {};
  for (std::int64_t n = 0; n < count; ++n) {
    line[n] = from[n];
  }
  return loadLanes(static_cast<const T*>(line));
}

template <typename V, typename T>
ARGAND_INLINE void storeSome(const V& v, T* to, std::int64_t count) {
  T line[Lanes<Wide<T>>::kCount];
  storeLanes(v, static_cast<T*>(line));
  for (std::int64_t n = 0; n < count; ++n) {
    to[n] = line[n];
  }
}

// Rounded to the type of `to`.
template <typename From, typename To>
ARGAND_INLINE void copyLanes(const From* from, std::int64_t count, To* to) {
  constexpr std::int64_t kLanes = Lanes<Wide<From>>::kCount;
  std::int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes) {
    storeLanes(loadLanes(from + n), to + n);
  }
  if (n < count) {
    storeSome(loadSome(from + n, count - n), to + n, count - n);
  }
}

}  // namespace argand::engine::kernels
