// SPDX-License-Identifier: Apache-2.0
#include "core/volume/phantom.h"

#include "core/base/assert.h"
#include "core/volume/label_table.h"

#include <cmath>
#include <numbers>

namespace argand::phantom {

namespace {

double ellipsoidMl(const Vec3& radiiMm) {
  return 4.0 / 3.0 * std::numbers::pi * radiiMm.x * radiiMm.y * radiiMm.z / 1000.0;
}

// Calls visitor(voxel number, number of the last shape that holds its centre), counted from 1.
template <typename Visitor>
void forEachVoxel(const Geometry& geometry, const std::vector<Shape>& shapes, Visitor&& visitor) {
  std::size_t voxel = 0;
  for (std::int64_t k = 0; k < geometry.size.k; ++k) {
    for (std::int64_t j = 0; j < geometry.size.j; ++j) {
      for (std::int64_t i = 0; i < geometry.size.i; ++i, ++voxel) {
        const Vec3 lps = geometry.sliceToLps(static_cast<double>(i), static_cast<double>(j), k);
        std::size_t shape = shapes.size();
        while (shape > 0 && !shapes[shape - 1].contains(lps)) {
          --shape;
        }
        visitor(voxel, shape);
      }
    }
  }
}

}  // namespace

Shape ellipsoid(std::string name, const Vec3& centerMm, const Vec3& radiiMm) {
  const auto contains = [centerMm, radiiMm](const Vec3& lps) {
    const Vec3 from = lps - centerMm;
    const Vec3 unit{from.x / radiiMm.x, from.y / radiiMm.y, from.z / radiiMm.z};
    return dot(unit, unit) <= 1.0;
  };
  return {std::move(name), contains, ellipsoidMl(radiiMm), centerMm};
}

Shape sphere(std::string name, const Vec3& centerMm, double radiusMm) {
  return ellipsoid(std::move(name), centerMm, {radiusMm, radiusMm, radiusMm});
}

Shape box(std::string name, const Vec3& centerMm, const Vec3& sidesMm) {
  const auto contains = [centerMm, sidesMm](const Vec3& lps) {
    const Vec3 from = lps - centerMm;
    return std::abs(from.x) <= sidesMm.x / 2.0 && std::abs(from.y) <= sidesMm.y / 2.0 &&
           std::abs(from.z) <= sidesMm.z / 2.0;
  };
  return {std::move(name), contains, sidesMm.x * sidesMm.y * sidesMm.z / 1000.0, centerMm};
}

Shape tube(std::string name, const Vec3& fromMm, const Vec3& toMm, double radiusMm) {
  const Vec3 axis = normalized(toMm - fromMm);
  const double lengthMm = length(toMm - fromMm);
  const auto contains = [=](const Vec3& lps) {
    const double along = dot(lps - fromMm, axis);
    return along >= 0.0 && along <= lengthMm && length(lps - fromMm - axis * along) <= radiusMm;
  };
  const double volumeMl = std::numbers::pi * radiusMm * radiusMm * lengthMm / 1000.0;
  return {std::move(name), contains, volumeMl, (fromMm + toMm) * 0.5};
}

Shape shell(std::string name, const Vec3& centerMm, double outerMm, double innerMm) {
  const auto contains = [=](const Vec3& lps) {
    const double radius = length(lps - centerMm);
    return radius <= outerMm && radius >= innerMm;
  };
  const double volumeMl =
      ellipsoidMl({outerMm, outerMm, outerMm}) - ellipsoidMl({innerMm, innerMm, innerMm});
  return {std::move(name), contains, volumeMl, centerMm};
}

Segmentation rasterized(const Geometry& geometry, const std::vector<Shape>& shapes) {
  LabelMap labels{geometry, {}};
  labels.voxels.resize(static_cast<std::size_t>(geometry.size.voxels()));
  forEachVoxel(geometry, shapes, [&](std::size_t voxel, std::size_t shape) {
    labels.voxels[voxel] = static_cast<LabelValue>(shape);
  });
  LabelTable names;
  for (std::size_t n = 0; n < shapes.size(); ++n) {
    names.set(static_cast<LabelValue>(n + 1), {shapes[n].name, {}, {}, Side::None});
  }
  return segmentationFrom(labels, names);
}

Volume image(const Geometry& geometry,
             const std::vector<Shape>& shapes,
             const std::vector<double>& values,
             double background) {
  ARGAND_ASSERT(values.size() == shapes.size());
  std::vector<float> voxels(static_cast<std::size_t>(geometry.size.voxels()));
  forEachVoxel(geometry, shapes, [&](std::size_t voxel, std::size_t shape) {
    voxels[voxel] = static_cast<float>(shape == 0 ? background : values[shape - 1]);
  });
  auto volume = Volume::create(geometry, std::move(voxels));
  ARGAND_ASSERT(volume.has_value());
  volume->backgroundValue = background;
  return std::move(*volume);
}

Geometry grid(const Size3& size, const Vec3& spacingMm, const std::string& codes) {
  Geometry lps;
  lps.size = {1, 1, 1};
  const auto order = orderTo(lps, codes);
  ARGAND_ASSERT(order.has_value());
  Geometry geometry;
  geometry.size = size;
  Vec3 middle;
  for (std::size_t n = 0; n < 3; ++n) {
    const int axis = static_cast<int>(n);
    Vec3 column;
    column[order->source[n]] = order->flipped[n] ? -spacingMm[axis] : spacingMm[axis];
    geometry.lpsFromIndex.setColumn(axis, column);
    middle[axis] = static_cast<double>(size[axis] - 1) / 2.0;
  }
  geometry.lpsFromIndex.offset = geometry.lpsFromIndex.applyLinear(middle) * -1.0;
  return geometry;
}

std::vector<Shape> asymmetricTrio() {
  return {sphere("Sphere", {17.0, -15.0, 21.0}, 13.0),
          ellipsoid("Ellipsoid", {-21.0, 12.0, -9.0}, {11.0, 16.0, 23.0}),
          box("Box", {13.25, 24.25, -28.75}, {18.0, 14.0, 10.0})};
}

}  // namespace argand::phantom
