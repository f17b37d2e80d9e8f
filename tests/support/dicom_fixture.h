// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/geometry.h"
#include "core/volume/source_series.h"

#include <filesystem>
#include <string>

namespace argand::test {

// A grid with orthogonal axes; the slices follow row x column.
[[nodiscard]] Geometry gridOf(const Size3& size,
                              const Vec3& spacingMm,
                              const Vec3& originMm,
                              const Vec3& rowCosine = {1, 0, 0},
                              const Vec3& columnCosine = {0, 1, 0});

// What the series reader would say of a CT series on `geometry` (its slice
// origins included), with fixed UIDs and a made-up patient.
[[nodiscard]] SourceSeries sourceOf(const Geometry& geometry);

// Writes that series into `folder` as CT Image files of Explicit VR Little
// Endian, one per slice, pixels a gradient. Throws where it cannot.
void writeCtSeries(const std::filesystem::path& folder,
                   const Geometry& geometry,
                   const SourceSeries& source);

}  // namespace argand::test
