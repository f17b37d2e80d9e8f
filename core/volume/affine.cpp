// SPDX-License-Identifier: Apache-2.0
#include "core/volume/affine.h"

#include "core/base/assert.h"

#include <algorithm>
#include <cmath>

namespace argand {

Vec3 operator+(const Vec3& a, const Vec3& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}

Vec3 operator-(const Vec3& a, const Vec3& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}

Vec3 operator*(const Vec3& a, double factor) {
  return {a.x * factor, a.y * factor, a.z * factor};
}

double dot(const Vec3& a, const Vec3& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

double length(const Vec3& a) {
  return std::sqrt(dot(a, a));
}

Vec3 normalized(const Vec3& a) {
  const double norm = length(a);
  return norm > 0.0 ? a * (1.0 / norm) : a;
}

Vec3 Affine::apply(const Vec3& point) const {
  return applyLinear(point) + offset;
}

Vec3 Affine::applyLinear(const Vec3& vector) const {
  Vec3 result;
  for (int row = 0; row < 3; ++row) {
    const auto& r = linear[static_cast<std::size_t>(row)];
    result[row] = r[0] * vector.x + r[1] * vector.y + r[2] * vector.z;
  }
  return result;
}

Vec3 Affine::column(int axis) const {
  const auto c = static_cast<std::size_t>(axis);
  return {linear[0][c], linear[1][c], linear[2][c]};
}

void Affine::setColumn(int axis, const Vec3& column) {
  const auto c = static_cast<std::size_t>(axis);
  linear[0][c] = column.x;
  linear[1][c] = column.y;
  linear[2][c] = column.z;
}

double Affine::determinant() const {
  return dot(cross(column(0), column(1)), column(2));
}

Affine Affine::inverse() const {
  const double det = determinant();
  ARGAND_ASSERT(det != 0.0);
  // The rows of the inverse are the cross products of the columns over the determinant.
  const std::array<Vec3, 3> rows{cross(column(1), column(2)) * (1.0 / det),
                                 cross(column(2), column(0)) * (1.0 / det),
                                 cross(column(0), column(1)) * (1.0 / det)};
  Affine result;
  for (std::size_t r = 0; r < 3; ++r) {
    result.linear[r] = {rows[r].x, rows[r].y, rows[r].z};
  }
  result.offset = result.applyLinear(offset) * -1.0;
  return result;
}

Affine operator*(const Affine& a, const Affine& b) {
  Affine result;
  for (int axis = 0; axis < 3; ++axis) {
    result.setColumn(axis, a.applyLinear(b.column(axis)));
  }
  result.offset = a.apply(b.offset);
  return result;
}

bool Box::contains(const Index3& index) const {
  for (int axis = 0; axis < 3; ++axis) {
    if (index[axis] < begin[axis] || index[axis] >= end[axis]) {
      return false;
    }
  }
  return true;
}

Box intersection(const Box& a, const Box& b) {
  Box result;
  for (int axis = 0; axis < 3; ++axis) {
    result.begin[axis] = std::max(a.begin[axis], b.begin[axis]);
    result.end[axis] = std::max(result.begin[axis], std::min(a.end[axis], b.end[axis]));
  }
  return result;
}

Box united(const Box& a, const Box& b) {
  if (a.empty()) {
    return b;
  }
  if (b.empty()) {
    return a;
  }
  Box result;
  for (int axis = 0; axis < 3; ++axis) {
    result.begin[axis] = std::min(a.begin[axis], b.begin[axis]);
    result.end[axis] = std::max(a.end[axis], b.end[axis]);
  }
  return result;
}

Box grown(const Box& box, std::int64_t margin, const Size3& within) {
  Box result;
  for (int axis = 0; axis < 3; ++axis) {
    result.begin[axis] = std::max<std::int64_t>(0, box.begin[axis] - margin);
    result.end[axis] = std::min(within[axis], box.end[axis] + margin);
  }
  return result;
}

}  // namespace argand
