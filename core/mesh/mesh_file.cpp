// SPDX-License-Identifier: Apache-2.0
#include "core/mesh/mesh_file.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/version.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace argand::mesh {

namespace {

static_assert(std::endian::native == std::endian::little, "meshes are written as they lie");

template <typename T>
void put(std::string& bytes, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes.append(raw, sizeof(T));
}

void put(std::string& bytes, const Vec3& vector) {
  put(bytes, static_cast<float>(vector.x));
  put(bytes, static_cast<float>(vector.y));
  put(bytes, static_cast<float>(vector.z));
}

// LPS to RAS turns by half about z: what was outside stays outside.
Vec3 inFrame(const Vec3& lps, Frame frame) {
  return frame == Frame::Lps ? lps : Vec3{-lps.x, -lps.y, lps.z};
}

std::vector<std::string> commentLines(const MeshFileOptions& options) {
  std::vector<std::string> lines{
      fmt::format("Argand {}. SPACE={}", kVersion, options.frame == Frame::Lps ? "LPS" : "RAS"),
      "Millimetres. For research use only."};
  for (const std::string& comment : options.comments) {
    std::string line = utf8Text(comment);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string stl(const TriangleMesh& mesh, const MeshFileOptions& options) {
  constexpr std::size_t kHeader = 80;  // must not begin with "solid", which is how text does
  std::string bytes;
  for (const std::string& line : commentLines(options)) {
    bytes += (bytes.empty() ? "" : " ") + line;
  }
  bytes.resize(kHeader, ' ');
  put(bytes, static_cast<std::uint32_t>(mesh.triangles.size()));
  for (const auto& corners : mesh.triangles) {
    Vec3 points[3];
    std::transform(corners.begin(), corners.end(), points, [&](std::uint32_t corner) {
      return inFrame(mesh.pointsMm[corner], options.frame);
    });
    put(bytes, normalized(cross(points[1] - points[0], points[2] - points[0])));
    for (const Vec3& point : points) {
      put(bytes, point);
    }
    put(bytes, std::uint16_t{0});
  }
  return bytes;
}

std::string obj(const TriangleMesh& mesh, const MeshFileOptions& options) {
  std::string text;
  for (const std::string& line : commentLines(options)) {
    text += "# " + line + "\n";
  }
  for (const Vec3& lps : mesh.pointsMm) {
    const Vec3 point = inFrame(lps, options.frame);
    text += fmt::format("v {:.4f} {:.4f} {:.4f}\n", point.x, point.y, point.z);
  }
  for (const auto& [a, b, c] : mesh.triangles) {
    text += fmt::format("f {} {} {}\n", a + 1, b + 1, c + 1);
  }
  return text;
}

std::string ply(const TriangleMesh& mesh, const MeshFileOptions& options) {
  std::string bytes = "ply\nformat binary_little_endian 1.0\n";
  for (const std::string& line : commentLines(options)) {
    bytes += "comment " + line + "\n";
  }
  bytes += fmt::format(
      "element vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
      "element face {}\nproperty list uchar int vertex_indices\nend_header\n",
      mesh.pointsMm.size(),
      mesh.triangles.size());
  for (const Vec3& point : mesh.pointsMm) {
    put(bytes, inFrame(point, options.frame));
  }
  for (const auto& corners : mesh.triangles) {
    put(bytes, std::uint8_t{3});
    for (const std::uint32_t corner : corners) {
      put(bytes, static_cast<std::int32_t>(corner));
    }
  }
  return bytes;
}

}  // namespace

std::string_view toString(MeshFormat format) {
  switch (format) {
    case MeshFormat::Stl:
      return "stl";
    case MeshFormat::Obj:
      return "obj";
    case MeshFormat::Ply:
      return "ply";
  }
  return "";
}

Result<void> writeMesh(const std::filesystem::path& path,
                       const TriangleMesh& mesh,
                       const MeshFileOptions& options) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  if (mesh.pointsMm.size() > kMost || mesh.triangles.size() > kMost) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The surface for {} has more triangles than the format can count.",
                            displayed(path)));
  }
  switch (options.format) {
    case MeshFormat::Stl:
      return writeFileAtomically(path, stl(mesh, options));
    case MeshFormat::Obj:
      return writeFileAtomically(path, obj(mesh, options));
    case MeshFormat::Ply:
      return writeFileAtomically(path, ply(mesh, options));
  }
  return {};
}

}  // namespace argand::mesh
