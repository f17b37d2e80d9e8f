// SPDX-License-Identifier: Apache-2.0
#include "core/mesh/mesh_file.h"

#include "core/base/file.h"
#include "core/volume/phantom.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

namespace argand::mesh {
namespace {

using ::testing::HasSubstr;

TriangleMesh ball() {
  const auto shape = phantom::sphere("Ball", {12.5, -7.0, 30.0}, 9.0);
  const Segmentation segmentation =
      phantom::rasterized(phantom::grid({60, 60, 90}, {1, 1, 1}), {shape});
  return surfaceMesh(segmentation, segmentation.structures()[0].id).value();
}

template <typename T>
T at(const std::string& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

Vec3 vectorAt(const std::string& bytes, std::size_t offset) {
  return {at<float>(bytes, offset), at<float>(bytes, offset + 4), at<float>(bytes, offset + 8)};
}

// Six times the volume, from corners as they stand in the file.
double sixfold(const Vec3& a, const Vec3& b, const Vec3& c) {
  return dot(a, cross(b, c));
}

std::string written(const TriangleMesh& mesh, const MeshFileOptions& options) {
  const auto path = test::testDir() / "mesh";
  EXPECT_TRUE(writeMesh(path, mesh, options));
  return readTextFile(path).value();
}

TEST(MeshFile, WritesBinaryStlWithItsFrameAndOutwardNormals) {
  const TriangleMesh mesh = ball();
  for (const Frame frame : {Frame::Lps, Frame::Ras}) {
    const std::string bytes = written(mesh, {MeshFormat::Stl, frame, {"Ball", "From a phantom"}});
    const std::string header = bytes.substr(0, 80);
    EXPECT_THAT(header, HasSubstr(frame == Frame::Lps ? "SPACE=LPS" : "SPACE=RAS"));
    EXPECT_THAT(header, HasSubstr("Ball"));
    EXPECT_NE(header.substr(0, 5), "solid");
    const auto count = at<std::uint32_t>(bytes, 80);
    ASSERT_EQ(count, mesh.triangles.size());
    ASSERT_EQ(bytes.size(), 84U + 50U * count);
    const double sign = frame == Frame::Lps ? 1.0 : -1.0;
    double volume = 0.0;
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t row = 84 + 50 * n;
      const Vec3 normal = vectorAt(bytes, row);
      const Vec3 first = vectorAt(bytes, row + 12);
      EXPECT_NEAR(length(normal), 1.0, 1e-5);
      EXPECT_GT(dot(normal, first - Vec3{12.5 * sign, -7.0 * sign, 30.0}), 0.0);
      volume += sixfold(first, vectorAt(bytes, row + 24), vectorAt(bytes, row + 36)) / 6000.0;
    }
    EXPECT_NEAR(volume, mesh.volumeMl(), 1e-3);
  }
}

TEST(MeshFile, WritesPlyWithSharedPoints) {
  const TriangleMesh mesh = ball();
  const std::string bytes = written(mesh, {MeshFormat::Ply, Frame::Ras, {"Ball\nof one line"}});
  EXPECT_THAT(bytes, HasSubstr("SPACE=RAS\n"));
  EXPECT_THAT(bytes, HasSubstr("comment Ball of one line\n"));
  EXPECT_THAT(bytes, HasSubstr(fmt::format("element vertex {}\n", mesh.pointsMm.size())));
  EXPECT_THAT(bytes, HasSubstr(fmt::format("element face {}\n", mesh.triangles.size())));
  const std::size_t body = bytes.find("end_header\n") + 11;
  ASSERT_EQ(bytes.size(), body + 12 * mesh.pointsMm.size() + 13 * mesh.triangles.size());
  for (std::size_t n = 0; n < mesh.pointsMm.size(); ++n) {
    const Vec3 point = vectorAt(bytes, body + 12 * n);
    EXPECT_NEAR(point.x, -mesh.pointsMm[n].x, 1e-4);
    EXPECT_NEAR(point.y, -mesh.pointsMm[n].y, 1e-4);
    EXPECT_NEAR(point.z, mesh.pointsMm[n].z, 1e-4);
  }
  const std::size_t faces = body + 12 * mesh.pointsMm.size();
  for (std::size_t n = 0; n < mesh.triangles.size(); ++n) {
    EXPECT_EQ(at<std::uint8_t>(bytes, faces + 13 * n), 3);
    for (std::size_t corner = 0; corner < 3; ++corner) {
      EXPECT_EQ(at<std::uint32_t>(bytes, faces + 13 * n + 1 + 4 * corner),
                mesh.triangles[n][corner]);
    }
  }
}

TEST(MeshFile, WritesObjThatReadsBack) {
  const TriangleMesh mesh = ball();
  std::istringstream text(written(mesh, {MeshFormat::Obj, Frame::Lps, {"Ball"}}));
  std::vector<Vec3> points;
  std::size_t triangles = 0;
  std::string comments;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line.substr(1));
    if (line[0] == 'v') {
      Vec3 point;
      words >> point.x >> point.y >> point.z;
      points.push_back(point);
    } else if (line[0] == 'f') {
      for (std::size_t corner = 0; corner < 3; ++corner) {
        std::uint32_t index = 0;
        words >> index;
        EXPECT_EQ(index, mesh.triangles[triangles][corner] + 1);
      }
      ++triangles;
    } else {
      comments += line + "\n";
    }
  }
  EXPECT_EQ(triangles, mesh.triangles.size());
  ASSERT_EQ(points.size(), mesh.pointsMm.size());
  for (std::size_t n = 0; n < points.size(); ++n) {
    EXPECT_LT(length(points[n] - mesh.pointsMm[n]), 1e-4);
  }
  EXPECT_THAT(comments, HasSubstr("SPACE=LPS\n"));
  EXPECT_THAT(comments, HasSubstr("# Ball\n"));
}

}  // namespace
}  // namespace argand::mesh
