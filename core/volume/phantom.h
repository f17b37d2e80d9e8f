// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <functional>
#include <vector>

// Studies with closed-form truth, for tests and for trying the program out.
namespace argand::phantom {

// A shape in LPS millimetres with its exact volume and centroid.
struct Shape {
  std::string name;
  std::function<bool(const Vec3& lps)> contains;
  double volumeMl = 0.0;
  Vec3 centroidMm;
};

[[nodiscard]] Shape sphere(std::string name, const Vec3& centerMm, double radiusMm);
[[nodiscard]] Shape ellipsoid(std::string name, const Vec3& centerMm, const Vec3& radiiMm);
[[nodiscard]] Shape box(std::string name, const Vec3& centerMm, const Vec3& sidesMm);
// A straight tube with flat ends between two points.
[[nodiscard]] Shape tube(std::string name, const Vec3& fromMm, const Vec3& toMm, double radiusMm);
// A spherical shell.
[[nodiscard]] Shape shell(std::string name, const Vec3& centerMm, double outerMm, double innerMm);

// Every voxel whose centre lies in a shape takes it; later shapes win over earlier.
[[nodiscard]] Segmentation rasterized(const Geometry& geometry, const std::vector<Shape>& shapes);

// An image of the shapes: `background` outside, `values[n]` inside shape n.
[[nodiscard]] Volume image(const Geometry& geometry,
                           const std::vector<Shape>& shapes,
                           const std::vector<double>& values,
                           double background);

// A grid of `size` and `spacingMm` with its centre at the LPS origin, axis codes
// as given ("LPS", "RAS", "PIR"...).
[[nodiscard]] Geometry grid(const Size3& size,
                            const Vec3& spacingMm,
                            const std::string& codes = "LPS");

// Three organs of different size, none on an axis of symmetry: any flip, swap
// or shift moves at least one centroid. Fits in a grid of 100 mm a side.
[[nodiscard]] std::vector<Shape> asymmetricTrio();

}  // namespace argand::phantom
