// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/seg/overlapping_shapes.h"

#include <random>

namespace argand::test {

namespace {

bool inside(int shape, const Index3& at, const Size3& size, std::mt19937& random) {
  const Vec3 middle{static_cast<double>(size.i) * 0.45,
                    static_cast<double>(size.j) * 0.55,
                    static_cast<double>(size.k) * 0.5};
  const Vec3 index{static_cast<double>(at.i), static_cast<double>(at.j), static_cast<double>(at.k)};
  const double r = length(index - middle);
  const double unit = static_cast<double>(std::min(size.i, size.j)) / 20.0;
  switch (shape) {
    case 0:
      return r < 4.0 * unit;
    case 1:
      return r >= 4.0 * unit && r < 7.0 * unit;
    case 2:
      return at.i < size.i / 2 && at.j < size.j / 2 && at.k < size.k / 2;
    case 3:
      return random() % 5 == 0;
    default:
      return at.i == size.i - 1 && at.j == size.j - 1 && at.k == size.k - 1;
  }
}

std::vector<Structure> descriptions() {
  Structure ball;
  ball.name = "Ball";
  ball.color = {10, 200, 30};
  ball.side = Side::Left;
  ball.code = Code{"SCT", "64033007", "Kidney"};
  ball.origin = Origin::Automatic;
  ball.model = "testnet 1.2";
  ball.modelHash = std::string(64, 'a');
  Structure shell;
  shell.name = "Shell";
  shell.color = {255, 0, 128};
  shell.side = Side::Right;
  shell.origin = Origin::SemiAutomatic;
  shell.model = "hand and net";
  Structure block;
  block.name = "Block";
  block.color = {1, 2, 3};
  block.origin = Origin::Manual;
  block.layer = 1;
  Structure dust;
  dust.name = "Dust";
  dust.color = {254, 254, 200};
  dust.origin = Origin::Unknown;
  dust.category = Code{"SCT", "49755003", "Morphologically Altered Structure"};
  dust.code = Code{"SCT", "4147007", "Mass"};
  dust.interpretedType = "";
  dust.layer = 2;
  Structure corner;
  corner.name = "Corner";
  corner.color = {77, 77, 77};
  corner.layer = 1;
  return {ball, shell, block, dust, corner};
}

}  // namespace

Segmentation overlappingShapes(const Geometry& geometry) {
  Segmentation result(geometry);
  const Box box = geometry.box();
  std::mt19937 random(11);
  int shape = 0;
  for (Structure& structure : descriptions()) {
    std::vector<std::uint8_t> mask;
    for (Index3 at; at.k < box.end.k; ++at.k) {
      for (at.j = 0; at.j < box.end.j; ++at.j) {
        for (at.i = 0; at.i < box.end.i; ++at.i) {
          mask.push_back(inside(shape, at, geometry.size, random) ? 1 : 0);
        }
      }
    }
    result.assign(result.add(std::move(structure)), box, mask);
    ++shape;
  }
  return result;
}

void expectSameMasks(const Segmentation& a, const Segmentation& b) {
  ASSERT_EQ(a.structures().size(), b.structures().size());
  const Box box = a.geometry().box();
  for (std::size_t n = 0; n < a.structures().size(); ++n) {
    EXPECT_EQ(a.structures()[n].name, b.structures()[n].name);
    EXPECT_EQ(a.mask(a.structures()[n].id, box), b.mask(b.structures()[n].id, box))
        << a.structures()[n].name;
  }
}

}  // namespace argand::test
