// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/contours.h"

// Internal to core/volume.
namespace argand::internal {

// filled() by FillRule::Nested.
[[nodiscard]] std::vector<std::uint8_t> filledNested(std::span<const Ring> rings,
                                                     std::int64_t width,
                                                     std::int64_t height);

}  // namespace argand::internal
