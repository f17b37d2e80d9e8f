// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <array>
#include <cstdint>

// Internal to core/dicom: Recommended Display CIELab Value (PS3.3 C.10.7.1.1), the
// profile connection space of ICC: L*, a* and b* for the white point D50, L* of 0 to
// 100 and a*, b* of -128 to 127 stretched to 0 to 65535.
namespace argand::dicom {

using CieLab = std::array<std::uint16_t, 3>;

[[nodiscard]] CieLab cieLabOf(const Color& srgb);

// Returns the nearest sRGB colour; the one that it was made of for cieLabOf(colour).
[[nodiscard]] Color colorOf(const CieLab& lab);

}  // namespace argand::dicom
