// SPDX-License-Identifier: Apache-2.0
#include "viz/vtk_bridge.h"

#include "core/volume/phantom.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

namespace argand::viz {
namespace {

TEST(VtkBridge, SharesTheBufferAndKeepsItAlive) {
  std::optional<Volume> volume =
      *Volume::create(phantom::grid({4, 3, 2}, {1, 2, 3}, "RAS"), std::vector<std::int16_t>(24, 7));
  const auto& buffer = std::get<std::shared_ptr<const Volume::Int16>>(volume->buffer());
  const void* address = buffer->data();
  const std::weak_ptr<const Volume::Int16> watch = buffer;
  vtkSmartPointer<vtkImageData> image = imageDataFrom(*volume);
  EXPECT_EQ(image->GetScalarPointer(), address);
  EXPECT_EQ(image->GetDimensions()[0], 4);
  EXPECT_EQ(image->GetDimensions()[2], 2);
  volume.reset();
  EXPECT_FALSE(watch.expired());
  image = nullptr;
  EXPECT_TRUE(watch.expired());
}

TEST(VtkBridge, KeepsTheOrderOfTheVoxels) {
  std::vector<float> voxels(24);
  for (std::size_t n = 0; n < voxels.size(); ++n) {
    voxels[n] = static_cast<float>(n);
  }
  const Volume volume = *Volume::create(phantom::grid({4, 3, 2}, {1, 2, 3}), std::move(voxels));
  const auto image = imageDataFrom(volume);
  EXPECT_EQ(image->GetScalarComponentAsDouble(3, 1, 1, 0), volume.at({3, 1, 1}));
  EXPECT_EQ(image->GetScalarComponentAsDouble(0, 2, 0, 0), volume.at({0, 2, 0}));
}

TEST(VtkBridge, MapsPointsAsTheGeometryDoes) {
  const Geometry grid = phantom::grid({4, 3, 2}, {1, 2, 3}, "PIR");
  const auto matrix = matrixFrom(grid.lpsFromIndex);
  const Vec3 expected = grid.lpsFromIndex.apply({1, 2, 1});
  std::array<double, 4> point{1, 2, 1, 1};
  matrix->MultiplyPoint(point.data(), point.data());
  EXPECT_NEAR(point[0], expected.x, 1e-12);
  EXPECT_NEAR(point[1], expected.y, 1e-12);
  EXPECT_NEAR(point[2], expected.z, 1e-12);
}

}  // namespace
}  // namespace argand::viz
