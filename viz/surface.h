// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/segmentation.h"

#include <cstdint>
#include <stop_token>
#include <vector>

namespace argand::viz {

// A closed triangle mesh in LPS mm; triangles are wound so that normals point
// out. Where a structure meets the border of the grid it is closed there.
struct SurfaceMesh {
  std::vector<float> points;            // x y z, per vertex
  std::vector<float> normals;           // unit, per vertex
  std::vector<std::int32_t> triangles;  // three vertices each
  // The same with far fewer triangles, for while the view moves; empty where
  // `triangles` are few already. Indices into the same vertices.
  std::vector<std::int32_t> coarse;

  [[nodiscard]] bool empty() const { return triangles.empty(); }

  [[nodiscard]] double volumeMl() const;  // by the divergence theorem
  [[nodiscard]] double areaMm2() const;
};

struct SurfaceOptions {
  // Taubin's windowed sinc (1996): removes the stairs of voxels, keeps the volume.
  int smoothingPasses = 20;
  double passBand = 0.06;
  std::int64_t maxTriangles = 24'000;
  // A structure whose box is larger is halved (averaged) until it fits.
  std::int64_t maxVoxels = 12'000'000;
};

// The surface of one structure. A pure function for a worker thread, given a
// snapshot. Fails with Cancelled; an empty structure gives an empty mesh.
[[nodiscard]] Result<SurfaceMesh> surfaceOf(const Segmentation& segmentation,
                                            StructureId structure,
                                            std::stop_token stop = {},
                                            const SurfaceOptions& options = {});

}  // namespace argand::viz
