// SPDX-License-Identifier: Apache-2.0
#include "viz/surface.h"

#include "viz/vtk_bridge.h"

#include <vtkCellArray.h>
#include <vtkDataArray.h>
#include <vtkFlyingEdges3D.h>
#include <vtkImageData.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPolyData.h>
#include <vtkPolyDataNormals.h>
#include <vtkQuadricDecimation.h>
#include <vtkTransform.h>
#include <vtkTransformPolyDataFilter.h>
#include <vtkUnsignedCharArray.h>
#include <vtkWindowedSincPolyDataFilter.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace argand::viz {

namespace {

constexpr std::uint8_t kInside = 254;  // twice the iso value of one half

// The structure with one voxel of background all round, as samples 0 to
// kInside, and where its voxels lie in the segmentation's index space.
struct Occupancy {
  Size3 size;
  Affine indexFromSample;
  std::vector<std::uint8_t> samples;
};

Occupancy occupancyOf(const Segmentation& segmentation, StructureId id, const Box& box) {
  const Size3 inner = box.size();
  const std::vector<std::uint8_t> mask = segmentation.mask(id, box);
  Occupancy result;
  result.size = {inner.i + 2, inner.j + 2, inner.k + 2};
  result.samples.assign(static_cast<std::size_t>(result.size.voxels()), 0);
  for (std::int64_t k = 0; k < inner.k; ++k) {
    for (std::int64_t j = 0; j < inner.j; ++j) {
      const std::uint8_t* from = mask.data() + (k * inner.j + j) * inner.i;
      std::uint8_t* to =
          result.samples.data() + ((k + 1) * result.size.j + j + 1) * result.size.i + 1;
      std::transform(from, from + inner.i, to, [](std::uint8_t inside) {
        return inside != 0 ? kInside : std::uint8_t{0};
      });
    }
  }
  result.indexFromSample.offset = {static_cast<double>(box.begin.i - 1),
                                   static_cast<double>(box.begin.j - 1),
                                   static_cast<double>(box.begin.k - 1)};
  return result;
}

// Every 2 x 2 x 2 samples averaged into one.
Occupancy halved(const Occupancy& fine) {
  Occupancy result;
  // One more sample on each side keeps the rim empty.
  result.size = {fine.size.i / 2 + 2, fine.size.j / 2 + 2, fine.size.k / 2 + 2};
  result.samples.assign(static_cast<std::size_t>(result.size.voxels()), 0);
  std::vector<std::uint16_t> sums(result.samples.size(), 0);
  for (std::int64_t k = 0; k < fine.size.k; ++k) {
    for (std::int64_t j = 0; j < fine.size.j; ++j) {
      const std::uint8_t* from = fine.samples.data() + (k * fine.size.j + j) * fine.size.i;
      std::uint16_t* to =
          sums.data() + ((k / 2 + 1) * result.size.j + j / 2 + 1) * result.size.i + 1;
      for (std::int64_t i = 0; i < fine.size.i; ++i) {
        to[i / 2] = static_cast<std::uint16_t>(to[i / 2] + from[i]);
      }
    }
  }
  std::transform(sums.begin(), sums.end(), result.samples.begin(), [](std::uint16_t sum) {
    return static_cast<std::uint8_t>(sum / 8);
  });
  Affine fineFromCoarse;
  for (int axis = 0; axis < 3; ++axis) {
    Vec3 column;
    column[axis] = 2.0;
    fineFromCoarse.setColumn(axis, column);
  }
  fineFromCoarse.offset = {-1.5, -1.5, -1.5};  // sample 1 is the mean of fine 0 and 1
  result.indexFromSample = fine.indexFromSample * fineFromCoarse;
  return result;
}

vtkSmartPointer<vtkImageData> imageOf(const Occupancy& occupancy) {
  auto image = vtkSmartPointer<vtkImageData>::New();
  image->SetDimensions(static_cast<int>(occupancy.size.i),
                       static_cast<int>(occupancy.size.j),
                       static_cast<int>(occupancy.size.k));
  vtkNew<vtkUnsignedCharArray> array;
  // Outlives the image: both live in surfaceOf().
  array->SetArray(const_cast<std::uint8_t*>(occupancy.samples.data()),
                  static_cast<vtkIdType>(occupancy.samples.size()),
                  1);
  image->GetPointData()->SetScalars(array);
  return image;
}

std::vector<std::int32_t> trianglesOf(vtkPolyData& mesh) {
  std::vector<std::int32_t> triangles;
  triangles.reserve(static_cast<std::size_t>(mesh.GetNumberOfPolys()) * 3);
  vtkIdType count = 0;
  const vtkIdType* ids = nullptr;
  vtkCellArray* cells = mesh.GetPolys();
  for (cells->InitTraversal(); cells->GetNextCell(count, ids) != 0;) {
    for (vtkIdType n = 0; n < count; ++n) {
      triangles.push_back(static_cast<std::int32_t>(ids[n]));
    }
  }
  return triangles;
}

std::vector<float> floatsOf(vtkDataArray& array) {
  std::vector<float> values(static_cast<std::size_t>(array.GetNumberOfTuples()) * 3);
  for (vtkIdType n = 0; n < array.GetNumberOfTuples(); ++n) {
    for (int c = 0; c < 3; ++c) {
      values[static_cast<std::size_t>(n * 3 + c)] = static_cast<float>(array.GetComponent(n, c));
    }
  }
  return values;
}

// Vertices that share a cell of a coarse grid become one, the first of them
// (vertex clustering, Rossignac and Borrel 1993).
std::vector<std::int32_t> clustered(const SurfaceMesh& mesh) {
  constexpr std::size_t kFewTriangles = 3'000;
  constexpr double kDivisions = 22.0;  // along the longest side
  if (mesh.triangles.size() <= 3 * kFewTriangles) {
    return {};
  }
  std::array<float, 3> low{mesh.points[0], mesh.points[1], mesh.points[2]};
  std::array<float, 3> high = low;
  for (std::size_t n = 0; n < mesh.points.size(); ++n) {
    low[n % 3] = std::min(low[n % 3], mesh.points[n]);
    high[n % 3] = std::max(high[n % 3], mesh.points[n]);
  }
  const double side = std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]}) / kDivisions;
  std::unordered_map<std::uint64_t, std::int32_t> firstOfCell;
  std::vector<std::int32_t> joined(mesh.points.size() / 3);
  for (std::size_t v = 0; v < joined.size(); ++v) {
    std::uint64_t cell = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      cell = cell * 256 + static_cast<std::uint64_t>((mesh.points[3 * v + c] - low[c]) / side);
    }
    joined[v] = firstOfCell.try_emplace(cell, static_cast<std::int32_t>(v)).first->second;
  }
  std::vector<std::int32_t> coarse;
  for (std::size_t n = 0; n < mesh.triangles.size(); n += 3) {
    const auto corner = [&](std::size_t m) {
      return joined[static_cast<std::size_t>(mesh.triangles[n + m])];
    };
    const std::array<std::int32_t, 3> t{corner(0), corner(1), corner(2)};
    if (t[0] != t[1] && t[1] != t[2] && t[0] != t[2]) {
      coarse.insert(coarse.end(), t.begin(), t.end());
    }
  }
  const bool worthwhile = 2 * coarse.size() < mesh.triangles.size();
  return worthwhile ? coarse : std::vector<std::int32_t>{};
}

Failure stopped() {
  return fail(ErrorCode::Cancelled, "The surface was not finished.");
}

Result<SurfaceMesh> meshOf(const Occupancy& occupancy,
                           const Geometry& geometry,
                           const std::stop_token& stop,
                           const SurfaceOptions& options) {
  const vtkSmartPointer<vtkImageData> image = imageOf(occupancy);
  vtkNew<vtkFlyingEdges3D> edges;
  edges->SetInputData(image);
  edges->SetValue(0, kInside / 2.0);
  edges->ComputeNormalsOff();
  edges->ComputeGradientsOff();
  edges->ComputeScalarsOff();
  edges->Update();
  if (stop.stop_requested()) {
    return stopped();
  }

  // Smoothed in millimetres, so that thick slices are not smoothed more than thin.
  vtkNew<vtkTransform> transform;
  transform->SetMatrix(matrixFrom(geometry.lpsFromIndex * occupancy.indexFromSample));
  vtkNew<vtkTransformPolyDataFilter> placed;
  placed->SetInputConnection(edges->GetOutputPort());
  placed->SetTransform(transform);
  vtkNew<vtkWindowedSincPolyDataFilter> smooth;
  smooth->SetInputConnection(placed->GetOutputPort());
  smooth->SetNumberOfIterations(options.smoothingPasses);
  smooth->SetPassBand(options.passBand);
  smooth->NormalizeCoordinatesOn();
  smooth->BoundarySmoothingOff();
  smooth->FeatureEdgeSmoothingOff();
  smooth->Update();
  if (stop.stop_requested()) {
    return stopped();
  }

  vtkSmartPointer<vtkPolyData> mesh = smooth->GetOutput();
  const auto faces = static_cast<double>(mesh->GetNumberOfPolys());
  if (faces > static_cast<double>(options.maxTriangles)) {
    vtkNew<vtkQuadricDecimation> decimate;
    decimate->SetInputData(mesh);
    decimate->SetTargetReduction(1.0 - static_cast<double>(options.maxTriangles) / faces);
    decimate->VolumePreservationOn();
    decimate->Update();
    mesh = decimate->GetOutput();
  }
  vtkNew<vtkPolyDataNormals> normals;
  normals->SetInputData(mesh);
  normals->SplittingOff();
  normals->ConsistencyOn();
  normals->AutoOrientNormalsOn();
  normals->Update();
  vtkPolyData& finished = *normals->GetOutput();
  if (stop.stop_requested() || finished.GetNumberOfPolys() == 0) {
    return stop.stop_requested() ? Result<SurfaceMesh>(stopped()) : SurfaceMesh{};
  }
  SurfaceMesh result;
  result.points = floatsOf(*finished.GetPoints()->GetData());
  result.normals = floatsOf(*finished.GetPointData()->GetNormals());
  result.triangles = trianglesOf(finished);
  result.coarse = clustered(result);
  return result;
}

Vec3 pointOf(const SurfaceMesh& mesh, std::size_t corner) {
  const auto at = static_cast<std::size_t>(mesh.triangles[corner]) * 3;
  return {mesh.points[at], mesh.points[at + 1], mesh.points[at + 2]};
}

}  // namespace

double SurfaceMesh::volumeMl() const {
  double sum = 0.0;
  for (std::size_t n = 0; n + 2 < triangles.size(); n += 3) {
    sum += dot(pointOf(*this, n), cross(pointOf(*this, n + 1), pointOf(*this, n + 2)));
  }
  return sum / 6.0 / 1000.0;
}

double SurfaceMesh::areaMm2() const {
  double sum = 0.0;
  for (std::size_t n = 0; n + 2 < triangles.size(); n += 3) {
    const Vec3 corner = pointOf(*this, n);
    sum += length(cross(pointOf(*this, n + 1) - corner, pointOf(*this, n + 2) - corner));
  }
  return 0.5 * sum;
}

Result<SurfaceMesh> surfaceOf(const Segmentation& segmentation,
                              StructureId structure,
                              std::stop_token stop,
                              const SurfaceOptions& options) {
  return guarded(ErrorCode::Internal, "making a surface", [&]() -> Result<SurfaceMesh> {
    const Box box = segmentation.boundsOf(structure);
    if (box.empty()) {
      return SurfaceMesh{};
    }
    Occupancy occupancy = occupancyOf(segmentation, structure, box);
    while (occupancy.size.voxels() > options.maxVoxels) {
      if (stop.stop_requested()) {
        return stopped();
      }
      occupancy = halved(occupancy);
    }
    return meshOf(occupancy, segmentation.geometry(), stop, options);
  });
}

}  // namespace argand::viz
