// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace argand::engine::kernels {

// The upper half of a float.
struct BFloat16 {
  std::uint16_t bits;
};

// IEEE binary16.
struct Float16 {
  std::uint16_t bits;
};

static_assert(sizeof(BFloat16) == 2 && sizeof(Float16) == 2);

// What sums of T are kept in.
template <typename T>
struct WideOf {
  using Type = float;
};

template <>
struct WideOf<double> {
  using Type = double;
};

template <typename T>
using Wide = typename WideOf<T>::Type;

}  // namespace argand::engine::kernels
