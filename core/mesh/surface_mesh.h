// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/volume/segmentation.h"

#include <array>
#include <cstdint>
#include <stop_token>
#include <vector>

// Closed surfaces of structures, for programs that take meshes.
namespace argand::mesh {

// Triangles over shared points. Seen from outside their corners run anticlockwise.
struct TriangleMesh {
  std::vector<Vec3> pointsMm;  // LPS
  std::vector<std::array<std::uint32_t, 3>> triangles;

  // The volume inside (divergence theorem); positive where the normals point outwards.
  [[nodiscard]] double volumeMl() const;
};

// Returns the surface of a structure on the acquired slices, tilted and uneven ones too.
//
// Marching cubes (Lorensen and Cline 1987) over voxel centres, with the surface half way
// between a voxel of the mask and one outside: it is flush with the voxels' faces, and edges and
// corners are cut. Where two voxels meet at an edge only, they are kept apart, the
// same way in both cells beside that face; so the mesh is watertight, and each edge has
// two triangles. An empty structure has an empty mesh. Fails with Cancelled.
[[nodiscard]] Result<TriangleMesh> surfaceMesh(const Segmentation& segmentation,
                                               StructureId id,
                                               const std::stop_token& stop = {});

}  // namespace argand::mesh
