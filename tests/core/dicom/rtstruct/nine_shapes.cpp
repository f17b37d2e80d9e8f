// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/rtstruct/nine_shapes.h"

#include <cmath>
#include <functional>
#include <random>

namespace argand::test {

namespace {

using Contains = std::function<bool(const Index3& index, const Vec3& mm)>;

void add(Segmentation& segmentation, const char* name, const Contains& contains) {
  const Box box = segmentation.geometry().box();
  std::vector<std::uint8_t> mask;
  mask.reserve(static_cast<std::size_t>(box.size().voxels()));
  Index3 index;
  for (index.k = 0; index.k < box.end.k; ++index.k) {
    for (index.j = 0; index.j < box.end.j; ++index.j) {
      for (index.i = 0; index.i < box.end.i; ++index.i) {
        const Vec3 mm{static_cast<double>(index.i) * kNineShapesSpacingMm.x,
                      static_cast<double>(index.j) * kNineShapesSpacingMm.y,
                      static_cast<double>(index.k) * kNineShapesSpacingMm.z};
        mask.push_back(contains(index, mm) ? 1 : 0);
      }
    }
  }
  Structure structure;
  structure.name = name;
  structure.color = {static_cast<std::uint8_t>(20 * segmentation.structures().size()), 200, 90};
  structure.origin = Origin::Automatic;
  structure.model = "shapes 1";
  structure.modelHash = std::string(64, 'a');
  structure.layer = static_cast<int>(segmentation.structures().size());
  segmentation.assign(segmentation.add(std::move(structure)), box, mask);
}

double away(const Vec3& a, const Vec3& b) {
  return length(a - b);
}

}  // namespace

Segmentation nineShapes(const Geometry& geometry) {
  Segmentation result(geometry);
  const Vec3 middle{121.3, 108.9, 58.2};
  const auto ball = [](const Vec3& center, double radius) {
    return [=](const Index3&, const Vec3& mm) { return away(mm, center) <= radius; };
  };
  add(result, "Ball_45", ball(middle, 45.0));
  add(result, "Ball_6", ball({60.2, 150.1, 40.0}, 6.0));
  add(result, "Lens_3", ball({180.4, 50.6, 70.0}, 3.2));
  add(result, "Shell_5", [&](const Index3&, const Vec3& mm) {
    const double r = away(mm, middle);
    return r <= 45.0 && r > 40.0;
  });
  add(result, "Island", [&](const Index3&, const Vec3& mm) {
    const double r = away(mm, middle);
    return (r <= 45.0 && r > 32.0) || r <= 14.0;
  });
  add(result, "Tube_2", [](const Index3&, const Vec3& mm) {
    const Vec3 axis{
        120.0 + 60.0 * std::sin(mm.z / 17.0), 110.0 + 50.0 * std::cos(mm.z / 11.0), mm.z};
    return away(mm, axis) <= 1.0;
  });
  add(result, "Border", [](const Index3& index, const Vec3&) {
    return index.i < 40 && index.j < 30 && index.k < 12;
  });
  std::mt19937 random(3);
  add(result, "Noisy", [&](const Index3&, const Vec3& mm) {
    const double r = away(mm, middle);
    const bool coin = random() % 100 < 55;
    return r < 25.0 && coin;
  });
  add(result, "Voxels", [](const Index3& index, const Vec3&) {
    const bool isolated = index.i % 37 == 5 && index.j % 41 == 7 && index.k % 9 == 3;
    const bool diagonal = index.k == 20 && index.i == index.j && index.i > 100 && index.i < 110;
    const bool line = index.k == 25 && index.j == 60 && index.i >= 30 && index.i < 45;
    return isolated || diagonal || line;
  });
  return result;
}

}  // namespace argand::test
