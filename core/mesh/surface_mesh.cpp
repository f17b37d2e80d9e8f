// SPDX-License-Identifier: Apache-2.0
#include "core/mesh/surface_mesh.h"

#include "core/base/assert.h"
#include "core/mesh/cell_loops.h"
#include "core/volume/slice_point.h"

#include <limits>

namespace argand::mesh {

namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// Walks the cells around a mask slice by slice. A cell (i, j, k) has its corners at the voxel
// centres i to i + 1 and so on; the mask is `box` with nothing around it.
class Mesher {
 public:
  Mesher(const Geometry& geometry, const Box& box, const std::vector<std::uint8_t>& mask)
      : m_geometry(geometry),
        m_box(box),
        m_mask(mask),
        m_size{box.size().i + 2, box.size().j + 2, box.size().k + 2},
        // A left-handed grid turns every triangle over.
        m_flip(geometry.lpsFromIndex.determinant() < 0.0) {
    for (auto& plane : m_points) {
      plane.assign(static_cast<std::size_t>(m_size.i * m_size.j * 2), kNone);
    }
    m_between.assign(static_cast<std::size_t>(m_size.i * m_size.j), kNone);
  }

  Result<TriangleMesh> run(const std::stop_token& stop) {
    for (std::int64_t k = 0; k + 1 < m_size.k; ++k) {
      ARGAND_TRY(checkStop(stop));
      for (std::int64_t j = 0; j + 1 < m_size.j; ++j) {
        for (std::int64_t i = 0; i + 1 < m_size.i; ++i) {
          addCell({i, j, k});
        }
      }
      std::swap(m_points[0], m_points[1]);
      std::fill(m_points[1].begin(), m_points[1].end(), kNone);
      std::fill(m_between.begin(), m_between.end(), kNone);
    }
    return std::move(m_mesh);
  }

 private:
  // Of a voxel of the padded mask.
  [[nodiscard]] bool inside(std::int64_t i, std::int64_t j, std::int64_t k) const {
    if (i < 1 || j < 1 || k < 1 || i + 1 >= m_size.i || j + 1 >= m_size.j || k + 1 >= m_size.k) {
      return false;
    }
    const Size3 size = m_box.size();
    return m_mask[static_cast<std::size_t>(((k - 1) * size.j + (j - 1)) * size.i + (i - 1))] != 0;
  }

  void addCell(const Index3& cell) {
    unsigned corners = 0;
    for (unsigned n = 0; n < 8; ++n) {
      corners |= static_cast<unsigned>(
                     inside(cell.i + (n & 1U), cell.j + (n >> 1U & 1U), cell.k + (n >> 2U & 1U)))
                 << n;
    }
    for (const Loop& loop : cellLoops()[corners]) {
      addLoop(cell, loop);
    }
  }

  void addLoop(const Index3& cell, const Loop& loop) {
    std::vector<std::uint32_t> points;
    for (const int edge : loop) {
      points.push_back(pointOn(cell, edge));
    }
    if (points.size() == 3) {
      addTriangle(points[0], points[1], points[2]);
      return;
    }
    if (points.size() == 4) {
      // A diagonal within a face could be one of the neighbour's too.
      const std::size_t from = shareFace(loop[0], loop[2]) ? 1 : 0;
      if (!shareFace(loop[from], loop[from + 2])) {
        addTriangle(points[from], points[from + 1], points[from + 2]);
        addTriangle(points[from], points[from + 2], points[(from + 3) % 4]);
        return;
      }
    }
    Vec3 middle;
    for (const std::uint32_t point : points) {
      middle = middle + m_mesh.pointsMm[point] * (1.0 / static_cast<double>(points.size()));
    }
    const std::uint32_t hub = addPoint(middle);
    for (std::size_t n = 0; n < points.size(); ++n) {
      addTriangle(hub, points[n], points[(n + 1) % points.size()]);
    }
  }

  // The point half way along an edge, made once for the cells that share it.
  std::uint32_t pointOn(const Index3& cell, int edge) {
    const CellEdge& along = cellEdges()[static_cast<std::size_t>(edge)];
    const Index3 at{cell.i + along.begin[0], cell.j + along.begin[1], cell.k + along.begin[2]};
    const auto place = static_cast<std::size_t>(at.j * m_size.i + at.i);
    auto& plane = m_points[static_cast<std::size_t>(along.begin[2])];
    std::uint32_t& known = along.axis == 2
                               ? m_between[place]
                               : plane[2 * place + static_cast<std::size_t>(along.axis)];
    if (known == kNone) {
      Vec3 index{static_cast<double>(at.i + m_box.begin.i - 1),
                 static_cast<double>(at.j + m_box.begin.j - 1),
                 static_cast<double>(at.k + m_box.begin.k - 1)};
      index[along.axis] += 0.5;
      known = addPoint(acquiredPoint(m_geometry, index));
    }
    return known;
  }

  std::uint32_t addPoint(const Vec3& pointMm) {
    ARGAND_ASSERT(m_mesh.pointsMm.size() < kNone);
    m_mesh.pointsMm.push_back(pointMm);
    return static_cast<std::uint32_t>(m_mesh.pointsMm.size() - 1);
  }

  void addTriangle(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    if (m_flip) {
      std::swap(b, c);
    }
    m_mesh.triangles.push_back({a, b, c});
  }

  const Geometry& m_geometry;
  Box m_box;
  const std::vector<std::uint8_t>& m_mask;
  Size3 m_size;  // with one voxel of nothing all round
  bool m_flip;
  // Points on edges along i and j in the planes below and above the cells, and between them.
  std::array<std::vector<std::uint32_t>, 2> m_points;
  std::vector<std::uint32_t> m_between;
  TriangleMesh m_mesh;
};

}  // namespace

double TriangleMesh::volumeMl() const {
  if (pointsMm.empty()) {
    return 0.0;
  }
  double sixfold = 0.0;
  const Vec3 origin = pointsMm.front();  // near the points, so that nothing cancels
  for (const auto& [a, b, c] : triangles) {
    sixfold += dot(pointsMm[a] - origin, cross(pointsMm[b] - origin, pointsMm[c] - origin));
  }
  return sixfold / 6.0 / 1000.0;
}

Result<TriangleMesh> surfaceMesh(const Segmentation& segmentation,
                                 StructureId id,
                                 const std::stop_token& stop) {
  const Box box = segmentation.boundsOf(id);
  if (box.empty()) {
    return TriangleMesh{};
  }
  const std::vector<std::uint8_t> mask = segmentation.mask(id, box);
  return Mesher(segmentation.geometry(), box, mask).run(stop);
}

}  // namespace argand::mesh
