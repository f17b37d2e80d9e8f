// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/mesh/surface_mesh.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace argand::mesh {

enum class MeshFormat { Stl, Obj, Ply };

[[nodiscard]] std::string_view toString(MeshFormat format);  // "stl", also the file's ending

// What x, y and z grow towards: left, posterior, superior, or right, anterior, superior.
enum class Frame { Lps, Ras };

struct MeshFileOptions {
  MeshFormat format = MeshFormat::Stl;
  Frame frame = Frame::Lps;
  std::vector<std::string> comments;  // one line each: the structure, where it came from
};

// Writes a mesh in mm: STL and PLY binary (32-bit, little-endian), OBJ as text with four
// decimals. The header or a comment says SPACE=LPS or SPACE=RAS, as 3D Slicer does and
// reads; an STL's header has room for 80 bytes of comments, the others take all.
[[nodiscard]] Result<void> writeMesh(const std::filesystem::path& path,
                                     const TriangleMesh& mesh,
                                     const MeshFileOptions& options = {});

}  // namespace argand::mesh
