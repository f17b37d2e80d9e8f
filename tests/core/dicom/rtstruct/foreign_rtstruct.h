// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/affine.h"
#include "core/volume/source_series.h"

#include <filesystem>
#include <string>
#include <vector>

namespace argand::test {

struct ForeignContour {
  std::string data;  // Contour Data
  std::string type = "CLOSED_PLANAR";
};

struct ForeignRoi {
  std::string number;
  std::string name;
  std::vector<ForeignContour> contours;
  std::string contoursOf = {};  // Referenced ROI Number, where it is another one
};

// Writes an RT Structure Set as another program would, in the Frame of Reference of
// `source`, bytes as they are given. Throws where it cannot.
void writeForeign(const std::filesystem::path& path,
                  const SourceSeries& source,
                  const std::vector<ForeignRoi>& rois,
                  const std::string& characterSet = {});

// Contour Data of points in millimetres.
[[nodiscard]] std::string dataOf(const std::vector<Vec3>& points);

// The corners of a rectangle at height `z`.
[[nodiscard]] std::vector<Vec3> rectangle(double x0, double y0, double x1, double y1, double z);

// A regular polygon round (x, y) whose corners lie at `radius`.
[[nodiscard]] std::vector<Vec3> circle(double x, double y, double radius, double z, int corners);

}  // namespace argand::test
