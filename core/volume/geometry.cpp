// SPDX-License-Identifier: Apache-2.0
#include "core/volume/geometry.h"

#include "core/base/assert.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace argand {

namespace {

// Below this share of the product of the column lengths a voxel has no volume.
constexpr double kFlat = 1e-6;
constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;
constexpr std::int64_t kMaxVoxels = std::int64_t{1} << 40;

bool finite(const Vec3& v) {
  return std::isfinite(v.x) && std::isfinite(v.y) && std::isfinite(v.z);
}

// The factor by which neighbours' distance along `normal` exceeds zero, with the sign of column 2.
double slicesRise(const Geometry& geometry) {
  return dot(geometry.sliceNormal(), geometry.lpsFromIndex.column(2)) < 0.0 ? -1.0 : 1.0;
}

std::array<Vec3, 8> cornersOf(const Geometry& geometry, double margin) {
  std::array<Vec3, 8> corners;
  for (std::size_t n = 0; n < corners.size(); ++n) {
    Vec3 index;
    for (int axis = 0; axis < 3; ++axis) {
      const bool high = ((n >> static_cast<unsigned>(axis)) & 1U) != 0;
      index[axis] = high ? static_cast<double>(geometry.size[axis] - 1) + margin : -margin;
    }
    corners[n] = geometry.lpsFromIndex.apply(index);
  }
  return corners;
}

// For each axis of the grid, the patient axis it is nearest to, each taken once.
std::array<int, 3> nearestPatientAxes(const Geometry& geometry) {
  static constexpr std::array<std::array<int, 3>, 6> kOrders{
      {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
  const std::array<Vec3, 3> directions{
      geometry.direction(0), geometry.direction(1), geometry.direction(2)};
  double best = -1.0;
  std::array<int, 3> found{0, 1, 2};
  for (const auto& order : kOrders) {
    double total = 0.0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      total += std::abs(directions[axis][order[axis]]);
    }
    if (total > best + 1e-9) {  // ties go to the first, so that rounding does not decide
      best = total;
      found = order;
    }
  }
  return found;
}

// The patient axis and the sense of a letter of an axis code.
struct Pole {
  int axis = 0;
  bool positive = true;  // towards L, P or S
};

std::optional<Pole> poleOf(char letter) {
  switch (letter) {
    case 'L':
      return Pole{0, true};
    case 'R':
      return Pole{0, false};
    case 'P':
      return Pole{1, true};
    case 'A':
      return Pole{1, false};
    case 'S':
      return Pole{2, true};
    case 'I':
      return Pole{2, false};
    default:
      return std::nullopt;
  }
}

bool separatedAlong(const Vec3& axis, const std::array<Vec3, 8>& a, const std::array<Vec3, 8>& b) {
  if (length(axis) < 1e-12) {
    return false;
  }
  const auto extent = [&](const std::array<Vec3, 8>& corners) {
    std::pair<double, double> range{dot(axis, corners[0]), dot(axis, corners[0])};
    for (const Vec3& corner : corners) {
      const double at = dot(axis, corner);
      range = {std::min(range.first, at), std::max(range.second, at)};
    }
    return range;
  };
  const auto [lowA, highA] = extent(a);
  const auto [lowB, highB] = extent(b);
  return highA < lowB || highB < lowA;
}

}  // namespace

Result<void> Geometry::check() const {
  for (int axis = 0; axis < 3; ++axis) {
    if (size[axis] < 1 || size[axis] > kMaxSide || !finite(lpsFromIndex.column(axis))) {
      return fail(
          ErrorCode::InputRefused,
          fmt::format("A grid of {} x {} x {} voxels cannot be used.", size.i, size.j, size.k));
    }
  }
  const Vec3 spacing = spacingMm();
  const double product = spacing.x * spacing.y * spacing.z;
  const bool flat = !(std::abs(lpsFromIndex.determinant()) > kFlat * product);
  if (size.voxels() > kMaxVoxels || flat || !finite(lpsFromIndex.offset)) {
    return fail(ErrorCode::InputRefused,
                "The image's position, spacing or directions do not describe a grid in space.");
  }
  if (sliceOrigins.empty()) {
    return {};
  }
  if (static_cast<std::int64_t>(sliceOrigins.size()) != size.k) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} slice positions were given for {} slices.", sliceOrigins.size(), size.k));
  }
  const Vec3 rise = sliceNormal() * slicesRise(*this);
  for (std::size_t k = 0; k < sliceOrigins.size(); ++k) {
    const bool above = k == 0 || dot(rise, sliceOrigins[k] - sliceOrigins[k - 1]) > 0.0;
    if (!finite(sliceOrigins[k]) || !above) {
      return fail(
          ErrorCode::InputRefused,
          fmt::format("The position of slice {} does not follow that of the one before.", k));
    }
  }
  return {};
}

Vec3 Geometry::spacingMm() const {
  return {length(lpsFromIndex.column(0)),
          length(lpsFromIndex.column(1)),
          length(lpsFromIndex.column(2))};
}

Vec3 Geometry::direction(int axis) const {
  return normalized(lpsFromIndex.column(axis));
}

Vec3 Geometry::sliceNormal() const {
  return normalized(cross(lpsFromIndex.column(0), lpsFromIndex.column(1)));
}

double Geometry::voxelVolumeMl() const {
  return std::abs(lpsFromIndex.determinant()) / 1000.0;
}

double Geometry::voxelVolumeMl(std::int64_t k) const {
  ARGAND_ASSERT(k >= 0 && k < size.k);
  if (sliceOrigins.size() < 2) {
    return voxelVolumeMl();
  }
  const auto slice = static_cast<std::size_t>(k);
  const std::size_t last = sliceOrigins.size() - 1;
  const Vec3 area = cross(lpsFromIndex.column(0), lpsFromIndex.column(1));
  const auto gap = [&](std::size_t below) {
    return std::abs(dot(area, sliceOrigins[below + 1] - sliceOrigins[below]));
  };
  const double below = gap(slice == 0 ? 0 : slice - 1);
  const double above = gap(slice == last ? last - 1 : slice);
  return (below + above) / 2000.0;
}

Affine Geometry::indexFromLps() const {
  return lpsFromIndex.inverse();
}

Vec3 Geometry::centerMm() const {
  return lpsFromIndex.apply({static_cast<double>(size.i - 1) / 2.0,
                             static_cast<double>(size.j - 1) / 2.0,
                             static_cast<double>(size.k - 1) / 2.0});
}

Vec3 Geometry::sliceToLps(double i, double j, std::int64_t k) const {
  if (sliceOrigins.empty()) {
    return lpsFromIndex.apply({i, j, static_cast<double>(k)});
  }
  ARGAND_ASSERT(k >= 0 && k < size.k);
  return sliceOrigins[static_cast<std::size_t>(k)] + lpsFromIndex.column(0) * i +
         lpsFromIndex.column(1) * j;
}

bool Geometry::orthogonal() const {
  constexpr double kCosine = 1e-3;
  return std::abs(dot(direction(0), direction(1))) < kCosine &&
         std::abs(dot(direction(0), direction(2))) < kCosine &&
         std::abs(dot(direction(1), direction(2))) < kCosine;
}

SliceIndexer::SliceIndexer(const Geometry& geometry) {
  if (geometry.sliceOrigins.size() < 2) {
    Affine lpsFromIndex = geometry.lpsFromIndex;
    if (!geometry.sliceOrigins.empty()) {
      lpsFromIndex.offset = geometry.sliceOrigins.front();
    }
    m_local = lpsFromIndex.inverse();
    return;
  }
  Affine lpsFromLocal;
  lpsFromLocal.setColumn(0, geometry.lpsFromIndex.column(0));
  lpsFromLocal.setColumn(1, geometry.lpsFromIndex.column(1));
  lpsFromLocal.setColumn(2, geometry.sliceNormal());
  m_local = lpsFromLocal.inverse();
  m_direction = slicesRise(geometry);
  m_sliceOrigins.reserve(geometry.sliceOrigins.size());
  for (const Vec3& origin : geometry.sliceOrigins) {
    m_sliceOrigins.push_back(m_local.apply(origin));
  }
}

Vec3 SliceIndexer::resolved(const Vec3& local) const {
  if (m_sliceOrigins.empty()) {
    return local;
  }
  const double height = local.z * m_direction;
  const auto above = std::partition_point(
      m_sliceOrigins.begin() + 1, m_sliceOrigins.end() - 1, [&](const Vec3& origin) {
        return origin.z * m_direction <= height;
      });
  const Vec3& low = *(above - 1);
  const Vec3& high = *above;
  const double share = (local.z - low.z) / (high.z - low.z);
  return {local.x - low.x - share * (high.x - low.x),
          local.y - low.y - share * (high.y - low.y),
          static_cast<double>(above - 1 - m_sliceOrigins.begin()) + share};
}

bool sameGrid(const Geometry& a, const Geometry& b, double tolerance) {
  if (a.size != b.size) {
    return false;
  }
  const Vec3 spacingA = a.spacingMm();
  const Vec3 spacingB = b.spacingMm();
  const double limitMm =
      tolerance *
      std::min({spacingA.x, spacingA.y, spacingA.z, spacingB.x, spacingB.y, spacingB.z});
  const auto near = [&](const Vec3& p, const Vec3& q) { return length(p - q) <= limitMm; };
  const auto cornersA = cornersOf(a, 0.0);
  const auto cornersB = cornersOf(b, 0.0);
  if (!std::equal(cornersA.begin(), cornersA.end(), cornersB.begin(), near)) {
    return false;
  }
  return a.evenlySpaced() || b.evenlySpaced() ||
         std::equal(a.sliceOrigins.begin(),
                    a.sliceOrigins.end(),
                    b.sliceOrigins.begin(),
                    b.sliceOrigins.end(),
                    near);
}

bool gridsOverlap(const Geometry& a, const Geometry& b) {
  // Two convex boxes are apart exactly where a face normal of one or a product
  // of two edges separates them (separating axis theorem).
  const auto cornersA = cornersOf(a, 0.5);
  const auto cornersB = cornersOf(b, 0.5);
  for (int m = 0; m < 3; ++m) {
    const int next = (m + 1) % 3;
    if (separatedAlong(cross(a.direction(m), a.direction(next)), cornersA, cornersB) ||
        separatedAlong(cross(b.direction(m), b.direction(next)), cornersA, cornersB)) {
      return false;
    }
    for (int n = 0; n < 3; ++n) {
      if (separatedAlong(cross(a.direction(m), b.direction(n)), cornersA, cornersB)) {
        return false;
      }
    }
  }
  return true;
}

Geometry cropped(const Geometry& geometry, const Box& box) {
  ARGAND_ASSERT(!box.empty() && intersection(box, geometry.box()) == box);
  Geometry result;
  result.size = box.size();
  result.lpsFromIndex = geometry.lpsFromIndex;
  const Vec3 begin{static_cast<double>(box.begin.i),
                   static_cast<double>(box.begin.j),
                   static_cast<double>(box.begin.k)};
  result.lpsFromIndex.offset = geometry.lpsFromIndex.apply(begin);
  if (!geometry.evenlySpaced()) {
    for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
      result.sliceOrigins.push_back(geometry.sliceToLps(begin.x, begin.y, k));
    }
  }
  return result;
}

bool AxisOrder::identity() const {
  return *this == AxisOrder{};
}

AxisOrder AxisOrder::inverse() const {
  AxisOrder result;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto from = static_cast<std::size_t>(source[axis]);
    result.source[from] = static_cast<int>(axis);
    result.flipped[from] = flipped[axis];
  }
  return result;
}

std::string axisCodes(const Geometry& geometry) {
  static constexpr std::array<std::string_view, 3> kLetters{"LR", "PA", "SI"};
  const auto patientAxes = nearestPatientAxes(geometry);
  std::string codes;
  for (int axis = 0; axis < 3; ++axis) {
    const int patient = patientAxes[static_cast<std::size_t>(axis)];
    const bool positive = geometry.lpsFromIndex.column(axis)[patient] >= 0.0;
    codes += kLetters[static_cast<std::size_t>(patient)][positive ? 0 : 1];
  }
  return codes;
}

Result<AxisOrder> orderTo(const Geometry& geometry, const std::string& codes) {
  const auto patientAxes = nearestPatientAxes(geometry);
  AxisOrder order;
  std::array<bool, 3> seen{false, false, false};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto pole = codes.size() == 3 ? poleOf(codes[axis]) : std::nullopt;
    if (!pole || seen[static_cast<std::size_t>(pole->axis)]) {
      return fail(ErrorCode::Usage,
                  fmt::format("'{}' is not an orientation: it takes one letter each of L or R, "
                              "P or A, S or I, as in LPS.",
                              codes));
    }
    seen[static_cast<std::size_t>(pole->axis)] = true;
    const auto from = std::find(patientAxes.begin(), patientAxes.end(), pole->axis);
    const int source = static_cast<int>(from - patientAxes.begin());
    order.source[axis] = source;
    order.flipped[axis] =
        (geometry.lpsFromIndex.column(source)[pole->axis] >= 0.0) != pole->positive;
  }
  return order;
}

Geometry reordered(const Geometry& geometry, const AxisOrder& order) {
  Geometry result;
  Vec3 first;  // the old index of the new first voxel
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int source = order.source[axis];
    const int to = static_cast<int>(axis);
    result.size[to] = geometry.size[source];
    first[source] = order.flipped[axis] ? static_cast<double>(geometry.size[source] - 1) : 0.0;
    result.lpsFromIndex.setColumn(
        to, geometry.lpsFromIndex.column(source) * (order.flipped[axis] ? -1.0 : 1.0));
  }
  result.lpsFromIndex.offset = geometry.lpsFromIndex.apply(first);
  if (!geometry.evenlySpaced() && order.source[2] == 2) {
    for (std::int64_t k = 0; k < geometry.size.k; ++k) {
      const std::int64_t from = order.flipped[2] ? geometry.size.k - 1 - k : k;
      result.sliceOrigins.push_back(geometry.sliceToLps(first.x, first.y, from));
    }
  }
  return result;
}

Geometry respaced(const Geometry& geometry, const Vec3& spacingMm) {
  const Vec3 spacing = geometry.spacingMm();
  Geometry result;
  Vec3 toFirst;  // from the common centre to the first voxel, in the new voxels
  for (int axis = 0; axis < 3; ++axis) {
    ARGAND_ASSERT(spacingMm[axis] > 0.0);
    const double sides = static_cast<double>(geometry.size[axis]) * spacing[axis] / spacingMm[axis];
    result.size[axis] = std::max<std::int64_t>(1, std::llround(sides));
    result.lpsFromIndex.setColumn(axis, geometry.direction(axis) * spacingMm[axis]);
    toFirst[axis] = -static_cast<double>(result.size[axis] - 1) / 2.0;
  }
  result.lpsFromIndex.offset = geometry.centerMm() + result.lpsFromIndex.applyLinear(toFirst);
  return result;
}

std::string orientationLetters(const Vec3& lps, double threshold) {
  static constexpr std::array<std::string_view, 3> kLetters{"LR", "PA", "HF"};
  const double norm = length(lps);
  if (!(norm > 0.0)) {
    return "?";
  }
  std::array<int, 3> axes{0, 1, 2};
  std::stable_sort(
      axes.begin(), axes.end(), [&](int a, int b) { return std::abs(lps[a]) > std::abs(lps[b]); });
  std::string letters;
  for (const int axis : axes) {
    if (std::abs(lps[axis]) >= threshold * norm) {
      letters += kLetters[static_cast<std::size_t>(axis)][lps[axis] > 0.0 ? 0 : 1];
    }
  }
  return letters;
}

}  // namespace argand
