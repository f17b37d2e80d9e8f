// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace argand {

// A point or a vector, in millimetres (LPS: x to the patient's left, y to
// posterior, z to superior) or in continuous voxel indices (i, j, k); the
// name of the variable says which.
struct Vec3 {
  double x = 0.0;
  double y = 0.0;
  double z = 0.0;

  [[nodiscard]] double operator[](int axis) const { return axis == 0 ? x : (axis == 1 ? y : z); }

  double& operator[](int axis) { return axis == 0 ? x : (axis == 1 ? y : z); }

  bool operator==(const Vec3&) const = default;
};

[[nodiscard]] Vec3 operator+(const Vec3& a, const Vec3& b);
[[nodiscard]] Vec3 operator-(const Vec3& a, const Vec3& b);
[[nodiscard]] Vec3 operator*(const Vec3& a, double factor);
[[nodiscard]] double dot(const Vec3& a, const Vec3& b);
[[nodiscard]] Vec3 cross(const Vec3& a, const Vec3& b);
[[nodiscard]] double length(const Vec3& a);
[[nodiscard]] Vec3 normalized(const Vec3& a);

// x -> linear * x + offset. `linear` is row by row. Named target-from-source:
// lpsFromIndex maps a continuous index to a point.
struct Affine {
  std::array<std::array<double, 3>, 3> linear{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  Vec3 offset;

  [[nodiscard]] Vec3 apply(const Vec3& point) const;         // a position
  [[nodiscard]] Vec3 applyLinear(const Vec3& vector) const;  // a direction
  [[nodiscard]] Vec3 column(int axis) const;
  void setColumn(int axis, const Vec3& column);
  [[nodiscard]] double determinant() const;
  [[nodiscard]] Affine inverse() const;  // the linear part must not be singular
  bool operator==(const Affine&) const = default;
};

// (a * b)(x) = a(b(x)).
[[nodiscard]] Affine operator*(const Affine& a, const Affine& b);

// Voxels along i, j, k; i runs fastest in memory.
struct Size3 {
  std::int64_t i = 0;
  std::int64_t j = 0;
  std::int64_t k = 0;

  [[nodiscard]] std::int64_t operator[](int axis) const {
    return axis == 0 ? i : (axis == 1 ? j : k);
  }

  std::int64_t& operator[](int axis) { return axis == 0 ? i : (axis == 1 ? j : k); }

  [[nodiscard]] std::int64_t voxels() const { return i * j * k; }

  bool operator==(const Size3&) const = default;
};

using Index3 = Size3;  // a voxel's integer index

// A box of voxels, half-open: begin <= index < end along every axis.
struct Box {
  Index3 begin;
  Index3 end;

  [[nodiscard]] Size3 size() const { return {end.i - begin.i, end.j - begin.j, end.k - begin.k}; }

  [[nodiscard]] bool empty() const {
    return end.i <= begin.i || end.j <= begin.j || end.k <= begin.k;
  }

  [[nodiscard]] bool contains(const Index3& index) const;
  bool operator==(const Box&) const = default;
};

[[nodiscard]] Box intersection(const Box& a, const Box& b);
[[nodiscard]] Box united(const Box& a, const Box& b);  // the smallest box with both
[[nodiscard]] Box grown(const Box& box, std::int64_t margin, const Size3& within);

}  // namespace argand
